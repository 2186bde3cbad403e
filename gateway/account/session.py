"""/api/v1/session: a key becomes a session of the dashboard, which can be read and ended."""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from gateway import VERSION
from gateway.admin.forms import Form, read_form
from gateway.admin.once import NO_STORE
from gateway.admin.serving import ADMIN, answered
from gateway.auth import Principal
from gateway.callers import fingerprint_of
from gateway.deps import DEPS, Deps
from gateway.errors import ApiError, invalid
from gateway.middleware import REQUEST_ID
from gateway.openapi.operation import JSON, Role, operation
from gateway.sessions import COOKIE, csrf_failed, csrf_of, digest_of, new_token
from metering.books.sessions import SessionRow
from metering.books.trail import Actor, Trail
from metering.ledger import Ledger

PATH = "/api/v1/session"
PLATFORM_ADMIN, ACCOUNT_ADMIN, MEMBER = "platform_admin", "account_admin", "member"
TRAILED = {PLATFORM_ADMIN, ACCOUNT_ADMIN}  # whose coming and going leaves a line in the trail
FOREIGN = {"cross-site", "same-site"}  # what a browser says of a request that another site's page has sent


class SignIn(Form):
    """POST /api/v1/session."""

    key: Annotated[str, Meta(min_length=1, max_length=4096, description="an API key or the admin key")]


class SessionAccount(msgspec.Struct, kw_only=True):
    """The account of a session."""

    id: str
    name: str
    unit: str
    time_zone: str


class SessionKey(msgspec.Struct, kw_only=True):
    """The API key that a session was signed in with."""

    id: str
    name: str
    prefix: str


class SessionGateway(msgspec.Struct, kw_only=True):
    """What an application sets as its base URL, to come to this gateway."""

    base_url: str


class Session(msgspec.Struct, kw_only=True):
    """Who is signed in. A platform admin has no ``account``, ``user_id`` and ``key``."""

    role: str
    account: SessionAccount | None
    user_id: str | None
    key: SessionKey | None
    csrf_token: str
    expires_at: str
    demo: bool
    top_up_url: str | None
    version: str
    gateway: SessionGateway


@operation("createSession", "Sign in", body=SignIn, answer=Session, refuses=(401, 403, 429, 503))
async def sign_in(request: web.Request) -> web.Response:
    """Serve POST /api/v1/session: set the cookie of a new session."""
    deps = request.app[DEPS].now
    _require_own_page(request)
    key = (await read_form(request, SignIn)).key.strip()
    attempt = deps.sign_ins.begin(deps.addresses.origin(request.remote, request.headers))
    try:
        principal = await _principal_of(key, request, deps)
    except ApiError:
        raise  # it counts
    except BaseException:
        deps.sign_ins.forgive(attempt)
        raise
    deps.sign_ins.forgive(attempt)
    token = new_token()
    row = await _begin(request, deps, token, key, principal)
    response = answered(await _session(request, deps, token, row, principal))
    _set_cookie(response, request, deps, token, int(deps.settings.dashboard.session_seconds))
    return response


@operation("getSession", "Read who is signed in", answer=Session, role=Role.SESSION)
async def get_session(request: web.Request) -> web.Response:
    """Serve GET /api/v1/session."""
    deps = request.app[DEPS].now
    token, row = await deps.callers.session(request.headers, reads=True)
    principal = await _caller(request, deps, row)
    return answered(await _session(request, deps, token, row, principal))


@operation("deleteSession", "Sign out", status=204, media="", role=Role.SESSION)
async def sign_out(request: web.Request) -> web.Response:
    """Serve DELETE /api/v1/session: the session is over, here at once and elsewhere within seconds."""
    deps = request.app[DEPS].now
    token, row = await deps.callers.session(request.headers)
    task = deps.meter.spawn(_end(request, deps, token, row), "sign-out")  # also when the client hangs up
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.shield(task)
    response = web.Response(status=HTTPStatus.NO_CONTENT, headers=NO_STORE)
    _set_cookie(response, request, deps, "", 0)
    return response


def _require_own_page(request: web.Request) -> None:
    """Refuse to sign a browser in where another site's page asks for it, by a form or by a script."""
    if request.headers.get("Sec-Fetch-Site") in FOREIGN:
        raise csrf_failed("Sign in from the dashboard itself, not from another site's page.")
    if request.content_type != JSON:
        raise invalid(f"Send the key as JSON, with Content-Type: {JSON}.", "Content-Type")


async def _principal_of(key: str, request: web.Request, deps: Deps) -> Principal | None:
    """Return whose a key is; None: the platform's."""
    if deps.callers.is_admin_key(key):
        return None
    return await deps.auth.authenticate(request.headers, lambda: request.remote, digest_of(key))


async def _caller(request: web.Request, deps: Deps, row: SessionRow) -> Principal | None:
    if row.key_digest is None:
        return None
    return await deps.callers.principal_of(row, request.headers, lambda: request.remote)


async def _begin(request: web.Request, deps: Deps, token: str, key: str, principal: Principal | None) -> SessionRow:
    """Store a session, with its line in the trail."""
    key_digest = None if principal is None else digest_of(key)
    admin = fingerprint_of(key) if principal is None else None
    seconds = deps.settings.dashboard.session_seconds
    actor = _actor(request, principal, admin)
    async with deps.writes.once(None, "", actor) as write:
        rows = deps.sessions.rows(write.ledger)
        session_id, expires_at = await rows.add(digest_of(token), key_digest=key_digest, admin=admin, seconds=seconds)
        await _note(write.ledger, "sign_in", session_id, actor, principal)
    return SessionRow(session_id, key_digest, admin, expires_at, seconds)


async def _end(request: web.Request, deps: Deps, token: str, row: SessionRow) -> None:
    """Delete a session, with its line in the trail."""
    principal = None
    with suppress(ApiError):  # a key that is good for nothing any more ends its sessions too
        principal = await _caller(request, deps, row)
    actor = _actor(request, principal, row.admin)
    async with deps.writes.once(None, "", actor) as write:
        if await deps.sessions.rows(write.ledger).end(digest_of(token)):
            await _note(write.ledger, "sign_out", row.session_id, actor, principal)
    deps.sessions.ended(token)


async def _note(ledger: Ledger, action: str, session_id: str, actor: Actor, principal: Principal | None) -> None:
    if actor.kind in TRAILED:
        account_id = None if principal is None else principal.account_id
        await Trail(ledger).note(action=action, object="session", object_id=session_id, account_id=account_id)


def _actor(request: web.Request, principal: Principal | None, admin: str | None) -> Actor:
    kind, name, user_id = MEMBER, "", None
    if admin is not None:
        kind, name = PLATFORM_ADMIN, admin
    elif principal is not None:
        kind, name, user_id = _role(principal), principal.key_id, principal.user_id
    return Actor(kind=kind, name=name, user_id=user_id, via="api", request_id=request[REQUEST_ID])


def _role(principal: Principal | None) -> str:
    if principal is None:
        return PLATFORM_ADMIN
    return ACCOUNT_ADMIN if principal.role == ADMIN else MEMBER


async def _session(
    request: web.Request, deps: Deps, token: str, row: SessionRow, principal: Principal | None
) -> Session:
    account, key, expires_at = None, None, row.expires_at
    if principal is not None:
        found = await deps.books.accounts.get(principal.account_id)
        record = await deps.books.keys.get(principal.key_id)
        assert found  # accounts and keys are never deleted
        assert record
        account = SessionAccount(id=found.id, name=found.name, unit=found.unit, time_zone=found.time_zone)
        key = SessionKey(id=record.id, name=record.name, prefix=record.prefix)
        expires_at = min(expires_at, record.expires_at or expires_at)
    return Session(
        role=_role(principal),
        account=account,
        user_id=principal.user_id if principal else None,
        key=key,
        csrf_token=csrf_of(token),
        expires_at=expires_at,
        demo=deps.settings.dashboard.demo,
        top_up_url=deps.settings.top_up_url,
        version=VERSION,
        gateway=SessionGateway(base_url=_base_url(request, deps)),
    )


def _is_secure(request: web.Request, deps: Deps) -> bool:
    return deps.settings.dashboard.secure_cookie or deps.addresses.is_secure(request.remote, request.headers)


def _base_url(request: web.Request, deps: Deps) -> str:
    return f"{'https' if _is_secure(request, deps) else 'http'}://{request.host}/v1"


def _set_cookie(response: web.Response, request: web.Request, deps: Deps, token: str, seconds: int) -> None:
    secure = _is_secure(request, deps)
    response.set_cookie(COOKIE, token, max_age=seconds, path="/", httponly=True, samesite="Strict", secure=secure)


def routes() -> list[web.RouteDef]:
    """Return the routes of sessions."""
    return [
        web.post(PATH, sign_in),
        web.get(PATH, get_session, allow_head=False),
        web.delete(PATH, sign_out),
    ]
