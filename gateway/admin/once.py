"""Writes of the admin API that are sent again: same Idempotency-Key, same body, one effect and the same answer."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
from aiohttp import web

from gateway.body import BODY, read_body
from gateway.deps import Deps
from gateway.effects import LaterEffects
from gateway.errors import ApiError
from gateway.idempotency import HEADER, REPLAYED, digest_of, key_of
from metering.books import Books
from metering.books.writes import FirstAnswer

WITHHELD = "x-farebox-withheld"
NO_STORE = {"Cache-Control": "no-store"}  # it is about money and people: no cache may keep it


async def write_once(
    handler: Callable[[web.Request, Deps], Awaitable[web.Response]],
    request: web.Request,
    deps: Deps,
    withheld: str | None,
) -> web.Response:
    """Make a write, or answer what it was answered the first time. ``withheld`` names the field that is never stored.

    Raises ApiError: 400 for a key that is none, 422 when it was used for another write.
    """
    key = key_of(request.headers)
    assert key
    request[BODY] = await read_body(request, seconds_max=deps.settings.server.body_seconds_max)
    digest = await digest_of(f"{request.method} {request.path}", request[BODY])
    later = LaterEffects()
    async with deps.writes.once(key, digest) as write:
        first = write.first
        if first is None:
            bound = replace(deps, books=Books(write.ledger, deps.settings.meter), effects=later)
            response = await handler(request, bound)
            assert isinstance(response.body, bytes)
            await write.keep(
                status=response.status,
                body=_without(withheld, response.body),
                withheld=withheld,
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
