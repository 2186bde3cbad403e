"""What pages of entries and events may be narrowed down to, as SQL.

A filter is a fixed piece of SQL with places for its value; values are always parameters, never text. A choice among
words (``pool``) is a piece for each word, so that each can be read from an index of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

DAY = timedelta(days=1)
FIRST_DAY, LAST_DAY = date(1000, 1, 1), date(9000, 1, 1)  # there are no requests outside, and dates have an end


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """All must hold; None and empty: any. ``since`` is inclusive, ``until`` exclusive.

    ``kinds`` are kinds of ledger entries; ``io_type`` is for rows of input and output only.
    """

    account_id: str | None = None
    user_ids: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None
    key_id: str | None = None
    session_id: str | None = None
    request_id: str | None = None
    pack_id: str | None = None
    kinds: tuple[str, ...] | None = None
    resource: str | None = None
    pool: str | None = None
    io_type: str | None = None
    feature: str | None = None
    endpoint: str | None = None
    min_amount: int | None = None
    max_amount: int | None = None


class Scope(NamedTuple):
    """Whose rows may be seen at all: an account's, and of a member only their own requests'."""

    account_id: str
    member: bool
    user_id: str | None


Conditions: TypeAlias = Mapping[str, str | Mapping[str, str]]

SHARED = {
    "account_id": "e.account_id = {}::uuid",
    "user_ids": "e.user_id = ANY({}::text[])",
    "model": "e.model = {}::text",
    "key_id": "e.key_id = {}::uuid",
    "session_id": "e.session_id = {}::text",
    "resource": "e.resource = {}::text",
    "since": "e.at >= {}::timestamptz",
    "until": "e.at < {}::timestamptz",
}
# A value and not EXISTS, which Postgres makes a join of: that reads all such events, for a page of 25.
_EVENT_OF_ENTRY = "(SELECT {} FROM events v WHERE v.day = uuid7_day(e.request_id) AND v.request_id = e.request_id)"
_PACK_IS_MEMBERS = "EXISTS (SELECT 1 FROM packs k WHERE k.pack_id = e.pack_id AND k.user_id IS NOT NULL)"
# Partitions are by day. An entry's day is that of its time; the day more allows for midnight between two readings of
# the clock. An event's is that of its request: metering/books/pages.py finds out which days those are.
ENTRIES: Conditions = MappingProxyType(
    {
        **SHARED,
        "since": "e.at >= {0}::timestamptz AND e.day >= ({0} AT TIME ZONE 'UTC')::date - 1",
        "until": "e.at < {0}::timestamptz AND e.day <= ({0} AT TIME ZONE 'UTC')::date + 1",
        "request_id": "e.request_id = {}::uuid",
        "pack_id": "e.pack_id = {}::uuid",
        "kinds": "e.kind = ANY({}::text[])",
        "pool": {
            "hybrid": _EVENT_OF_ENTRY.format("v.allocated_amount > 0 AND v.surplus_amount > 0"),
            "allocated": _PACK_IS_MEMBERS,
            "surplus": f"NOT {_PACK_IS_MEMBERS}",
        },
        "feature": "e.service = {0}::text AND " + _EVENT_OF_ENTRY.format("v.feature") + " = {0}",
        "endpoint": _EVENT_OF_ENTRY.format("v.endpoint") + " = {}::text",
        "min_amount": "e.amount >= {}::bigint",
        "max_amount": "e.amount <= {}::bigint",
    }
)
_ENTRY_OF_EVENT = (
    "EXISTS (SELECT 1 FROM entries x WHERE x.request_id = e.request_id AND x.account_id = e.account_id AND "
)
EVENTS: Conditions = MappingProxyType(
    {
        **SHARED,
        "request_id": "e.request_id = {0}::uuid AND e.day = uuid7_day({0})",
        "pack_id": _ENTRY_OF_EVENT + "x.pack_id = {}::uuid)",
        "kinds": _ENTRY_OF_EVENT + "x.kind = ANY({}::text[]))",
        "pool": {
            "surplus": "e.allocated_amount = 0",
            "allocated": "e.allocated_amount > 0 AND e.allocated_amount = e.charge",
            "hybrid": "e.allocated_amount > 0 AND e.allocated_amount < e.charge",
        },
        "feature": "e.feature = {}::text",
        "endpoint": "e.endpoint = {}::text",
        "min_amount": "e.charge >= {}::bigint",
        "max_amount": "e.charge <= {}::bigint",
    }
)
IO_EVENTS: Conditions = MappingProxyType(
    {
        **EVENTS,
        "io_type": "e.io_type = {}::text",
        "min_amount": "e.amount >= {}::bigint",
        "max_amount": "e.amount <= {}::bigint",
    }
)
# Which booked events the entries that match may be of: an entry moves a part of what its event was charged.
PROBE: Conditions = MappingProxyType(
    {
        **{name: SHARED[name] for name in ("account_id", "user_ids", "model", "key_id", "session_id", "resource")},
        "since": SHARED["since"],
        "until": SHARED["until"],
        "feature": EVENTS["feature"],
        "endpoint": EVENTS["endpoint"],
        "min_amount": EVENTS["min_amount"],
        "pool": {
            "hybrid": "e.allocated_amount > 0 AND e.allocated_amount < e.charge",
            "allocated": "e.allocated_amount > 0",
            "surplus": "(e.allocated_amount = 0 OR (e.allocated_amount > 0 AND e.allocated_amount < e.charge))",
        },
    }
)


class Selection:
    """The WHERE of a page, and its parameters in order. ``values``: the list to add to, of another selection."""

    def __init__(self, filters: Filters, scope: Scope | None, sql: Conditions, values: list[Any] | None = None) -> None:
        self.values: list[Any] = [] if values is None else values
        self._conditions = ["true"]
        if scope is not None:
            self._add("e.account_id = {}::uuid", scope.account_id)
            if scope.member:
                self._conditions.append("e.request_id IS NOT NULL")
                self._member(scope.user_id)
        for field in fields(filters):
            value = getattr(filters, field.name)
            condition = sql.get(field.name)
            if value is None or condition is None:
                continue
            if isinstance(condition, str):
                self._add(condition, value)
            else:
                self._conditions.append(condition[value])

    def _member(self, user_id: str | None) -> None:
        if user_id is None:
            self._conditions.append("e.user_id IS NULL")
        else:
            self._add("e.user_id = {}::text", user_id)

    def _add(self, condition: str, value: object) -> None:
        self.values.append(value)
        self._conditions.append(condition.format(f"${len(self.values)}"))

    def days(self, first: date | None, last: date | None) -> None:
        """Keep to the partitions of these days."""
        if first is not None:
            self._add("e.day >= {}::date", first)
        if last is not None:
            self._add("e.day <= {}::date", last)

    def requests(self, request_ids: list[str]) -> None:
        """Keep only the entries of these requests, and those of no request."""
        self._add(
            "(e.request_id = ANY({}::uuid[]) OR (e.request_id IS NULL"
            " AND e.kind IN ('grant', 'purchase', 'expire', 'revoke')))",
            request_ids,
        )

    def after(self, place: tuple[Any, ...], columns: tuple[str, ...], casts: tuple[str, ...], *, falls: bool) -> None:
        """Keep only what stands behind this place in the order of the columns."""
        first = len(self.values) + 1
        self.values.extend(place)
        places = [f"${first + index}::{cast}" for index, cast in enumerate(casts)]
        sign = "<" if falls else ">"
        # The first condition follows from the second, and can be read from an index where the second can't.
        self._conditions.append(f"{columns[0]} {sign}= {places[0]}")
        self._conditions.append(f"({', '.join(columns)}) {sign} ({', '.join(places)})")

    @property
    def where(self) -> str:
        """The conditions as SQL."""
        return " AND ".join(self._conditions)


def days_of(filters: Filters, odd: tuple[date | None, date | None]) -> tuple[date | None, date | None]:
    """Return the first and the last day whose requests may have been booked in a time.

    ``odd``: the days of those of them that were not booked on their own day, nor within two days after.
    """
    first = last = None
    if filters.since is not None:
        first = max(filters.since.date(), FIRST_DAY) - 2 * DAY
        first = min(first, odd[0]) if odd[0] else first
    if filters.until is not None:
        last = min(filters.until.date(), LAST_DAY) + DAY
        last = max(last, odd[1]) if odd[1] else last
    return first, last
