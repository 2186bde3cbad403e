"""Around every handler of the two APIs: who may call it, what it is given, what its answer looks like."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from gateway.admin.once import NO_STORE, Manner, write_once
from gateway.auth import Principal
from gateway.client import AGENT
from gateway.deps import DEPS, Deps
from gateway.errors import forbidden, invalid
from gateway.middleware import REQUEST_ID
from gateway.openapi.operation import Role, passed_on
from metering.books.errors import ChangeRefusedError
from metering.books.trail import Actor

ADMIN = "admin"
READ = "GET"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AdminHandler = Callable[[web.Request, Deps], Coroutine[Any, Any, web.StreamResponse]]
MemberHandler = Callable[[web.Request, Deps, Principal], Coroutine[Any, Any, web.StreamResponse]]

_encode = msgspec.json.Encoder().encode


def admin(handler: AdminHandler, *, withheld: str | None = None, changes: bool = True) -> Handler:
    """Return a handler that only the admin key may call, or an admin's session.

    What it ``changes`` is one transaction, with its lines in the trail, and happens once under an Idempotency-Key;
    ``withheld`` names the field of its answer that is not stored for that.
    """

    async def serve(request: web.Request) -> web.StreamResponse:
        deps = request.app[DEPS].now
        name = await deps.callers.admin(request.headers, reads=request.method == READ)
        if request.method == READ or not changes:
            return await _explained(handler(request, deps))
        actor = _actor(request, kind="platform_admin", name=name)
        return await _written(handler, request, deps, Manner(actor=actor, withheld=withheld))

    return passed_on(serve, handler, role=Role.PLATFORM_ADMIN, writes=changes, withheld=withheld)


def member(handler: MemberHandler, *, admins: bool = False) -> Handler:
    """Return a handler of reads that any key of an account may call, or its ``admins`` only."""

    async def serve(request: web.Request) -> web.StreamResponse:
        deps = request.app[DEPS].now
        return await handler(request, deps, await _caller(request, deps, admins=admins))

    return passed_on(serve, handler, role=_role(admins=admins))


def account_write(handler: MemberHandler, *, withheld: str | None = None, admins: bool = False) -> Handler:
    """Return a handler of writes that any key of an account may call, or its ``admins`` only; else as ``admin``."""

    async def serve(request: web.Request) -> web.StreamResponse:
        deps = request.app[DEPS].now
        caller = await _caller(request, deps, admins=admins)
        kind = "account_admin" if caller.role == ADMIN else "member"
        actor = _actor(request, kind=kind, name=caller.key_id, user_id=caller.user_id)
        manner = Manner(actor=actor, owner=caller.key_id, withheld=withheld)
        return await _written(partial(_for, handler, caller), request, deps, manner)

    return passed_on(serve, handler, role=_role(admins=admins), writes=True, withheld=withheld)


def _role(*, admins: bool) -> Role:
    return Role.ACCOUNT_ADMIN if admins else Role.MEMBER


async def _for(handler: MemberHandler, caller: Principal, request: web.Request, deps: Deps) -> web.StreamResponse:
    return await handler(request, deps, caller)


async def _caller(request: web.Request, deps: Deps, *, admins: bool) -> Principal:
    caller = await deps.callers.authenticate(request.headers, lambda: request.remote, reads=request.method == READ)
    if admins and caller.role != ADMIN:
        raise forbidden("This is for admins of the account; ask with a key whose role is admin.")
    return caller


def _actor(request: web.Request, *, kind: str, name: str, user_id: str | None = None) -> Actor:
    # Anybody may call themselves so: it says how, not who.
    via = "cli" if request.headers.get("User-Agent", "").startswith(AGENT) else "api"
    return Actor(kind=kind, name=name, user_id=user_id, via=via, request_id=request[REQUEST_ID])


async def _written(handler: AdminHandler, request: web.Request, deps: Deps, manner: Manner) -> web.StreamResponse:
    """Make a change, also when the client hangs up: what Postgres has booked, Redis must hear of."""
    change = write_once(handler, request, deps, manner)
    task = deps.meter.spawn(change, "admin-change")
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody waits for it any more
    return await _explained(asyncio.shield(task))


async def _explained(change: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    try:
        return await change
    except ChangeRefusedError as error:
        raise invalid(str(error), error.param) from error


def answered(value: Any, *, status: int = 200) -> web.Response:  # noqa: ANN401 - any record, or a page of them
    """Return a record as JSON."""
    return web.Response(status=status, body=_encode(value), content_type="application/json", headers=NO_STORE)
