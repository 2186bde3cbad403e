"""Around every handler of the two APIs: who may call it, what it is given, what its answer looks like."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from gateway.auth import Principal, require_admin
from gateway.deps import DEPS, Deps
from gateway.errors import invalid
from metering.books.errors import ChangeRefusedError

Handler = Callable[[web.Request], Awaitable[web.Response]]
AdminHandler = Callable[[web.Request, Deps], Awaitable[web.Response]]
MemberHandler = Callable[[web.Request, Deps, Principal], Awaitable[web.Response]]

_encode = msgspec.json.Encoder().encode


def admin(handler: AdminHandler) -> Handler:
    """Return a handler that only the admin key may call."""

    async def serve(request: web.Request) -> web.Response:
        require_admin(request)
        try:
            return await handler(request, request.app[DEPS])
        except ChangeRefusedError as error:
            raise invalid(str(error), error.param) from error

    return serve


def member(handler: MemberHandler) -> Handler:
    """Return a handler that any account key may call, with the account it belongs to."""

    async def serve(request: web.Request) -> web.Response:
        deps = request.app[DEPS]
        return await handler(request, deps, await deps.auth.authenticate(request.headers))

    return serve


def answered(value: Any, *, status: int = 200) -> web.Response:  # noqa: ANN401 - any record, or a page of them
    """Return a record as JSON. It is about money and people: no cache may keep it."""
    return web.Response(
        status=status, body=_encode(value), content_type="application/json", headers={"Cache-Control": "no-store"}
    )
