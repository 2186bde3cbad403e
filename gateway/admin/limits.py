"""…/limits: what an account, its members, keys and models may use, how much of it is used, and a new beginning."""

import time
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from aiohttp import web
from msgspec import Meta

from gateway.admin.cursors import LimitPlace, decode_cursor, encode_cursor
from gateway.admin.forms import NO_NUL, Form, read_form
from gateway.admin.paging import limit_of, one_of, path_id, refuse_unknown
from gateway.admin.people_forms import LimitsOrNone
from gateway.admin.queries import LimitsQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import forbidden, invalid, not_found, timestamp
from gateway.openapi.limit_shapes import LimitSet, LimitsReset
from gateway.openapi.operation import list_of, operation
from metering.books.keys import Mine
from metering.books.limits import LimitRow
from metering.core.limits import Limit, Scope, Windows, tag_of
from metering.errors import MeterUnavailableError
from metering.spends import Counts

MINUTE_MS = 60_000
SCOPES = tuple(scope.value for scope in Scope)
ScopeName = Literal["account", "member", "key", "model"]
Subject = Annotated[
    str, Meta(max_length=256, pattern=NO_NUL, description="a user_id, the id of a key, or the name of a model")
]
# What is open is what it is: it ends by itself.
Resettable = Literal["requests_per_minute", "tokens_per_minute", "spend_per_day", "spend_per_month"]


class Whose(Form):
    """Whom limits are of; an account has no subject."""

    scope: ScopeName
    subject: Subject = ""

    def named(self) -> tuple[Scope, str]:
        """Return the scope and the subject. Raises ApiError (400)."""
        if (self.scope == "account") != (self.subject == ""):
            raise invalid(
                "subject is a user_id, the id of a key, or the name of a model; an account has none.", "subject"
            )
        return Scope(self.scope), self.subject


class NewLimits(Whose, kw_only=True):
    """PUT …/limits; they are replaced as a whole, null or an empty object takes them away."""

    limits: LimitsOrNone | None


class Reset(Whose):
    """POST …/limits/reset; no names: every limit that is set, but that of requests at once."""

    limits: (
        Annotated[
            list[Resettable], Meta(min_length=1, description="a list of names of limits, without concurrent_requests")
        ]
        | None
    ) = None


SOME_LIMITS = {"scope": "member", "subject": "ada", "limits": {"requests_per_minute": 60}}
SOME_NAMES = {"scope": "member", "subject": "ada", "limits": ["requests_per_minute"]}


@operation("adminListLimits", "List limits, and what is used of them", query=LimitsQuery, answer=list_of(LimitSet))
async def list_limits(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/limits."""
    return await show_limits(request, deps, path_id(request, "Account"))


@operation("adminSetLimits", "Set limits", body=NewLimits, answer=LimitSet, example=SOME_LIMITS)
async def put_limits(request: web.Request, deps: Deps) -> web.Response:
    """Serve PUT /admin/v1/accounts/{id}/limits."""
    return await change_limits(request, deps, path_id(request, "Account"), SCOPES)


@operation("adminResetLimits", "Count limits anew", body=Reset, answer=LimitsReset, example=SOME_NAMES)
async def post_reset(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/accounts/{id}/limits/reset."""
    return await reset_limits(request, deps, path_id(request, "Account"), SCOPES)


async def show_limits(request: web.Request, deps: Deps, account_id: str, *, mine: Mine | None = None) -> web.Response:
    """Answer an account's limits and what is used of them; ``mine``: of a member and their keys only."""
    refuse_unknown(request.query, ["scope", "subject", "limit", "cursor"])
    scope = one_of(request.query, "scope") if "scope" in request.query else None
    if scope is not None and scope not in SCOPES:
        raise invalid(f"scope is not right; write one of {', '.join(SCOPES)}.", "scope")
    subject = one_of(request.query, "subject") if "subject" in request.query else None
    cursor = decode_cursor(one_of(request.query, "cursor"), LimitPlace) if "cursor" in request.query else None
    limit = limit_of(request.query)
    after = (cursor.scope, cursor.subject) if cursor else ("", "")
    rows = await deps.books.limits.page(
        account_id, limit=limit + 1, after=after, scope=scope, subject=subject, mine=mine
    )
    shown = rows[:limit]
    data = await _with_usage(deps, account_id, shown)
    last = encode_cursor(LimitPlace(shown[-1].scope.value, shown[-1].subject)) if len(rows) > limit else None
    return answered({"data": data, "next_cursor": last})


async def change_limits(request: web.Request, deps: Deps, account_id: str, scopes: Collection[str]) -> web.Response:
    """Replace limits, if they are of one of these scopes."""
    form = await read_form(request, NewLimits)
    scope, subject = await _allowed(form, deps, account_id, scopes)
    limits = {name: most for name, most in form.limits.given.items() if most is not None} if form.limits else {}
    if scope is Scope.KEY:
        changed = await deps.books.keys.change(subject, limits=limits)
        assert changed
        await deps.effects.changed(changed[1])
    else:
        state = await deps.books.limits.set(account_id, scope, subject, limits)
        if state is None:
            raise not_found("Account")
        await deps.effects.push(state)
        await deps.effects.account_changed(account_id)
    row = LimitRow(scope, subject, {Limit(name): most for name, most in limits.items()})
    return answered(_record(row, None))


async def reset_limits(request: web.Request, deps: Deps, account_id: str, scopes: Collection[str]) -> web.Response:
    """Begin to count anew, if the limits are of one of these scopes."""
    form = await read_form(request, Reset)
    scope, subject = await _allowed(form, deps, account_id, scopes)
    found = await deps.books.limits.page(account_id, limit=1, scope=scope, subject=subject)
    every = frozenset(found[0].limits if found else ()) - {Limit.CONCURRENT}
    names = frozenset(map(Limit, form.limits)) if form.limits else every
    if not names:
        raise invalid("There is nothing to begin again: no such limit is set here.", "limits")
    before = await _with_usage(deps, account_id, found)
    state = await deps.books.limits.forgive(account_id, scope, subject, names)
    used = (before[0]["usage"] or {}) if before else {}
    await deps.books.trail.note(
        action="reset",
        object="limits",
        object_id=scope.value if scope is Scope.ACCOUNT else f"{scope.value}:{subject}",
        account_id=account_id,
        before={name.value: used.get(name.value, {}).get("used") for name in names},
        after=dict.fromkeys((name.value for name in names), 0),
    )
    await deps.effects.push(state)
    await deps.effects.begin_again(account_id, tag_of(scope, subject), names)
    return answered({"scope": scope, "subject": subject or None, "reset": sorted(names)})


async def _allowed(form: Whose, deps: Deps, account_id: str, scopes: Collection[str]) -> tuple[Scope, str]:
    """Return whom a body names. Raises ApiError (400, 403, 404)."""
    scope, subject = form.named()
    if scope not in scopes:
        raise forbidden(f"Limits of this scope are the platform's to set; yours are those of {' and '.join(scopes)}.")
    if not await deps.books.accounts.exists(account_id):
        raise not_found("Account")
    if scope is Scope.KEY:
        key = await deps.books.keys.lock(_id_of(subject))
        if key is None or key.account_id != account_id:
            raise not_found("Key")
        subject = key.id
    return scope, subject


def _id_of(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise not_found("Key") from error


async def _with_usage(deps: Deps, account_id: str, rows: Sequence[LimitRow]) -> list[dict[str, Any]]:
    """Return limits with what is used of them; null where Redis can't tell."""
    if not rows:
        if not await deps.books.accounts.exists(account_id):
            raise not_found("Account")
        return []
    account = await deps.books.accounts.get(account_id)
    assert account
    now_ms = time.time_ns() // 1_000_000
    tags = [tag_of(row.scope, row.subject) for row in rows]
    try:
        windows, counts = await deps.admission.spends.counts(account_id, account.unit, tags, now_ms)
    except MeterUnavailableError:
        return [_record(row, None) for row in rows]
    return [_record(row, _usage(row, count, windows, now_ms)) for row, count in zip(rows, counts, strict=True)]


def _usage(row: LimitRow, counts: Counts, windows: Windows, now_ms: int) -> dict[str, Any]:
    minute_end = (now_ms // MINUTE_MS + 1) * MINUTE_MS
    ends = {
        Limit.REQUESTS: minute_end,
        Limit.TOKENS: minute_end,
        Limit.DAY: windows.day_end,
        Limit.MONTH: windows.month_end,
    }
    return {
        name.value: {
            "used": counts.of(name),
            "remaining": max(0, row.limits[name] - counts.of(name)),
            "resets_at": timestamp(ends[name]) if name in ends else None,
        }
        for name in Limit
        if name in row.limits
    }


def _record(row: LimitRow, usage: dict[str, Any] | None) -> dict[str, Any]:
    return {"scope": row.scope, "subject": row.subject or None, "limits": row.limits, "usage": usage}


def routes() -> list[web.RouteDef]:
    """Return the platform admins' routes of limits."""
    every = "/admin/v1/accounts/{id}/limits"
    return [
        web.get(every, admin(list_limits), allow_head=False),
        web.put(every, admin(put_limits)),
        web.post(f"{every}/reset", admin(post_reset)),
    ]
