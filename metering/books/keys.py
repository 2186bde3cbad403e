"""SHELL: API keys. The secret exists in the answer of ``create`` and nowhere else."""

import base64
import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from asyncpg import Record
from msgspec import Raw

from metering.books.records import ApiKey, NewApiKey
from metering.ids import new_id
from metering.ledger import Ledger
from metering.queries import query

SECRET_BYTES = 32
PREFIX_CHARS = 12  # "fbx_" and eight characters: enough to tell keys apart, of no use to guess one
LIMITS = 7  # the column of limits, which are JSON


class KeyChanges(TypedDict, total=False):
    """What may be changed in a key. Its account and its member never change."""

    name: str
    role: str
    models: Sequence[str] | None
    expires_at: dt.datetime | None


class ApiKeys:
    """Create, list, change, revoke."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(  # noqa: PLR0913 - the fields of a key
        self,
        account_id: str,
        *,
        name: str = "",
        user_id: str | None = None,
        role: str = "member",
        models: Sequence[str] | None = None,
        expires_at: dt.datetime | None = None,
    ) -> NewApiKey | None:
        """Return a new key with its secret, or None when there is no such account."""
        secret = "fbx_" + base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=")
        digest = hashlib.sha256(secret.encode()).digest()
        key_id = new_id()
        prefix = secret[:PREFIX_CHARS]
        async with self._ledger.connection() as connection, connection.transaction():
            if not await connection.fetchval(query("account_exists"), account_id):
                return None
            await connection.execute(
                query("key_add"), key_id, account_id, user_id, name, digest, prefix, role, models, expires_at
            )
            row = await connection.fetchrow(query("key_get"), key_id)
        assert row
        return NewApiKey(*[*_fields(row), secret])

    async def page(self, account_id: str, *, limit: int, before: str | None) -> list[ApiKey]:
        """Return at most ``limit`` keys of an account, newest first, older than the id ``before``."""
        rows = await self._ledger.rows("keys_page", account_id, before, limit)
        return [ApiKey(*_fields(row)) for row in rows]

    async def change(self, key_id: str, **changes: Unpack[KeyChanges]) -> tuple[ApiKey, bytes] | None:
        """Change a key; return it with the digest that caches know it by, or None when there is no such key."""
        values = [changes.get(column) for column in ("name", "role", "models", "expires_at")]
        return await self._changed("key_change", key_id, list(changes), *values)

    async def revoke(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """Revoke a key for good; again changes nothing. Returns as ``change`` does."""
        return await self._changed("key_revoke", key_id)

    async def _changed(self, name: str, key_id: str, *arguments: object) -> tuple[ApiKey, bytes] | None:
        async with self._ledger.connection() as connection, connection.transaction():
            digest = await connection.fetchval(query(name), key_id, *arguments)
            if digest is None:
                return None
            row = await connection.fetchrow(query("key_get"), key_id)
        assert row
        return ApiKey(*_fields(row)), bytes(digest)


def _fields(row: Record) -> list[Any]:
    fields = list(row)
    fields[LIMITS] = Raw(fields[LIMITS].encode())
    return fields
