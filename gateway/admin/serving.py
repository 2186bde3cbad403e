"""Around every handler of the two APIs: who may call it, what it is given, what its answer looks like."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
from aiohttp import web

from gateway.admin.once import NO_STORE, write_once
from gateway.auth import Principal, require_admin
from gateway.deps import DEPS, Deps
from gateway.errors import invalid
from gateway.idempotency import HEADER
from metering.books.errors import ChangeRefusedError

Handler = Callable[[web.Request], Awaitable[web.Response]]
AdminHandler = Callable[[web.Request, Deps], Coroutine[Any, Any, web.Response]]
MemberHandler = Callable[[web.Request, Deps, Principal], Awaitable[web.Response]]

_encode = msgspec.json.Encoder().encode


def admin(handler: AdminHandler, *, withheld: str | None = None, changes: bool = True) -> Handler:
    """Return a handler that only the admin key may call.

    What it ``changes`` happens once under an Idempotency-Key; ``withheld`` names the field of its answer that is not
    stored for that.
    """

    async def serve(request: web.Request) -> web.Response:
        require_admin(request)
        deps = request.app[DEPS]
        try:
            if request.method == "GET":
                return await handler(request, deps)
            if changes and HEADER in request.headers:
                return await _to_the_end(write_once(handler, request, deps, withheld), deps)
            return await _to_the_end(handler(request, deps), deps)
        except ChangeRefusedError as error:
            raise invalid(str(error), error.param) from error

    return serve


async def _to_the_end(change: Coroutine[Any, Any, web.Response], deps: Deps) -> web.Response:
    """Make a change, also when the client hangs up: what Postgres has booked, Redis must hear of."""
    task = deps.meter.spawn(change, "admin-change")
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it any more
    response: web.Response = await asyncio.shield(task)
    return response


def member(handler: MemberHandler) -> Handler:
    """Return a handler that any account key may call, with the account it belongs to."""

    async def serve(request: web.Request) -> web.Response:
        deps = request.app[DEPS]
        return await handler(request, deps, await deps.auth.authenticate(request.headers))

    return serve


def answered(value: Any, *, status: int = 200) -> web.Response:  # noqa: ANN401 - any record, or a page of them
    """Return a record as JSON."""
    return web.Response(status=status, body=_encode(value), content_type="application/json", headers=NO_STORE)
