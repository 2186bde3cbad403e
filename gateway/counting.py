"""POST /v1/count: what a chat request would hold and cost for this caller, before it is sent. Nothing is charged."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from config.catalog import ModelSpec
from gateway.admin.serving import answered, member
from gateway.admin.tariff_forms import decimal_of
from gateway.auth import Principal, require_model
from gateway.body import read_body
from gateway.deps import DEPS, Deps
from gateway.doors import ENDPOINT
from gateway.errors import invalid
from gateway.exchange import AiohttpExchange, require_headers_that_fit
from gateway.openapi.operation import Role, operation
from gateway.openapi.tariff_shapes import Count, CountBody
from gateway.pipeline import order_of
from metering.bills import bill_of
from metering.core.settlement import Outcome, Source, Status
from metering.order import Order
from providers.wire.chat import ChatRequest, parse_chat_request

BOUNDARIES_MAX = 10_000  # tokens that are shown with their places: half a megabyte of answer
EXAMPLE = {"model": "simulated", "messages": [{"role": "user", "content": "Hello!"}], "boundaries": True}
PATHS = ("/v1/count", "/count")


class _Asked(msgspec.Struct):
    boundaries: bool = False


@operation(
    "countChat",
    "Say what a chat would hold and cost",
    body=CountBody,
    answer=Count,
    refuses=(404,),
    role=Role.MEMBER,
    example=EXAMPLE,
)
async def handle_count(request: web.Request) -> web.Response:
    """Serve POST /v1/count: a chat request as it would be sent, perhaps with ``"boundaries": true``."""
    deps = request.app[DEPS].now
    principal = await deps.auth.authenticate(request.headers, lambda: request.remote)
    return await serve_count(request, deps, principal)


@operation(
    "countPlayground",
    "The same for the dashboard, by key or session",
    body=CountBody,
    answer=Count,
    refuses=(404,),
    example=EXAMPLE,
)
async def handle_playground_count(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve POST /api/v1/playground/count."""
    return await serve_count(request, deps, principal)


async def serve_count(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Answer what a chat request would hold and cost for its caller."""
    server = deps.settings.server
    require_headers_that_fit(request, server.header_bytes_max)
    body = await read_body(request, seconds_max=server.body_seconds_max)
    chat = parse_chat_request(body)
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except msgspec.ValidationError as error:
        raise invalid("boundaries is not right; write true or false.", "boundaries") from error
    require_model(principal, chat.model)
    spec = deps.catalog.resolve(chat.model)
    prompt_tokens = await deps.counter.count_prompt(chat, spec)
    exchange = AiohttpExchange(request, header_bytes_max=server.header_bytes_max)
    order = order_of(exchange, deps, principal, chat, spec, prompt_tokens, None, ENDPOINT)
    lately = await deps.books.estimates.of(principal.account_id, principal.user_id, order.resource)
    usual = next((mix for mix in lately.mixes if mix.model == order.model and mix.requests), None)
    usual_tokens = None if usual is None else -(-usual.completion_tokens // usual.requests)
    shown = await asyncio.to_thread(_boundaries, deps, chat, spec) if asked.boundaries else {}
    return answered({**_counted(order, usual_tokens), **shown})


def _counted(order: Order, usual_tokens: int | None) -> dict[str, Any]:
    """Return what an order would hold and cost; amounts in the account's unit, costs in micro-dollars."""
    terms, most = order.terms(), order.choices * order.completion_max
    usual = None if usual_tokens is None else min(usual_tokens, most)
    return {
        "object": "count",
        "model": order.model,
        "unit": order.resource,
        "feature": order.feature,
        "prompt_tokens": order.prompt_tokens,
        "completion_tokens_max": most,
        "hold": terms.want,
        "hold_least": terms.least,
        "worst_case": terms.bound,
        "charge": {
            "prompt_only": _charge(order, 0),
            "usual": None if usual is None else {"completion_tokens": usual, **_charge(order, usual)},
            "longest": _charge(order, most),
        },
        "price": _price(order),
    }


def _charge(order: Order, completion_tokens: int) -> dict[str, int | None]:
    """Return what a reply of so many tokens is charged; a word is taken as a token, which is the most it can be."""
    outcome = Outcome(
        prompt_tokens=order.prompt_tokens,
        completion_tokens=completion_tokens,
        source=Source.TOKENIZER,
        status=Status.COMPLETED,
        counted_completion_tokens=completion_tokens,
        units=1 if order.spec.rates.base == "unit" else None,
    )
    bill = bill_of(order, order.spec, outcome)
    return {"amount": bill.charge, "cost": bill.cost}


def _price(order: Order) -> dict[str, Any]:
    """Return what one token, word, character or unit is held at, and the version that an event would carry."""
    spec = order.spec
    rates = {name: decimal_of(getattr(spec.rates, name)) for name in ("prompt", "cached", "completion")}
    return {"base": spec.rates.base, "rates": rates, "version": spec.rate_version}


def _boundaries(deps: Deps, chat: ChatRequest, spec: ModelSpec) -> dict[str, Any]:
    """Return where the tokens of each text of the messages are, in bytes of its UTF-8; at most BOUNDARIES_MAX."""
    shown: list[dict[str, Any]] = []
    left = BOUNDARIES_MAX
    for place, message in enumerate(chat.messages):
        content = message.content
        texts = [content] if isinstance(content, str) else [part.text for part in content or ()]
        for part, text in enumerate(texts):
            if text and left:
                tokens = deps.counter.tokens_of(text, spec.encoding, left)
                left -= len(tokens)
                shown.append({"message": place, "part": part, "tokens": tokens})
    return {"boundaries": shown, "boundaries_complete": left > 0}


def routes() -> list[web.RouteDef]:
    """Return the routes of counting, with and without the prefix, and the dashboard's."""
    playground = web.post("/api/v1/playground/count", member(handle_playground_count))
    return [*(web.post(path, handle_count) for path in PATHS), playground]
