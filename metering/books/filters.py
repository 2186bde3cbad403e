"""What pages of entries and events may be narrowed down to, as SQL.

A filter is a fixed piece of SQL with places for its value; values are always parameters, never text.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

ENTRY_ORDER = ("at", "version", "seq", "account_id")
EVENT_ORDER = ("at", "request_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """All must hold; None and empty: any. ``since`` is inclusive, ``until`` exclusive."""

    account_id: str | None = None
    user_ids: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None
    key_id: str | None = None
    session_id: str | None = None
    request_id: str | None = None
    pack_id: str | None = None
    kind: str | None = None
    resource: str | None = None
    pool: str | None = None
    feature: str | None = None
    endpoint: str | None = None
    min_amount: int | None = None
    max_amount: int | None = None


class Scope(NamedTuple):
    """Whose rows may be seen at all: an account's, and of a member only their own requests'."""

    account_id: str
    member: bool
    user_id: str | None


SHARED = {
    "account_id": "e.account_id = {}::uuid",
    "user_ids": "e.user_id = ANY({}::text[])",
    "model": "e.model = {}::text",
    "key_id": "e.key_id = {}::uuid",
    "session_id": "e.session_id = {}::text",
    "resource": "e.resource = {}::text",
}
_EVENT_OF_ENTRY = (
    "EXISTS (SELECT 1 FROM events v WHERE v.day = uuid7_day(e.request_id) AND v.request_id = e.request_id AND "
)
_PACK_IS_MEMBERS = "EXISTS (SELECT 1 FROM packs k WHERE k.pack_id = e.pack_id AND k.user_id IS NOT NULL)"
# Partitions are by day. An entry's day is that of its time; an event's is that of its request, which is older. The
# day more allows for midnight between two readings of the clock, and for the clocks of gateways.
ENTRIES = MappingProxyType(
    {
        **SHARED,
        "since": "e.at >= {0}::timestamptz AND e.day >= ({0} AT TIME ZONE 'UTC')::date - 1",
        "until": "e.at < {0}::timestamptz AND e.day <= ({0} AT TIME ZONE 'UTC')::date + 1",
        "request_id": "e.request_id = {}::uuid",
        "pack_id": "e.pack_id = {}::uuid",
        "kind": "e.kind = {}::text",
        "pool": f"CASE {{}}::text WHEN 'hybrid' THEN {_EVENT_OF_ENTRY}v.allocated_amount > 0 AND v.surplus_amount > 0)"
        f" WHEN 'allocated' THEN {_PACK_IS_MEMBERS} ELSE NOT {_PACK_IS_MEMBERS} END",
        "feature": _EVENT_OF_ENTRY + "v.feature = {}::text)",
        "endpoint": _EVENT_OF_ENTRY + "v.endpoint = {}::text)",
        "min_amount": "e.amount >= {}::bigint",
        "max_amount": "e.amount <= {}::bigint",
    }
)
_ENTRY_OF_EVENT = (
    "EXISTS (SELECT 1 FROM entries x WHERE x.request_id = e.request_id AND x.account_id = e.account_id AND "
)
EVENTS = MappingProxyType(
    {
        **SHARED,
        "since": "e.at >= {}::timestamptz",
        "until": "e.at < {0}::timestamptz AND e.day <= ({0} AT TIME ZONE 'UTC')::date + 1",
        "request_id": "e.request_id = {0}::uuid AND e.day = uuid7_day({0})",
        "pack_id": _ENTRY_OF_EVENT + "x.pack_id = {}::uuid)",
        "kind": _ENTRY_OF_EVENT + "x.kind = {}::text)",
        "pool": "{}::text = CASE WHEN e.allocated_amount = 0 THEN 'surplus'"
        " WHEN e.allocated_amount = e.charge THEN 'allocated' ELSE 'hybrid' END",
        "feature": "e.feature = {}::text",
        "endpoint": "e.endpoint = {}::text",
        "min_amount": "e.charge >= {}::bigint",
        "max_amount": "e.charge <= {}::bigint",
    }
)


class Selection:
    """The WHERE of a page, and its parameters in order."""

    def __init__(self, filters: Filters, scope: Scope | None, sql: MappingProxyType[str, str]) -> None:
        self.values: list[Any] = []
        self._conditions = ["true"]
        if scope is not None:
            self._add("e.account_id = {}::uuid", scope.account_id)
            if scope.member:
                self._add("e.user_id IS NOT DISTINCT FROM {}::text AND e.request_id IS NOT NULL", scope.user_id)
        for field in fields(filters):
            value = getattr(filters, field.name)
            if value is not None:
                self._add(sql[field.name], value)

    def _add(self, condition: str, value: object) -> None:
        self.values.append(value)
        self._conditions.append(condition.format(f"${len(self.values)}"))

    def after(self, place: tuple[Any, ...] | None, order: tuple[str, ...], *, newest_first: bool) -> None:
        """Keep only what stands behind this place in the order."""
        if place is None:
            return
        first = len(self.values) + 1
        self.values.extend(place)
        columns = ", ".join(f"e.{column}" for column in order)
        places = ", ".join(f"${first + index}" for index in range(len(place)))
        self._conditions.append(f"({columns}) {'<' if newest_first else '>'} ({places})")

    @property
    def where(self) -> str:
        """The conditions as SQL."""
        return " AND ".join(self._conditions)


def order_by(order: tuple[str, ...], *, newest_first: bool) -> str:
    """Return the ORDER BY of a page."""
    return ", ".join(f"e.{column} {'DESC' if newest_first else 'ASC'}" for column in order)
