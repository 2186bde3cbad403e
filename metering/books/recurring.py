"""SHELL: packs that are granted by schedule: each period once, however many gateways look for what is due."""

import datetime as dt
from collections.abc import Sequence
from typing import TypedDict, Unpack

import asyncpg
import msgspec
from asyncpg import Record

from metering.ids import new_id
from metering.ledger import AccountState, Ledger
from metering.queries import query

DUE_MAX = 100  # schedules of one call: it holds the locks of their accounts


class RecurringPack(msgspec.Struct, frozen=True, gc=False):
    """A schedule; days are ``YYYY-MM-DD`` in the account's time zone. ``next_at`` null: it grants nothing more."""

    id: str
    account_id: str
    resource: str
    size: int
    period: str
    starts_on: str
    ends_on: str | None
    rollover: bool
    priority: int
    user_id: str | None
    models: list[str] | None
    note: str
    paused: bool
    last_period: str | None
    last_pack_id: str | None
    next_at: str | None
    created_at: str


class RecurringTerms(TypedDict, total=False):
    """What a schedule may be made with, beside resource, size and period."""

    starts_on: dt.date | None
    ends_on: dt.date | None
    rollover: bool
    priority: int
    user_id: str | None
    models: Sequence[str] | None
    note: str


class RecurringChanges(TypedDict, total=False):
    """What may be changed in a schedule, for the packs to come."""

    size: int
    note: str
    priority: int
    rollover: bool
    ends_on: dt.date | None
    paused: bool


class Recurring:
    """Create, list, change, delete; grant what is due."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(
        self, account_id: str, *, resource: str, size: int, period: str, **terms: Unpack[RecurringTerms]
    ) -> tuple[RecurringPack, AccountState] | None:
        """Make a schedule, and grant the pack of the period that has begun. None: there is no such account."""
        recurring_id = new_id()
        async with self._ledger.connection() as connection, connection.transaction():
            if not await connection.fetchval(query("account_lock"), account_id):
                return None
            await connection.execute(
                query("recurring_add"),
                recurring_id,
                account_id,
                resource,
                size,
                period,
                terms.get("starts_on"),
                terms.get("ends_on"),
                terms.get("rollover", False),
                terms.get("priority", 50),
                terms.get("user_id"),
                terms.get("models"),
                terms.get("note", ""),
            )
            return await _granted(connection, recurring_id, account_id)

    async def get(self, recurring_id: str) -> RecurringPack | None:
        """Return a schedule, or None."""
        rows = await self._ledger.rows("recurring_get", recurring_id)
        return RecurringPack(*rows[0]) if rows else None

    async def page(self, account_id: str, *, limit: int, before: str | None) -> list[RecurringPack]:
        """Return at most ``limit`` schedules of an account, newest first, older than the id ``before``."""
        return [RecurringPack(*row) for row in await self._ledger.rows("recurring_page", account_id, before, limit)]

    async def change(
        self, recurring_id: str, **changes: Unpack[RecurringChanges]
    ) -> tuple[RecurringPack, AccountState] | None:
        """Change a schedule from its next pack on. None: there is no such schedule."""
        async with self._ledger.connection() as connection, connection.transaction():
            account_id = await connection.fetchval(query("recurring_account"), recurring_id)
            if account_id is None:
                return None
            await connection.fetchval(query("account_lock"), account_id)
            await connection.fetch(query("recurring_grant"), 1, recurring_id)  # by its old terms, what is due by now
            values = [changes.get(name) for name in ("size", "note", "priority", "rollover", "ends_on", "paused")]
            await connection.execute(query("recurring_change"), recurring_id, list(changes), *values)
            return await _granted(connection, recurring_id, account_id)

    async def delete(self, recurring_id: str) -> bool:
        """Grant nothing more by a schedule; return whether there was one."""
        return bool(await self._ledger.rows("recurring_delete", recurring_id))

    async def grant_due(self) -> list[AccountState]:
        """Grant what is due; return the accounts that were looked at, for Redis."""
        return [AccountState(*row) for row in await self._ledger.rows("recurring_grant", DUE_MAX, None)]


async def _granted(
    connection: "asyncpg.pool.PoolConnectionProxy[Record]", recurring_id: str, account_id: str
) -> tuple[RecurringPack, AccountState]:
    await connection.fetch(query("recurring_grant"), 1, recurring_id)
    row = await connection.fetchrow(query("recurring_get"), recurring_id)
    (state,) = await connection.fetch(query("snapshots"), [account_id])
    assert row
    return RecurringPack(*row), AccountState(*state)
