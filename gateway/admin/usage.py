"""…/usage: series of what was used. gateway/admin/sheets.py has them as CSV; the account's own reads serve the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web
from multidict import MultiMapping

from gateway.admin.cursors import encode_cursor, row_place
from gateway.admin.paging import ROW_FILTERS, choice, filters_of, limit_of, one_of, place_in, refuse_unknown
from gateway.admin.queries import POINTS_DEFAULT, USAGE_GROUPS, USAGE_SORTS, AccountUsageQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from gateway.openapi.operation import operation
from metering.books.filters import Scope
from metering.books.series import COUNTED, INTERVALS, Question
from metering.books.usage import Point, Series

RANGE_DEFAULT = timedelta(days=7)
# Sessions and the like are counted from the events themselves: so far at once.
COUNTED_RANGE_MAX = timedelta(days=31)


class UsageSeries(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """Points of a series, and what it is of; ``from`` and ``to`` are hours of the account's clock."""

    data: list[Point]
    next_cursor: str | None
    interval: str
    group_by: list[str]
    resource: str
    time_zone: str
    since: str
    until: str


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


@operation(
    "adminGetUsage", "Read a series of what was used", query=AccountUsageQuery, answer=UsageSeries, refuses=(404,)
)
async def get_usage(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.Response:
    """Serve GET …/usage of an account."""
    query = request.query
    asked = question_of(query, scope)
    after = place_in(query, _name_of(asked), asked.sort, asked.order.casts)
    series = await read_series(deps, asked, limit=limit_of(query, POINTS_DEFAULT), scope=scope, after=after)
    end = series.after
    answer = UsageSeries(
        data=series.points,
        next_cursor=encode_cursor(row_place(_name_of(asked), asked.sort, end)) if end is not None else None,
        interval=asked.interval,
        group_by=list(asked.groups),
        resource=series.resource,
        time_zone=series.time_zone,
        since=_text(series.since),
        until=_text(series.until),
    )
    return answered(answer)


def question_of(query: MultiMapping[str], scope: Scope | None, *, paged: bool = True) -> Question:
    """Return what a series is asked for; by default the last seven days by day. Raises ApiError (400)."""
    refuse_unknown(query, [*ROW_FILTERS, "interval", "group_by", "sort", *(["limit", "cursor"] if paged else [])])
    filters = filters_of(query)
    account_id = scope.account_id if scope else filters.account_id
    if account_id is None:
        raise invalid("A series is of one account; write account_id.", "account_id")
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
        sort=choice(USAGE_SORTS)(one_of(query, "sort", "-at"), "sort"),
        foreign=filters.account_id not in {None, account_id},
    )
    if asked.counted and until - since > COUNTED_RANGE_MAX:
        which = ", ".join(("sessions", *COUNTED))
        raise invalid(
            f"Series by {which} reach over {COUNTED_RANGE_MAX.days} days at most; write a later from.", "from"
        )
    return asked


def _groups(query: MultiMapping[str]) -> tuple[str, ...]:
    words = [word for text in query.getall("group_by", []) for word in text.split(",")]
    return tuple(dict.fromkeys(USAGE_GROUPS[choice(tuple(USAGE_GROUPS))(word, "group_by")] for word in words))


def _name_of(asked: Question) -> str:
    """Return what tells a cursor's series from others."""
    return ":".join(("usage", asked.interval, *asked.groups))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def routes() -> list[web.RouteDef]:
    """Return the routes of series."""
    return [web.get("/admin/v1/usage", admin(get_usage), allow_head=False)]
