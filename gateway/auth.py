"""Who calls: account keys and the admin key.

A key is known by its SHA-256 digest. Records are cached for ``auth.cache_seconds``, so a revocation is obeyed
everywhere within that time, and at once where it was made; while Postgres is away, a record that is known
stays good for ``auth.stale_seconds_max``.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from config.settings import AuthSettings, MeterSettings
from gateway.errors import forbidden, unauthorized
from metering.errors import LedgerDownError
from metering.ledger import Ledger

ADMIN_KEY = web.AppKey("admin_key", str)
CACHE_MAX = 100_000  # records; a digest that is not known is cached too, so that guessing costs Postgres little


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of a request."""

    account_id: str
    key_id: str
    user_id: str | None
    role: str
    unit: str
    models: frozenset[str] | None
    clamp: str
    orphan: str
    expires_at: float | None
    replay: bool = False  # the account keeps answers for clients that repeat a request


@dataclass(frozen=True, slots=True)
class _Record:
    principal: Principal | None  # None: no such key, or revoked
    loaded_at: float


class Authenticator:
    """Keys to principals."""

    def __init__(self, ledger: Ledger, settings: AuthSettings, meter: MeterSettings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._meter = meter
        self._records: dict[bytes, _Record] = {}
        self._loading: dict[bytes, asyncio.Task[_Record]] = {}
        self._used: set[str] = set()

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Return who calls. Raises ApiError (401, 403), LedgerDownError."""
        key = key_of(headers)
        if key is None:
            raise unauthorized()
        digest = hashlib.sha256(key.encode(errors="surrogateescape")).digest()
        record = self._records.get(digest)
        now = time.monotonic()
        if record is None or now - record.loaded_at > self._settings.cache_seconds:
            record = await self._refreshed(digest, record, now)
        principal = record.principal
        if principal is None:
            raise unauthorized()
        if principal.expires_at is not None and principal.expires_at <= time.time():
            raise unauthorized("This API key has expired.")
        self._used.add(principal.key_id)
        return principal

    def forget(self, digest: bytes) -> None:
        """Drop a key's record: it was changed or revoked here."""
        self._records.pop(digest, None)

    async def flush(self) -> None:
        """Store when keys were last used."""
        used, self._used = self._used, set()
        if used:
            await self._ledger.rows("key_used", list(used))

    async def _refreshed(self, digest: bytes, old: _Record | None, now: float) -> _Record:
        task = self._loading.get(digest)
        if task is None:
            task = asyncio.create_task(self._load(digest), name="load-key")
            self._loading[digest] = task
            task.add_done_callback(lambda _: self._loading.pop(digest, None))
        try:
            return await asyncio.shield(task)
        except LedgerDownError:
            if old is not None and old.principal and now - old.loaded_at < self._settings.stale_seconds_max:
                return old
            raise

    async def _load(self, digest: bytes) -> _Record:
        rows = await self._ledger.rows("find_key", digest)
        principal = None
        if rows and rows[0]["revoked_at"] is None:
            row = rows[0]
            principal = Principal(
                account_id=row["account_id"],
                key_id=row["key_id"],
                user_id=row["user_id"],
                role=row["role"],
                unit=row["unit"],
                models=None if row["models"] is None else frozenset(row["models"]),
                clamp=row["clamp"] or self._meter.clamp,
                orphan=row["orphan"] or self._meter.orphan,
                expires_at=row["expires_at"].timestamp() if row["expires_at"] else None,
                replay=row["replay"],
            )
        if len(self._records) >= CACHE_MAX:
            self._records.clear()
        record = _Record(principal, time.monotonic())
        self._records[digest] = record
        return record


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the key a request carries: a bearer token, ``api-key`` or ``x-api-key``."""
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, key = authorization.partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None
    return headers.get("api-key") or headers.get("x-api-key")


def require_admin(request: web.Request) -> None:
    """Raise ApiError (401) unless the admin key is given."""
    key = key_of(request.headers)
    if key is None or not hmac.compare_digest(key.encode(errors="surrogateescape"), request.app[ADMIN_KEY].encode()):
        raise unauthorized("The admin key is missing or not valid.")


def require_model(principal: Principal, model: str) -> None:
    """Raise ApiError (403) when the key may not use a model."""
    if principal.models is not None and model not in principal.models:
        raise forbidden(f"This key may not use the model {model}.")
