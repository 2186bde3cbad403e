"""Who calls: account keys. The admin key, and sessions in place of either, are callers.py's.

A key is known by its SHA-256 digest. Records are cached for ``auth.cache_seconds``, so a revocation is obeyed
everywhere within that time, and at once where it was made. While Postgres is away, or too slow, a record that is
known here or in Redis's mirror stays good for ``auth.stale_seconds_max``; the mirror knows of revocations that were
made elsewhere. Clocks are those of the servers: only time that has passed is measured here. A key of a member who has a
row acts with the member's role, any other with its own; a deactivated member's keys are good for nothing.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_network
from math import inf

from config.settings import AuthSettings, MeterSettings
from gateway.addresses import Addresses, Network
from gateway.errors import forbidden, unauthorized
from metering.core.limits import LimitSet, parse_limits
from metering.errors import LedgerDownError
from metering.key_mirror import KeyMirror, KeyRecord
from metering.ledger import Ledger

FINGERPRINT_CHARS = 12
CACHE_MAX = 100_000  # records; a digest that is not known is cached too, so that guessing costs Postgres little
# A Postgres that does not answer may be waited for ten times as long; a key that is known need not be.
LOOK_SECONDS_MAX = 1.0
TURN = 1000  # records looked through in one turn of the loop
LOADS_MAX = 4  # at once, of the keys of one member: requests need connections of Postgres too
MIRROR_SECONDS = 60.0  # between two writes of a record that has not changed: far below auth.stale_seconds_max


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
    expires_at: float | None  # time.monotonic
    ip_ranges: tuple[Network, ...] | None = None  # None: from anywhere
    limits: LimitSet | None = None  # None: nothing is limited
    feature: str | None = None  # of requests that name none
    replay: bool = False  # the account keeps answers for clients that repeat a request


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    principal: Principal | None  # None: no such key, or revoked
    version: int  # 0: no such key
    looked_at: float  # time.monotonic, as all that follow: when anybody was asked
    confirmed_at: float  # when Postgres said so
    mirrored_at: float  # when Redis was last told; -inf: never


class Authenticator:
    """Keys to principals."""

    def __init__(
        self, ledger: Ledger, mirror: KeyMirror, settings: AuthSettings, meter: MeterSettings, addresses: Addresses
    ) -> None:
        self._ledger = ledger
        self._mirror = mirror
        self._settings = settings
        self._meter = meter
        self._addresses = addresses
        self._records: dict[bytes, _Record] = {}
        self._loading: dict[bytes, asyncio.Task[_Record]] = {}
        self._used: set[str] = set()

    async def authenticate(
        self, headers: Mapping[str, str], peer: Callable[[], str | None], digest: bytes | None = None
    ) -> Principal:
        """Return who calls; ``peer`` tells from which address, and is asked only where the key has ranges.

        ``digest`` is that of the key, where it is not in the headers but behind a session.

        Raises ApiError (401, 403), LedgerDownError.
        """
        if digest is None:
            key = key_of(headers)
            if key is None:
                raise unauthorized()
            digest = hashlib.sha256(key.encode(errors="surrogateescape")).digest()
        record = self._records.get(digest)
        now = time.monotonic()
        if record is None or now - record.looked_at > self._settings.cache_seconds:
            record = await self._refreshed(digest, record, now)
        principal = record.principal
        if principal is None:
            raise unauthorized()
        if principal.expires_at is not None and principal.expires_at <= now:
            raise unauthorized("This API key has expired.")
        if principal.ip_ranges is not None:
            self._require_range(principal.ip_ranges, peer(), headers)
        self._used.add(principal.key_id)
        return principal

    async def changed(self, digests: Iterable[bytes]) -> None:
        """Take the new records of keys, here and in the mirror: they were changed or revoked."""
        changed = list(digests)
        for digest in changed:
            self._records.pop(digest, None)  # none is believed any more while others are read
        waiting = iter(changed)

        async def load() -> None:
            for digest in waiting:
                with suppress(LedgerDownError):  # it was there a moment ago; whoever uses the key next asks again
                    await self._load(digest)

        await asyncio.gather(*(load() for _ in range(min(LOADS_MAX, len(changed)))))

    async def limits_for(self, principal: Principal, user_id: str | None) -> LimitSet | None:
        """Return what a key has to obey where it acts for another member. Raises LedgerDownError."""
        if user_id == principal.user_id:
            return principal.limits
        text = await self._ledger.value("limits_for", principal.key_id, user_id)
        return None if text is None else parse_limits(text, principal.unit)

    def follow(self, meter: MeterSettings) -> None:
        """Ask anew for every key: the defaults of accounts have changed. While Postgres is away, the old ones hold."""
        self._meter = meter
        self._records = {digest: replace(record, looked_at=-inf) for digest, record in self._records.items()}

    async def account_changed(self, account_id: str) -> None:
        """Ask anew for the keys of an account: what it allows has changed."""
        for place, (digest, record) in enumerate(tuple(self._records.items())):
            if place % TURN == 0:
                await asyncio.sleep(0)  # there may be many
            if (
                self._records.get(digest) is record
                and record.principal is not None
                and record.principal.account_id == account_id
            ):
                self._records[digest] = replace(record, looked_at=-inf)

    async def flush(self) -> None:
        """Store when keys were last used."""
        used, self._used = self._used, set()
        if used:
            await self._ledger.rows("key_used", list(used))

    def _require_range(self, ranges: tuple[Network, ...], peer: str | None, headers: Mapping[str, str]) -> None:
        origin = self._addresses.origin(peer, headers)
        if origin is None or not any(origin in network for network in ranges):
            raise forbidden(f"This key may not be used from {origin or 'an address that can not be told'}.")

    async def _refreshed(self, digest: bytes, old: _Record | None, now: float) -> _Record:
        task = self._loading.get(digest)
        if task is None:
            task = asyncio.create_task(self._load(digest), name="load-key")
            self._loading[digest] = task
            task.add_done_callback(lambda done: self._loaded(digest, done))
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                return await asyncio.shield(task)
        except (LedgerDownError, TimeoutError):
            record = await self._remembered(digest, old, now)
            if record is not None:
                self._records[digest] = record
                return record
        return await asyncio.shield(task)

    def _loaded(self, digest: bytes, task: "asyncio.Task[_Record]") -> None:
        self._loading.pop(digest, None)
        if not task.cancelled():
            task.exception()  # whoever waited for it has it; perhaps the mirror has answered in its place

    async def _remembered(self, digest: bytes, old: _Record | None, now: float) -> _Record | None:
        """Return what Redis and this process know of a key, as long as that may be believed without Postgres."""
        mirrored = await self._mirror.get(digest)
        if mirrored and mirrored.record.version >= (old.version if old else 0):
            confirmed_at = now - mirrored.age_seconds
            if old is not None and old.version == mirrored.record.version:
                confirmed_at = max(confirmed_at, old.confirmed_at)
            old = self._record(mirrored.record, mirrored.now_ms, confirmed_at=confirmed_at, mirrored_at=confirmed_at)
        if old is None or not old.version or now - old.confirmed_at >= self._settings.stale_seconds_max:
            return None
        return replace(old, looked_at=now)

    async def _load(self, digest: bytes) -> _Record:
        rows = await self._ledger.rows("find_key", digest)
        now = time.monotonic()
        old = self._records.get(digest)
        if rows:
            *fields, now_ms = rows[0]
            found = KeyRecord(**dict(zip(KeyRecord.__struct_fields__, fields, strict=True)))
            mirrored_at = old.mirrored_at if old and old.version == found.version else -inf
            if now - mirrored_at > MIRROR_SECONDS and await self._mirror.put(digest, found):
                mirrored_at = now
            record = self._record(found, now_ms, confirmed_at=now, mirrored_at=mirrored_at)
        else:
            record = _Record(principal=None, version=0, looked_at=now, confirmed_at=now, mirrored_at=-inf)
        newest = self._records.get(digest)
        if newest is not None and newest.version > record.version:
            return newest  # it was changed while this was on its way
        if len(self._records) >= CACHE_MAX:
            self._records.clear()
        self._records[digest] = record
        return record

    def _record(self, key: KeyRecord, now_ms: int, *, confirmed_at: float, mirrored_at: float) -> _Record:
        now = time.monotonic()
        principal = None
        if not key.revoked:
            principal = Principal(
                account_id=key.account_id,
                key_id=key.key_id,
                user_id=key.user_id,
                role=key.role,
                unit=key.unit,
                models=None if key.models is None else frozenset(key.models),
                clamp=key.clamp or self._meter.clamp,
                orphan=key.orphan or self._meter.orphan,
                expires_at=None if key.expires_ms is None else now + (key.expires_ms - now_ms) / 1000,
                replay=key.replay,
                feature=key.feature,
                ip_ranges=None if key.ip_ranges is None else tuple(map(ip_network, key.ip_ranges)),
                limits=None if key.limits is None else parse_limits(key.limits, key.unit),
            )
        return _Record(
            principal=principal,
            version=key.version,
            looked_at=now,
            confirmed_at=confirmed_at,
            mirrored_at=mirrored_at,
        )


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the key a request carries: a bearer token, ``api-key`` or ``x-api-key``."""
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, key = authorization.partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None
    return headers.get("api-key") or headers.get("x-api-key")


def require_model(principal: Principal, model: str) -> None:
    """Raise ApiError (403) when the key may not use a model."""
    if principal.models is not None and model not in principal.models:
        raise forbidden(f"This key may not use the model {model}.")
