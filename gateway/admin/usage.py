"""…/usage: series of what was used. gateway/admin/sheets.py has them as CSV; the account's own reads serve the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from gateway.admin.cursors import encode_cursor, row_place
from gateway.admin.paging import FILTERS, choice, filters_of, limit_of, one_of, place_in, refuse_unknown
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from metering.books.filters import Scope
from metering.books.series import COUNTED, GROUPS, INTERVALS, MEASURES, Question
from metering.books.usage import Series

POINTS_DEFAULT = 1000
RANGE_DEFAULT = timedelta(days=7)
# Sessions and the like are counted from the events themselves: so far at once.
COUNTED_RANGE_MAX = timedelta(days=31)
NAMES = {"member": "user_id", "key": "key_id", "session": "session_id", **{name: name for name in GROUPS}}
SORTS = tuple(sign + name for name in ("at", *MEASURES) for sign in ("-", ""))


async def read_series(
    deps: Deps,
    asked: Question,
    *,
    limit: int,
    scope: Scope | None = None,
    after: tuple[Any, ...] | None = None,
) -> Series:
    """Return points of a series. Raises ApiError (404): no such account."""
    series = await deps.books.usage.series(asked, limit=limit, scope=scope, after=after)
    if series is None:
        raise not_found("Account")
    return series


async def get_usage(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.Response:
    """Serve GET …/usage of an account."""
    query = request.query
    asked = question_of(query, scope)
    after = place_in(query, _name_of(asked), asked.sort, asked.order.casts)
    series = await read_series(deps, asked, limit=limit_of(query, POINTS_DEFAULT), scope=scope, after=after)
    end = series.after
    answer = {
        "data": series.points,
        "next_cursor": encode_cursor(row_place(_name_of(asked), asked.sort, end)) if end is not None else None,
        "interval": asked.interval,
        "group_by": asked.groups,
        "resource": series.resource,
        "time_zone": series.time_zone,
        "from": _text(series.since),
        "to": _text(series.until),
    }
    return answered(answer)


def question_of(query: MultiMapping[str], scope: Scope | None) -> Question:
    """Return what a series is asked for; by default the last seven days by day. Raises ApiError (400)."""
    known = [name for name in FILTERS if name != "io_type"]
    refuse_unknown(query, [*known, "interval", "group_by", "sort", "limit", "cursor"])
    filters = filters_of(query)
    account_id = scope.account_id if scope else filters.account_id
    if account_id is None:
        raise invalid("A series is of one account; write account_id.", "account_id")
    if filters.account_id not in {None, account_id}:
        raise not_found("Account")
    until = filters.until or datetime.now(UTC)
    try:
        since = filters.since or until - RANGE_DEFAULT
    except OverflowError as error:
        raise invalid("to is not right; write a time of this age.", "to") from error
    if since >= until:
        raise invalid("from is not before to; write an earlier one.", "from")
    asked = Question(
        filters=replace(filters, account_id=account_id, since=since, until=until),
        interval=choice(tuple(INTERVALS))(one_of(query, "interval", "day"), "interval"),
        groups=_groups(query),
        sort=choice(SORTS)(one_of(query, "sort", "-at"), "sort"),
    )
    if asked.counted and until - since > COUNTED_RANGE_MAX:
        which = ", ".join(("sessions", *COUNTED))
        raise invalid(
            f"Series by {which} reach over {COUNTED_RANGE_MAX.days} days at most; write a later from.", "from"
        )
    return asked


def _groups(query: MultiMapping[str]) -> tuple[str, ...]:
    words = [word for text in query.getall("group_by", []) for word in text.split(",")]
    return tuple(dict.fromkeys(NAMES[choice(tuple(NAMES))(word, "group_by")] for word in words))


def _name_of(asked: Question) -> str:
    """Return what tells a cursor's series from others."""
    return ":".join(("usage", asked.interval, *asked.groups))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def routes() -> list[web.RouteDef]:
    """Return the routes of series."""
    return [web.get("/admin/v1/usage", admin(get_usage), allow_head=False)]
