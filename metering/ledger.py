"""SHELL: Postgres, the truth. What the meter itself needs of it; the books for people are in books.py.

Every foreign exception becomes LedgerDownError here, but data errors (``asyncpg.DataError`` and constraint
violations), which say that a row is wrong, become LedgerRefusedError.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import asyncpg

from config.settings import PostgresSettings
from metering.errors import LedgerDownError, MeteringError
from metering.keys import BUCKETS
from metering.queries import query

# asyncpg also raises InternalClientError after a crash of the server, which is neither an OSError nor a
# PostgresError (a settler died silently of it).
DOWN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
SERVER_SETTINGS = {"application_name": "farebox", "jit": "off", "timezone": "UTC"}


# A settle batch runs the same statements again and again on keys: a plan made once for all of them is right, costs
# half of the batch less, and must not become a scan because a new month's partition was empty when it was made.
LANE_SETTINGS = {**SERVER_SETTINGS, "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


class LedgerRefusedError(MeteringError):
    """Postgres answered, and refused the data."""


class AccountState(NamedTuple):
    """One account as Redis gets it: the version and the snapshot (JSON)."""

    account_id: str
    version: int
    snapshot: str


class Settled(NamedTuple):
    """What a settle batch answers for one account."""

    account_id: str
    version: int
    snapshot: str
    duplicates: int
    corrected: int


class Ledger:
    """The meter's statements over one pool, rebuilt when Postgres comes back from a crash."""

    def __init__(self, url: str, settings: PostgresSettings) -> None:
        self._url = url
        self._settings = settings
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def start(self) -> None:
        """Open the pool. Raises LedgerDownError."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=2,
                max_size=self._settings.pool_max,
                command_timeout=self._settings.timeout_seconds,
                timeout=self._settings.timeout_seconds,
                server_settings=SERVER_SETTINGS,
            )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise LedgerDownError(f"Postgres does not answer: {error}") from error

    async def stop(self) -> None:
        """Close the pool."""
        if self._pool:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), 5)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
        """Lend a connection; map what goes wrong with it."""
        if self._pool is None:
            raise LedgerDownError("Postgres is not connected")
        try:
            async with self._pool.acquire(timeout=self._settings.timeout_seconds) as connection:
                yield connection
        except REFUSED as error:
            raise LedgerRefusedError(str(error)) from error
        except MeteringError:
            raise
        except DOWN as error:
            raise LedgerDownError(f"Postgres does not answer: {error}") from error

    async def rows(self, name: str, *arguments: Any) -> list[asyncpg.Record]:  # noqa: ANN401 - SQL arguments
        """Run a named statement and return its rows."""
        async with self.connection() as connection:
            return await connection.fetch(query(name), *arguments)

    async def value(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 - SQL arguments and value
        """Run a named statement and return its first value."""
        async with self.connection() as connection:
            return await connection.fetchval(query(name), *arguments)

    def lane(self) -> "Lane":
        """Return a connection for one settle lane."""
        return Lane(self._url, self._settings)

    async def park(self, request_id: str, row: bytes, error: str) -> None:
        """Set a refused settlement aside."""
        await self.rows("park", request_id, row.decode(errors="replace"), error)

    async def state(self, account_id: str) -> AccountState | None:
        """Return an account's newest state, or None when there is no such account."""
        found = await self.states([account_id])
        return found[0] if found else None

    async def states(self, account_ids: list[str]) -> list[AccountState]:
        """Return the newest states of the accounts that exist, in no order."""
        return [AccountState(*row) for row in await self.rows("snapshots", account_ids)]

    async def renew_epochs(self, run_id: str, lost: dict[int, int]) -> list[tuple[int, int, bool]]:
        """Return (bucket, epoch, renewed here) of every bucket."""
        found = await self.rows("renew_epochs", run_id, BUCKETS, list(lost), list(lost.values()))
        return [(row["bucket"], row["epoch"], row["renewed"]) for row in found]

    async def beat(self, instance_id: str) -> int:
        """Note that an instance lives; return the newest epoch."""
        return int(await self.value("beat", instance_id))

    async def announced(self, instance_id: str, epoch: int) -> None:
        """Note that an instance has announced its holds for all epochs up to this one."""
        await self.rows("announced", instance_id, epoch)

    async def barrier_open(self, epoch: int, *, seconds: float, lease_seconds: float) -> bool:
        """Return whether an epoch may admit."""
        return bool(await self.value("barrier_open", epoch, seconds, lease_seconds))

    async def forget_instance(self, instance_id: str) -> None:
        """Remove an instance: nobody has to wait for it any more."""
        await self.rows("forget_instance", instance_id)

    async def forget_quietly(self, instance_id: str) -> None:
        """Remove an instance that stops; its heartbeat runs out anyway."""
        with suppress(LedgerDownError):
            await self.forget_instance(instance_id)

    async def expire_packs(self, *, grace_seconds: float) -> list[AccountState]:
        """Book the rest of packs that expired long enough ago; return the accounts changed."""
        return [AccountState(*row) for row in await self.rows("expire_packs", grace_seconds, 100)]

    async def ping(self) -> None:
        """Raise unless Postgres answers."""
        await self.value("ping")


class Lane:
    """One connection that only settles: a pool would reset it after each batch, which costs a round trip."""

    def __init__(self, url: str, settings: PostgresSettings) -> None:
        self._url = url
        self._settings = settings
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._statement: asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record] | None = None

    async def settle(self, rows: Sequence[bytes]) -> list[Settled]:
        """Book settlements (JSON objects), all or none. Raises LedgerDownError, LedgerRefusedError."""
        text = (b"[" + b",".join(rows) + b"]").decode()
        try:
            statement = self._statement or await self._prepare()
            return [Settled(*row) for row in await statement.fetch(text)]
        except REFUSED as error:
            raise LedgerRefusedError(str(error)) from error
        except DOWN as error:
            self.close()
            raise LedgerDownError(f"Postgres does not answer: {error}") from error
        except BaseException:
            self.close()  # whatever it was, the connection is in the middle of something
            raise

    async def _prepare(self) -> "asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]":
        seconds = self._settings.timeout_seconds
        self._connection = await asyncpg.connect(
            self._url, timeout=seconds, command_timeout=seconds, server_settings=LANE_SETTINGS
        )
        self._statement = await self._connection.prepare(query("settle"))
        return self._statement

    def close(self) -> None:
        """Drop the connection."""
        if self._connection:
            self._connection.terminate()
        self._connection = self._statement = None
