"""SHELL: the trail: who changed what, a line each, in the transaction of the change.

The database writes the lines (sql/functions/90_trail.sql): each change of a watched table leaves one, whoever makes it
and however. What is said here is who it is: once a transaction, before its first change. ``note`` is for what is no
row of such a table.
"""

from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import msgspec
from msgspec import Raw

from metering.ledger import Ledger
from metering.queries import query

JSON_COLUMNS = frozenset({"before", "after"})
CONDITIONS = {
    "account_id": "t.account_id = {}::uuid",
    "actor": "(t.actor = {0}::text OR t.user_id = {0} OR t.actor_kind = {0})",
    "action": "t.action = {}::text",
    "object": "(t.object = {0}::text OR t.object_id = {0})",
    "since": "t.at >= {}::timestamptz",
    "until": "t.at < {}::timestamptz",
}


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who changes something.

    ``name`` is the fingerprint of the admin key, the id of the API key, or what a chore is called.
    """

    kind: str  # platform_admin, account_admin, member, server
    name: str
    via: str  # api, cli, server
    user_id: str | None = None
    request_id: str | None = None


def chore(name: str) -> Actor:
    """Return a schedule of the server as an actor."""
    return Actor(kind="server", name=name, via="server")


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of the trail; ``before`` and ``after`` are the columns that changed, null where there was nothing."""

    id: str
    at: str
    actor_kind: str
    actor: str | None
    user_id: str | None
    via: str
    action: str
    object: str
    object_id: str | None
    account_id: str | None
    before: Raw
    after: Raw
    request_id: str | None


NAMES = Line.__struct_fields__


class TrailFilters(NamedTuple):
    """All must hold; None: any. ``actor``: a name, a user_id or a kind; ``object``: a kind of object, or an id."""

    account_id: str | None = None
    actor: str | None = None
    action: str | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Trail:
    """Lines, newest first."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def page(self, filters: TrailFilters, *, limit: int, after: tuple[datetime, str] | None = None) -> list[Line]:
        """Return at most ``limit`` lines that stand behind the place ``after`` (its time and id)."""
        values: list[Any] = []
        conditions = ["true"]
        for name, value in filters._asdict().items():
            if value is not None:
                values.append(value)
                conditions.append(CONDITIONS[name].format(f"${len(values)}"))
        if after is not None:
            values.extend(after)
            conditions.append(f"(t.at, t.trail_id) < (${len(values) - 1}::timestamptz, ${len(values)}::uuid)")
        values.append(limit)
        text = query("trail_page").format(where=" AND ".join(conditions), limit=f"${len(values)}")
        async with self._ledger.connection() as connection:
            return [_line(row) for row in await connection.fetch(text, *values)]

    async def note(  # noqa: PLR0913 - the columns of a line
        self,
        *,
        action: str,
        object: str,  # noqa: A002 - the column
        object_id: str | None = None,
        account_id: str | None = None,
        before: object = None,
        after: object = None,
    ) -> None:
        """Leave a line about something that is no row of a watched table: a counter that was set back, a file read."""
        encoded = [None if value is None else msgspec.json.encode(value).decode() for value in (before, after)]
        await self._ledger.rows("trail_note", action, object, object_id, account_id, *encoded)


async def act_as(connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", actor: Actor) -> None:
    """Say who makes the changes of the transaction that ``connection`` is in."""
    await connection.execute(query("trail_actor"), msgspec.json.encode(actor).decode())


def _line(row: asyncpg.Record) -> Line:
    fields: list[Any] = [
        Raw((column or "null").encode()) if name in JSON_COLUMNS else column
        for name, column in zip(NAMES, row, strict=True)
    ]
    return Line(*fields)
