"""The line: one request, top to bottom."""

import time
from collections.abc import Mapping

import structlog
from aiohttp import web

from config.catalog import ModelSpec
from gateway.auth import Principal, require_model
from gateway.deps import DEPS, Deps
from gateway.doors import Door
from gateway.errors import ApiError, answer, invalid, parts_of
from gateway.exchange import AiohttpExchange, Exchange
from gateway.idempotency import LOOKUP as IDEMPOTENCY_KEY
from gateway.idempotency import claim_of
from gateway.kept_answers import KeepingExchange, answer_again, keep_answer
from gateway.logs import REQUESTS
from gateway.metrics import observe_chat
from gateway.openapi.operation import Role, operation
from gateway.openapi.shapes import ChatCompletion
from gateway.relay import CLIENT_GONE, Relay
from metering.ask import Claim
from metering.core.settlement import CREDITS, Status
from metering.core.words import tally_of
from metering.errors import RepeatedError
from metering.hold import Hold
from metering.order import Order
from providers.errors import ProviderError
from providers.wire.chat import ChatBody, ChatRequest, parse_chat_request

log = structlog.get_logger()
HEADER_CHARS_MAX = 256
EXAMPLE = {"model": "simulated", "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 5}


async def handle_chat(exchange: Exchange, deps: Deps, door: Door) -> None:
    """Serve POST /v1/chat/completions, or a chat of the dashboard's."""
    principal = await door.callers.authenticate(exchange.headers, exchange.peer)
    body = await exchange.read(seconds_max=deps.settings.server.body_seconds_max)
    chat = parse_chat_request(body)
    require_model(principal, chat.model)
    spec = deps.catalog.resolve(chat.model)
    prompt_tokens = await deps.counter.count_prompt(chat, spec)
    claim = (
        await claim_of(exchange.headers, principal, door.endpoint, body)
        if IDEMPOTENCY_KEY in exchange.headers
        else None
    )
    order = order_of(exchange, deps, principal, chat, spec, prompt_tokens, claim, door.endpoint)

    async with deps.meter.hold(order) as hold:
        relay = exchange.relay = relay_of(exchange, deps, chat, hold)
        try:
            async with deps.forwarder.open(chat, hold) as upstream:
                await relay.run(upstream)
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
            if claim is not None and claim.replay:
                keep_answer(deps, relay)


async def serve_chat(exchange: Exchange, deps: Deps, door: Door) -> None:
    """Serve a chat request inside the error boundary, and note how it went."""
    started = time.perf_counter()
    try:
        await handle_chat(exchange, deps, door)
    except ConnectionResetError:
        raise
    except RepeatedError as repeated:
        response = await answer_again(deps, repeated, exchange.request_id)
        exchange.answer(response.status, *parts_of(response))
    except Exception as error:
        response = answer(error, request_id=exchange.request_id, top_up_url=deps.settings.top_up_url)
        if exchange.begun:
            exchange.status = response.status
            raise  # an answer that broke off must look like one
        exchange.answer(response.status, *parts_of(response))
    finally:
        ended = time.perf_counter()
        observe_chat(exchange, exchange.status, started, ended)
        REQUESTS.add_chat(exchange, exchange.status, ended - started)
        exchange.relay = None  # they would keep each other until the garbage is collected


@operation(
    "createChatCompletion",
    "Chat, metered; streamed or not",
    details="The provider's answer, byte for byte. Also served without /v1. Refused with 402 before it is forwarded.",
    body=ChatBody,
    answer=ChatCompletion,
    streams=True,
    role=Role.MEMBER,
    refuses=(402, 404, 409, 429, 502, 504),
    repeatable=True,
    example=EXAMPLE,
)
async def handle_aiohttp_chat(request: web.Request) -> web.StreamResponse:
    """Serve a chat request that the doorway did not take."""
    deps = request.app[DEPS].now
    exchange = AiohttpExchange(request, header_bytes_max=deps.settings.server.header_bytes_max)
    await serve_chat(exchange, deps, deps.door)
    return exchange.response


def order_of(  # noqa: PLR0913, PLR0917 - an order is put together here, from all that the steps before have found
    exchange: Exchange,
    deps: Deps,
    principal: Principal,
    chat: ChatRequest,
    spec: ModelSpec,
    prompt_tokens: int,
    claim: Claim | None,
    endpoint: str,
) -> Order:
    """Return what the request asks of the meter, and what it is charged by.

    Raises ApiError (400) for a prompt beyond the context, UnknownFeatureError, UnpricedModelError.
    """
    if prompt_tokens >= spec.context_tokens:
        raise ApiError(
            400,
            f"The messages are {prompt_tokens} tokens long; the model {spec.name} takes {spec.context_tokens}.",
            code="context_length_exceeded",
            param="messages",
        )
    headers = exchange.headers
    tariffs = deps.tariff.now
    feature = _told(headers, "x-farebox-feature") or principal.feature
    candidates = deps.forwarder.plan(spec)
    if feature is not None or principal.unit == CREDITS:
        candidates = tariffs.candidates(
            candidates,
            unit=principal.unit,
            feature=feature,
            service_tier=chat.service_tier,
            prompt_tokens=prompt_tokens,
        )
    return Order(
        request_id=exchange.request_id,
        account_id=principal.account_id,
        user_id=principal.user_id,
        key_id=principal.key_id,
        resource=principal.unit,
        endpoint=endpoint,
        model=chat.model,
        candidates=candidates,
        stream=chat.stream,
        prompt_tokens=prompt_tokens,
        limit=chat.limit,
        choices=chat.n,
        clamp=principal.clamp,
        min_completion_tokens=deps.settings.meter.min_completion_tokens,
        orphan=principal.orphan,
        session_id=_told(headers, "x-session-id") or chat.session_id,
        reason=_told(headers, "x-farebox-reason") or endpoint,
        feature=feature,
        claim=claim,
        limits=principal.limits,
        service_tier=chat.service_tier,
        prices=tariffs.prices or None,
    )


def relay_of(exchange: Exchange, deps: Deps, chat: ChatRequest, hold: Hold) -> Relay:
    """Return the relay of a request, with a tally of its own."""
    spec, claim = hold.order.spec, hold.order.claim
    kept_bytes_max = deps.settings.meter.idempotency_answer_bytes_max
    return Relay(
        exchange=exchange if claim is None or not claim.replay else KeepingExchange(exchange, kept_bytes_max),
        chat=chat,
        hold=hold,
        counter=deps.counter,
        tally=tally_of(deps.counter.encoder(spec.encoding), spec),
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
