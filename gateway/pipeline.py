"""The line: one request, top to bottom."""

from collections.abc import Mapping

import structlog
from aiohttp import web

from config.catalog import ModelSpec
from gateway.auth import Principal, require_model
from gateway.body import read_body
from gateway.deps import DEPS, Deps
from gateway.errors import ApiError, invalid
from gateway.middleware import HOLD, RELAY, REQUEST_ID
from gateway.relay import CLIENT_GONE, Relay
from metering.core.settlement import Status
from metering.core.tally import CompletionTally
from metering.hold import Hold
from metering.order import Order
from providers.errors import ProviderError
from providers.wire.chat import ChatRequest, parse_chat_request

log = structlog.get_logger()
ENDPOINT = "chat/completions"
HEADER_CHARS_MAX = 256


async def handle_chat(request: web.Request) -> web.StreamResponse:
    """Serve POST /v1/chat/completions."""
    deps = request.app[DEPS]

    principal = await deps.auth.authenticate(request.headers)
    chat = parse_chat_request(await read_body(request, seconds_max=deps.settings.server.body_seconds_max))
    require_model(principal, chat.model)
    spec = deps.catalog.resolve(chat.model)
    prompt_tokens = await deps.counter.count_prompt(chat, spec)
    order = order_of(request, deps, principal, chat, spec, prompt_tokens)

    async with deps.meter.hold(order) as hold:
        relay = relay_of(request, deps, chat, hold)
        try:
            async with deps.forwarder.open(chat, hold) as answer:
                return await relay.run(answer)
        except ProviderError as error:
            relay.status = Status.UPSTREAM_GONE
            log.warning("upstream_failed", request_id=hold.request_id, error=str(error))
            raise
        except CLIENT_GONE:
            # It was forwarded, so the upstream has read the prompt, whatever it went on to produce.
            relay.produced = relay.produced or hold.forwarded
            raise
        finally:
            if relay.produced and hold.charge is None:
                relay.record()
            request[HOLD] = hold
            request[RELAY] = relay


def order_of(  # noqa: PLR0913, PLR0917 - an order is put together here, from all that the steps before have found
    request: web.Request,
    deps: Deps,
    principal: Principal,
    chat: ChatRequest,
    spec: ModelSpec,
    prompt_tokens: int,
) -> Order:
    """Return what the request asks of the meter. Raises ApiError (400) for a prompt beyond the context."""
    if prompt_tokens >= spec.context_tokens:
        raise ApiError(
            400,
            f"The messages are {prompt_tokens} tokens long; the model {spec.name} takes {spec.context_tokens}.",
            code="context_length_exceeded",
            param="messages",
        )
    headers = request.headers
    return Order(
        request_id=request[REQUEST_ID],
        account_id=principal.account_id,
        user_id=principal.user_id,
        key_id=principal.key_id,
        resource=principal.unit,
        endpoint=ENDPOINT,
        model=chat.model,
        candidates=deps.forwarder.plan(spec),
        stream=chat.stream,
        prompt_tokens=prompt_tokens,
        limit=chat.limit,
        choices=chat.n,
        clamp=principal.clamp,
        min_completion_tokens=deps.settings.meter.min_completion_tokens,
        orphan=principal.orphan,
        session_id=_told(headers, "X-Session-Id") or chat.session_id,
        reason=_told(headers, "X-Farebox-Reason") or ENDPOINT,
        feature=_told(headers, "X-Farebox-Feature"),
    )


def relay_of(request: web.Request, deps: Deps, chat: ChatRequest, hold: Hold) -> Relay:
    """Return the relay of a request, with a tally of its own."""
    spec = hold.order.spec
    return Relay(
        request=request,
        chat=chat,
        hold=hold,
        counter=deps.counter,
        tally=CompletionTally(deps.counter.encoder(spec.encoding), stop_token=spec.stop_token),
        body_bytes_max=deps.settings.upstream.body_bytes_max,
        charge_comment=deps.settings.meter.charge_comment,
    )


def _told(headers: Mapping[str, str], name: str) -> str | None:
    """Return what a header of the client's says, cut to what is stored. Raises ApiError (400)."""
    value = headers.get(name)
    if not value:
        return None
    if not value.isprintable():
        raise invalid(f"The header {name} has characters that can't be printed; leave them out.", name)
    return value[:HEADER_CHARS_MAX]
