"""SHELL: packs. Each change returns the account's new state, for Redis."""

import datetime as dt
from collections.abc import Sequence
from typing import TypedDict, Unpack

from asyncpg import Record

from metering.books.errors import ChangeRefusedError
from metering.books.filters import Scope
from metering.books.records import Pack
from metering.core.rates import AMOUNT_MAX
from metering.ids import new_id
from metering.ledger import AccountState, Ledger
from metering.queries import query

STATUSES = ("active", "depleted", "expired", "revoked")
UNITS = frozenset({"tokens", "credits"})
PRIORITY = 50


class PackTerms(TypedDict, total=False):
    """What a pack may be granted with, beside its size."""

    expires_at: dt.datetime | None
    note: str
    priority: int
    user_id: str | None
    models: Sequence[str] | None
    resource: str | None
    kind: str


class PackChanges(TypedDict, total=False):
    """What may be changed in a pack; everything else never does."""

    note: str
    priority: int
    expires_at: dt.datetime | None


class Packs:
    """Grant, list, read, change, revoke."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def grant(
        self, account_id: str, size: int | None, **terms: Unpack[PackTerms]
    ) -> tuple[Pack, AccountState] | None:
        """Grant a pack of ``size`` (None: unlimited), by default of the account's unit. None: no such account.

        Raises ChangeRefusedError: another unit than the account's, or more than amounts can count.
        """
        pack_id = new_id()
        async with self._ledger.connection() as connection, connection.transaction():
            unit = await connection.fetchval(query("account_lock"), account_id)
            if unit is None:
                return None
            resource = _resource(terms.get("resource"), unit)
            total = await connection.fetchval(query("pack_open_total"), account_id, resource)
            if total + (size or 0) > AMOUNT_MAX:
                raise ChangeRefusedError(
                    f"The open packs would hold more than {AMOUNT_MAX}; write at most {AMOUNT_MAX - total}.", "size"
                )
            row = await connection.fetchrow(
                query("pack_grant"),
                pack_id,
                account_id,
                resource,
                size,
                size is None,
                terms.get("priority", PRIORITY),
                terms.get("user_id"),
                terms.get("models"),
                terms.get("note", ""),
                terms.get("expires_at"),
                terms.get("kind", "grant"),
            )
            return _pack(await connection.fetchrow(query("pack_get"), pack_id)), _state(row)

    async def get(self, pack_id: str) -> Pack | None:
        """Return a pack, or None."""
        rows = await self._ledger.rows("pack_get", pack_id)
        return Pack(*rows[0]) if rows else None

    async def page(
        self,
        account_id: str,
        *,
        limit: int,
        before: str | None = None,
        status: str | None = None,
        scope: Scope | None = None,
    ) -> list[Pack]:
        """Return at most ``limit`` packs of an account, newest first, older than the id ``before``.

        A member's ``scope``: only what they may use, the shared packs and their own.
        """
        member = scope is not None and scope.member
        own = scope.user_id if scope else None
        rows = await self._ledger.rows("packs_page", account_id, before, status, member, own, limit)
        return [Pack(*row) for row in rows]

    async def change(self, pack_id: str, **changes: Unpack[PackChanges]) -> tuple[Pack, AccountState] | None:
        """Change a pack. None: no such pack. Raises ChangeRefusedError: its expiry was booked."""
        async with self._ledger.connection() as connection, connection.transaction():
            account_id = await connection.fetchval(query("pack_account"), pack_id)
            if account_id is None:
                return None
            await connection.fetchval(query("account_lock"), account_id)
            if "expires_at" in changes and await connection.fetchval(query("pack_closed"), pack_id):
                raise ChangeRefusedError("What was left of this pack is booked; grant a new one.", "expires_at")
            row = await connection.fetchrow(
                query("pack_change"),
                pack_id,
                list(changes),
                changes.get("note", ""),
                changes.get("priority", PRIORITY),
                changes.get("expires_at"),
            )
            return _pack(await connection.fetchrow(query("pack_get"), pack_id)), _state(row)

    async def revoke(self, pack_id: str) -> tuple[Pack, AccountState] | None:
        """Withdraw a pack at once; again changes nothing. None: no such pack."""
        async with self._ledger.connection() as connection, connection.transaction():
            row = await connection.fetchrow(query("pack_revoke"), pack_id)
            if row is None:
                return None
            return _pack(await connection.fetchrow(query("pack_get"), pack_id)), _state(row)


def _resource(asked: str | None, unit: str) -> str:
    resource = asked or unit
    if resource in UNITS and resource != unit:
        raise ChangeRefusedError(f"This account counts in {unit}; write {unit}, or leave it out.", "resource")
    return resource


def _pack(row: Record | None) -> Pack:
    assert row
    return Pack(*row)


def _state(row: Record | None) -> AccountState:
    assert row
    return AccountState(*row)
