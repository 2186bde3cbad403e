"""POST /api/v1/playground/chat: a chat from the dashboard, on the line of all others, paid by the caller's account."""

from collections.abc import Iterable

from aiohttp import web

from gateway.deps import DEPS
from gateway.doors import PLAYGROUND, Door
from gateway.exchange import AiohttpExchange
from gateway.openapi.operation import Role, operation
from gateway.openapi.shapes import ChatCompletion
from gateway.pipeline import EXAMPLE, serve_chat
from providers.wire.chat import ChatBody


@operation(
    "playgroundChat",
    "Chat from the dashboard, metered; streamed or not",
    details="As createChatCompletion, by key or session; its endpoint in the ledger is `playground/chat`.",
    body=ChatBody,
    answer=ChatCompletion,
    streams=True,
    role=Role.MEMBER,
    refuses=(402, 404, 409, 429, 502, 504),
    repeatable=True,
    example=EXAMPLE,
)
async def handle_playground(request: web.Request) -> web.StreamResponse:
    """Serve a chat by a key or a session."""
    deps = request.app[DEPS].now
    exchange = AiohttpExchange(request, header_bytes_max=deps.settings.server.header_bytes_max)
    await serve_chat(exchange, deps, Door(deps.callers, PLAYGROUND))
    return exchange.response


def lines() -> Iterable[web.RouteDef]:
    """Return the route of the playground; it has an error boundary of its own."""
    return [web.post("/api/v1/playground/chat", handle_playground)]
