"""The statement of one series of usage, put together from sql/usage.sql.

Roll-ups are read together with what is not in them yet. What they do not know (sessions, pools, single packs and
requests) is counted from the events, within a range that the caller bounds.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from metering.books.filters import EVENTS, Filters, Scope, Selection
from metering.books.order import Order
from metering.books.pages import Connection, days_in, statement_of, text_of

HOUR = timedelta(hours=1)
# What a series may be grouped by, and which rows of the roll-ups are of it alone (migrations/0007_reads.sql).
DIMS = {"user_id": 1, "key_id": 2, "model": 3, "feature": 4, "endpoint": 5}
EVERYTHING, ALL_FIVE = 0, 6
SESSION = "session_id"
GROUPS = (*DIMS, SESSION)
NARROWED = {"user_ids": "user_id", "key_id": "key_id", "model": "model", "feature": "feature", "endpoint": "endpoint"}
COUNTED = ("session_id", "request_id", "pack_id", "kinds", "pool", "min_amount", "max_amount")
MEASURES = (
    "requests", "charge", "allocated_amount", "input_amount", "prompt_tokens", "cached_tokens",
    "completion_tokens", "reasoning_tokens", "cost", "refunded",
)  # fmt: skip
# How a slot becomes a period, where that begins, and what it is called; {z} is the time zone, {since} the beginning.
INTERVALS = {
    "hour": ("m.slot", "p.period", "to_char(p.period AT TIME ZONE {z}, 'YYYY-MM-DD\"T\"HH24:MI')"),
    "day": ("(m.slot AT TIME ZONE {z})::date", "month_start(p.period, {z})", "to_char(p.period, 'YYYY-MM-DD')"),
    "month": (
        "date_trunc('month', m.slot AT TIME ZONE {z})::date",
        "month_start(p.period, {z})",
        "to_char(p.period, 'YYYY-MM')",
    ),
    "all": ("'all'::text", "{since}", "p.period"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a series is asked for; ``filters`` has the account, ``since`` and ``until``.

    ``foreign``: it was narrowed to another account, so there is nothing in it.
    """

    filters: Filters
    interval: str
    groups: tuple[str, ...]
    sort: str
    foreign: bool = False

    @property
    def counted(self) -> bool:
        """Whether the roll-ups do not know the answer."""
        return SESSION in self.groups or any(getattr(self.filters, name) is not None for name in COUNTED)

    @property
    def order(self) -> Order:
        """By time or a measure, then by time and group."""
        first = self.sort.removeprefix("-")
        names = [first, *(name for name in ("at", *self.groups) if name != first)]
        casts = ["bigint" if name in MEASURES else "timestamptz" if name == "at" else "text" for name in names]
        return Order(tuple(f"s.{name}" for name in names), tuple(casts), self.sort.startswith("-"))


class Statement:
    """A statement and its parameters: where its rows come from (``roll`` or ``count``), then a ``page`` of them."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a series is
        self, asked: Question, scope: Scope | None, resource: str, zone: str, first: datetime, last: datetime
    ) -> None:
        """``first`` and ``last`` are the first and the last hour of the account's clock."""
        self.resource = resource
        self._asked = asked
        self._scope = scope
        self._zone = zone
        self._first = first
        self._last = last
        self._values: list[Any] = []
        self._rows = ""

    def roll(self) -> None:
        """Read the roll-ups that know just enough."""
        filters = self._asked.filters
        self._values = [filters.account_id, self.resource, self._first, self._last, self._zone]
        named, conditions = set(self._asked.groups), ["true"]
        for name, column in NARROWED.items():
            value = getattr(filters, name)
            if value is not None:
                named.add(column)
                conditions.append(self._is(column, list(value) if name == "user_ids" else [value]))
        if self._scope is not None and self._scope.member:
            named.add("user_id")
            conditions.append(self._is("user_id", [self._scope.user_id or ""]))
        dims = EVERYTHING if not named else DIMS[named.pop()] if len(named) == 1 else ALL_FIVE
        source = "usage_of_hours" if self._asked.interval == "hour" else "usage_of_whole_days"
        text = " AND ".join(conditions)
        rolled, tail = text.replace("{}", "r"), text.replace("{}", "t")
        rollups = text_of(source, dims=str(dims))
        self._rows = text_of("usage_rolled", rollups=rollups, rolled=rolled, tail=tail)

    def _is(self, column: str, values: list[str]) -> str:
        self._values.append(values)
        return f"{{}}.{column} = ANY(${len(self._values)}::text[])"

    async def count(self, connection: Connection) -> None:
        """Count the events."""
        filters = replace(self._asked.filters, since=self._first, until=self._last + HOUR, resource=self.resource)
        selection = Selection(filters, self._scope, EVENTS)
        selection.days(*await days_in(connection, filters, self._scope))
        self._values = [*selection.values, self._zone, filters.account_id]
        zone, account = len(self._values) - 1, len(self._values)
        self._rows = text_of("usage_counted", where=selection.where, zone=f"${zone}::text", account=f"${account}::uuid")

    def page(self, after: tuple[Any, ...] | None, limit: int) -> tuple[str, list[Any]]:
        """Return the statement of at most ``limit`` points behind a place, and its parameters."""
        asked, order = self._asked, self._asked.order
        values, marks = list(self._values), {}
        for mark, cast, value in (("z", "text", self._zone), ("since", "timestamptz", self._first)):
            if any("{" + mark + "}" in part for part in INTERVALS[asked.interval]):
                values.append(value)
                marks[mark] = f"${len(values)}::{cast}"
        period, at, label = (part.format(**marks) for part in INTERVALS[asked.interval])
        condition = "true"
        if after is not None:
            places = [f"${len(values) + 1 + index}::{cast}" for index, cast in enumerate(order.casts)]
            condition = f"({', '.join(order.columns)}) {'<' if order.falls else '>'} ({', '.join(places)})"
            values += after
        values.append(limit)
        groups = "".join(f"{name}, " for name in asked.groups)
        text = statement_of(
            "usage_series",
            rows=self._rows,
            period=period,
            at=at,
            label=label,
            groups=groups,
            by="".join(f", {name}" for name in asked.groups),
            after=condition,
            order=order.sql,
            key=order.key,
            limit=f"${len(values)}",
        )
        return text, values
