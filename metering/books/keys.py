"""SHELL: API keys. A secret exists in the answer of ``create`` or ``rotate`` and nowhere else.

A key of a member who has a row (members.py) acts with the member's role; any other with its own. ``role`` of a record
is the one that it acts with.
"""

import base64
import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack

import asyncpg
import msgspec
from msgspec import Raw

from metering.books.errors import ChangeRefusedError
from metering.books.records import ApiKey, NewApiKey
from metering.ids import new_id
from metering.ledger import Ledger
from metering.queries import query

SECRET_BYTES = 32
PREFIX_CHARS = 12  # "fbx_" and eight characters: enough to tell keys apart, of no use to guess one
LIMITS = 7  # the column of limits, which are JSON
COLUMNS = ("name", "role", "models", "expires_at", "limits", "ip_ranges", "feature")
ROLE = "member"


class KeyTerms(TypedDict, total=False):
    """What may be changed in a key. Its account and its member never change.

    ``limits``: positive integers by name; ``ip_ranges``: CIDRs, None for any address.
    """

    name: str
    role: str
    models: Sequence[str] | None
    expires_at: dt.datetime | None
    limits: Mapping[str, int] | None
    ip_ranges: Sequence[str] | None
    feature: str | None


class Mine(NamedTuple):
    """Whose keys a list is narrowed down to: a member's, and the one that asks."""

    user_id: str | None
    key_id: str


class ApiKeys:
    """Create, list, read, change, rotate, revoke. Changes also return the digests that caches know the key by."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(
        self, account_id: str, *, user_id: str | None = None, **terms: Unpack[KeyTerms]
    ) -> NewApiKey | None:
        """Return a new key with its secret, or None when there is no such account.

        Raises ChangeRefusedError: the member has another role.
        """
        secret, digest, prefix = _new_secret()
        key_id = new_id()
        values = _values(terms)
        values["name"] = values["name"] or ""
        async with self._ledger.connection() as connection, connection.transaction():
            if not await connection.fetchval(query("account_exists"), account_id):
                return None
            owner = await connection.fetchrow(query("member_get"), account_id, user_id)
            if owner and values["role"] not in {None, owner["role"]}:
                raise _role_is_the_members()
            await connection.execute(
                query("key_add"),
                key_id,
                account_id,
                user_id,
                values["name"],
                digest,
                prefix,
                values["role"] or ROLE,
                values["models"],
                values["expires_at"],
                values["limits"],
                values["ip_ranges"],
                values["feature"],
            )
            row = await connection.fetchrow(query("key_get"), key_id)
        return NewApiKey(*[*_fields(row), secret])

    async def get(self, key_id: str) -> ApiKey | None:
        """Return a key, or None."""
        rows = await self._ledger.rows("key_get", key_id)
        return _key(rows[0]) if rows else None

    async def lock(self, key_id: str) -> ApiKey | None:
        """Return a key that stays as it is until the caller's transaction ends, or None."""
        rows = await self._ledger.rows("key_lock", key_id)
        return _key(rows[0]) if rows else None

    async def page(self, account_id: str, *, limit: int, before: str | None, mine: Mine | None = None) -> list[ApiKey]:
        """Return at most ``limit`` keys of an account, newest first, older than the id ``before``."""
        user_id, key_id = mine or (None, None)
        rows = await self._ledger.rows("keys_page", account_id, before, limit, mine is not None, user_id, key_id)
        return [_key(row) for row in rows]

    async def change(self, key_id: str, **changes: Unpack[KeyTerms]) -> tuple[ApiKey, list[bytes]] | None:
        """Change a key. None: no such key. Raises ChangeRefusedError: its role is its member's."""
        values = _values(changes)
        async with self._ledger.connection() as connection, connection.transaction():
            row = await connection.fetchrow(query("key_lock"), key_id)
            if row is None:
                return None
            if "role" in changes and await connection.fetchrow(query("member_get"), row["account_id"], row["user_id"]):
                raise _role_is_the_members()
            await connection.execute(query("key_change"), key_id, list(changes), *values.values())
            return await _changed(connection, key_id)

    async def rotate(self, key_id: str, *, overlap_seconds: int) -> tuple[NewApiKey, list[bytes]] | None:
        """Give a key a new secret; the ones before it are good for ``overlap_seconds`` more at most.

        None: no such key. Raises ChangeRefusedError: it is revoked.
        """
        secret, digest, prefix = _new_secret()
        async with self._ledger.connection() as connection, connection.transaction():
            row = await connection.fetchrow(query("key_lock"), key_id)
            if row is None:
                return None
            if _key(row).revoked_at is not None:
                raise ChangeRefusedError("This key is revoked; create a new one.")
            seconds = float(overlap_seconds)
            await connection.execute(query("key_retire"), key_id, seconds)
            await connection.execute(query("key_rotate"), key_id, digest, prefix, seconds)
            key, digests = await _changed(connection, key_id)
        return NewApiKey(*[*msgspec.structs.astuple(key), secret]), digests

    async def revoke(self, key_id: str) -> tuple[ApiKey, list[bytes]] | None:
        """Revoke a key for good; again changes nothing. None: no such key."""
        async with self._ledger.connection() as connection, connection.transaction():
            if await connection.fetchrow(query("key_lock"), key_id) is None:
                return None
            await connection.execute(query("key_revoke"), key_id)
            return await _changed(connection, key_id)


def _new_secret() -> tuple[str, bytes, str]:
    """Return a secret, its digest and its visible prefix."""
    secret = "fbx_" + base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=")
    return secret, hashlib.sha256(secret.encode()).digest(), secret[:PREFIX_CHARS]


def _values(terms: KeyTerms) -> dict[str, Any]:
    """Return a value for each column, as Postgres takes it."""
    values: dict[str, Any] = {column: terms.get(column) for column in COLUMNS}
    return {**values, "limits": msgspec.json.encode(values["limits"] or {}).decode()}


def _role_is_the_members() -> ChangeRefusedError:
    return ChangeRefusedError("This key acts with its member's role; leave role out, or change the member.", "role")


async def _changed(
    connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", key_id: str
) -> tuple[ApiKey, list[bytes]]:
    digests = await connection.fetch(query("key_digests"), key_id)
    return _key(await connection.fetchrow(query("key_get"), key_id)), [bytes(row[0]) for row in digests]


def _key(row: asyncpg.Record | None) -> ApiKey:
    return ApiKey(*_fields(row))


def _fields(row: asyncpg.Record | None) -> list[Any]:
    assert row
    fields = list(row)
    fields[LIMITS] = Raw(fields[LIMITS].encode())
    return fields
