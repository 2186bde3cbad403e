"""SHELL: usage as series and sums, exact at any moment (metering/books/series.py puts the statements together)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from asyncpg import Record
from msgspec import UNSET, UnsetType

from metering.books.filters import Scope
from metering.books.series import GROUPS, HOUR, Question, Statement
from metering.ledger import Ledger
from metering.queries import query

SECONDS_MAX = 60.0


class Point(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One period and group of a series; amounts are in the unit of the series' resource.

    ``charge`` has corrections in it and refunds not. What the series is grouped by is null where requests had none.
    """

    at: str
    period: str
    user_id: str | UnsetType | None = UNSET
    key_id: str | UnsetType | None = UNSET
    model: str | UnsetType | None = UNSET
    feature: str | UnsetType | None = UNSET
    endpoint: str | UnsetType | None = UNSET
    session_id: str | UnsetType | None = UNSET
    requests: int
    charge: int
    allocated_amount: int
    surplus_amount: int
    input_amount: int
    output_amount: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: int
    refunded: int


COLUMNS = tuple(name for name in Point.__struct_fields__ if name not in GROUPS)


class Series(msgspec.Struct, frozen=True):
    """Points of a series; ``since`` and ``until`` are hours of the account's clock, ``after`` is where it goes on."""

    points: list[Point]
    after: tuple[Any, ...] | None
    time_zone: str
    resource: str
    since: datetime
    until: datetime


class Sums(msgspec.Struct, frozen=True, gc=False):
    """All usage in one resource; ``charge`` with corrections, before refunds; ``images`` that were charged in it."""

    resource: str
    requests: int
    charge: int
    tokens: int
    refunded: int
    images: int


class Usage:
    """Series and sums of accounts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def sums(self, account_id: str, scope: Scope | None = None) -> list[Sums]:
        """Return all usage of an account, or of one member, by resource."""
        member = scope is not None and scope.member
        rows = await self._ledger.rows("usage_sums", account_id, member, scope.user_id if scope else None)
        return [Sums(*row) for row in rows]

    async def this_month(self, account_ids: Sequence[str]) -> dict[str, int]:
        """Return what accounts have used, in their units, in the calendar month of their time zones, less refunds."""
        rows = await self._ledger.rows("used_by_accounts", list(account_ids))
        return {row["account_id"]: row["used"] for row in rows}

    async def series(
        self, asked: Question, *, limit: int, scope: Scope | None = None, after: tuple[Any, ...] | None = None
    ) -> Series | None:
        """Return points of a series. None: there is no such account. Raises LedgerDownError."""
        filters = asked.filters
        async with self._ledger.connection() as connection, connection.transaction(readonly=True):
            await connection.execute(query("read_plans"))
            clock = await connection.fetchrow(query("usage_clock"), filters.account_id, filters.since, filters.until)
            if clock is None:
                return None
            zone, unit, first, last = clock
            if asked.foreign:
                return Series([], None, zone, filters.resource or unit, first, last + HOUR)
            statement = Statement(asked, scope, filters.resource or unit, zone, first, last)
            if asked.counted:
                await statement.count(connection)
            else:
                statement.roll()
            text, values = statement.page(after, limit + 1)
            rows = await connection.fetch(text, *values, timeout=SECONDS_MAX)
        end = asked.order.place_of(rows[limit - 1]) if len(rows) > limit else None
        points = [_point(row, asked.groups) for row in rows[:limit]]
        return Series(points, end, zone, statement.resource, first, last + HOUR)


def _point(row: Record, groups: tuple[str, ...]) -> Point:
    fields: dict[str, Any] = {name: row[name] for name in COLUMNS}
    fields |= {name: row[name] or None for name in groups}
    return Point(**fields)
