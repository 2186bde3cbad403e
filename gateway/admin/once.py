"""Writes of the two APIs: one transaction each, in the name of whoever makes it (metering/books/writes.py).

One that is sent again (same Idempotency-Key, same body) has one effect and the same answer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec
from aiohttp import web

from gateway.body import BODY, read_body
from gateway.deps import Deps
from gateway.effects import LaterEffects
from gateway.errors import ApiError
from gateway.idempotency import HEADER, REPLAYED, digest_of, key_of
from metering.books import Books
from metering.books.trail import Actor
from metering.books.writes import FirstAnswer

WITHHELD = "x-farebox-withheld"
NO_STORE = {"Cache-Control": "no-store"}  # it is about money and people: no cache may keep it


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a write is made: by whom, whose Idempotency-Keys count, which field of its answer is never stored."""

    actor: Actor
    owner: str | None = None  # None: the platform's
    withheld: str | None = None


async def write_once(
    handler: Callable[[web.Request, Deps], Awaitable[web.StreamResponse]],
    request: web.Request,
    deps: Deps,
    manner: Manner,
) -> web.Response:
    """Make a write, or answer what it was answered the first time.

    Raises ApiError: 400 for a key that is none, 422 when it was used for another write.
    """
    # Before the transaction: a slow sender must keep no connection.
    body = request[BODY] = await read_body(request, seconds_max=deps.settings.server.body_seconds_max)
    key = key_of(request.headers)
    digest = "" if key is None else await digest_of(f"{request.method} {request.path}", body)
    if key is not None and manner.owner is not None:
        key = f"{manner.owner} {key}"  # no key of the platform has a space
    later = LaterEffects()
    async with deps.writes.once(key, digest, manner.actor) as write:
        first = write.first
        if first is None:
            bound = replace(
                deps, books=Books(write.ledger, deps.settings.meter, deps.settings.resources), effects=later
            )
            answer = await handler(request, bound)
            assert isinstance(answer, web.Response)  # only reads are streamed
            assert isinstance(answer.body, bytes)
            response = answer
            await write.keep(
                status=response.status,
                body=_without(manner.withheld, answer.body),
                withheld=manner.withheld,
                account_id=later.states[0].account_id if later.states else None,
            )
    if first is not None:
        return await _again(first, digest, deps)
    await later.happen(deps.effects)
    return response


def _without(field: str | None, body: bytes) -> bytes:
    """Return a body with null in place of a field."""
    if field is None:
        return body
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**fields, field: None})


async def _again(first: FirstAnswer, digest: str, deps: Deps) -> web.Response:
    if first.digest != digest:
        raise ApiError(
            422,
            f"This {HEADER} was used for another write; write a new key for a new one.",
            code="idempotency_mismatch",
            param=HEADER,
        )
    if first.account_id is not None:
        # The gateway that made the change may have died before Redis heard of it.
        state = await deps.ledger.state(first.account_id)
        if state is not None:
            await deps.effects.push(state)
    headers = {**NO_STORE, **REPLAYED, **({WITHHELD: first.withheld} if first.withheld else {})}
    return web.Response(status=first.status, body=first.body, content_type="application/json", headers=headers)
