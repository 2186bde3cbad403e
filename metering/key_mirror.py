"""SHELL: API keys in Redis, so that a known key stays good while Postgres is away (DESIGN 3.5).

Postgres is the truth, and is asked first. A record is mirrored when it was read, at most once a minute while nothing
changes, and at once when a key was changed or revoked; its version decides which one is newer. The mirror is never
needed while Postgres answers, so nothing here raises: what could not be written is written next time.
"""

from zlib import crc32

import msgspec
import structlog

from metering.epochs import Epochs
from metering.keys import BUCKETS, epoch_key
from metering.stores import Store

log = structlog.get_logger()


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An API key and what its account allows; ``clamp`` and ``orphan`` are null where the configuration decides."""

    version: int
    key_id: str
    account_id: str
    user_id: str | None
    role: str
    unit: str
    models: list[str] | None
    clamp: str | None
    orphan: str | None
    expires_ms: int | None
    revoked: bool
    replay: bool = False
    ip_ranges: list[str] | None = None
    feature: str | None = None
    limits: str | None = None  # JSON of limits_of (metering/sql/functions/35_limits.sql)


class Mirrored(msgspec.Struct, frozen=True):
    """A record, how long ago Postgres confirmed it, and the server's clock."""

    record: KeyRecord
    age_seconds: float
    now_ms: int


class KeyMirror:
    """Put and get."""

    def __init__(self, store: Store, epochs: Epochs) -> None:
        self._store = store
        self._epochs = epochs

    async def put(self, digest: bytes, record: KeyRecord) -> bool:
        """Mirror a record that Postgres has just given; return whether Redis has it, or a newer one."""
        bucket, keys = _keys_of(digest)
        token = self._epochs.token(bucket)
        reply = await self._store.script("key_put", keys, token, record.version, msgspec.json.encode(record))
        if type(reply) is list and reply[0] >= 0:
            return True
        await self._store.reload(reply)
        return False

    async def get(self, digest: bytes) -> Mirrored | None:
        """Return what is known of a key, or None: nothing, or Redis can't say."""
        bucket, keys = _keys_of(digest)
        reply = await self._store.script("key_get", keys, self._epochs.token(bucket))
        if type(reply) is not list or reply[0] != 1:
            return None
        try:
            record = msgspec.json.decode(reply[1], type=KeyRecord)
        except msgspec.MsgspecError as error:
            log.warning("key_mirror_unreadable", error=str(error))  # another version of this program wrote it
            return None
        return Mirrored(record, reply[2] / 1000, reply[3])


def _keys_of(digest: bytes) -> tuple[int, tuple[bytes, ...]]:
    bucket = crc32(digest) % BUCKETS
    return bucket, (epoch_key(bucket), b"{b%d}m:%s" % (bucket, digest.hex().encode()))
