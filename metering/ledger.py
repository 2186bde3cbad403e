"""SHELL: Postgres, the truth. What the meter itself needs of it; the books for people are in books.py.

Every foreign exception becomes LedgerDownError here, but data errors (``asyncpg.DataError`` and constraint
violations), which say that a row is wrong, become LedgerRefusedError.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from config.settings import PostgresSettings
from metering.errors import LedgerDownError, MeteringError
from metering.queries import query

# asyncpg also raises InternalClientError after a crash of the server, which is neither an OSError nor a
# PostgresError (a settler died silently of it).
DOWN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
Settle: TypeAlias = Callable[[str], Awaitable[list[asyncpg.Record]]]
SERVER_SETTINGS = {"application_name": "farebox", "jit": "off", "timezone": "UTC"}

# A pooler in transaction mode knows these two, keeps them apart for its clients, and refuses all others.
POOLED_SETTINGS = {"application_name": "farebox", "timezone": "UTC"}

# A settle batch runs the same statements again and again on keys: a plan made once for all of them is right, costs
# half of the batch less, and must not become a scan because a new month's partition was empty when it was made.
LANE_SETTINGS = {**SERVER_SETTINGS, "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


def _session(settings: PostgresSettings, server_settings: dict[str, str]) -> dict[str, Any]:
    """Return how a connection is opened: what it may leave in its session depends on what stands between."""
    session: dict[str, Any] = {"timeout": settings.timeout_seconds, "command_timeout": settings.timeout_seconds}
    if settings.pooling == "transaction":
        # Without a cache, statements have no names: a name is left in one session, and looked for in another.
        return {**session, "server_settings": POOLED_SETTINGS, "statement_cache_size": 0}
    return {**session, "server_settings": server_settings}


async def _leave(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Return a connection as it is: nothing was left in its session."""


def _down(error: Exception) -> LedgerDownError:
    text = f"Postgres does not answer: {error}"
    if "startup parameter" in text:
        text += '; through PgBouncer, write postgres.pooling = "transaction"'
    return LedgerDownError(text)


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
                reset=_leave if self._settings.pooling == "transaction" else None,
                **_session(self._settings, SERVER_SETTINGS),
            )
        except DOWN as error:
            raise _down(error) from error

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
            raise _down(error) from error

    async def rows(self, name: str, *arguments: Any) -> list[asyncpg.Record]:  # noqa: ANN401 - SQL arguments
        """Run a named statement and return its rows."""
        async with self.connection() as connection:
            return await connection.fetch(query(name), *arguments)

    async def value(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 - SQL arguments and value
        """Run a named statement and return its first value."""
        async with self.connection() as connection:
            return await connection.fetchval(query(name), *arguments)

    async def chore(self, name: str, *arguments: Any) -> list[asyncpg.Record]:  # noqa: ANN401 - SQL arguments
        """Do the same for a statement that nobody waits for, and that may take long."""
        async with self.connection() as connection:
            return await connection.fetch(query(name), *arguments, timeout=self._settings.chore_timeout_seconds)

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

    async def renew_epochs(self, owners: Sequence[str | None], lost: dict[int, int]) -> list[tuple[int, int, bool]]:
        """Return (bucket, epoch, renewed here) of every bucket; ``owners`` has who serves each, None: not known."""
        found = await self.rows("renew_epochs", owners, list(lost), list(lost.values()))
        return [(row["bucket"], row["epoch"], row["renewed"]) for row in found]

    async def beat(self, instance_id: str) -> int:
        """Note that an instance lives; return the newest epoch."""
        return int(await self.value("beat", instance_id))

    async def announced(self, instance_id: str, epoch: int) -> None:
        """Note that an instance has announced its holds for all epochs up to this one."""
        await self.rows("announced", instance_id, epoch)

    async def open_buckets(self, epoch: int, *, seconds: float, lease_seconds: float) -> frozenset[int]:
        """Return the buckets of an epoch that may admit; none while its barrier is up."""
        return frozenset(await self.value("open_buckets", epoch, seconds, lease_seconds))

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
        self._settle: Settle | None = None

    async def settle(self, rows: Sequence[bytes]) -> list[Settled]:
        """Book settlements (JSON objects), all or none. Raises LedgerDownError, LedgerRefusedError."""
        text = (b"[" + b",".join(rows) + b"]").decode()
        try:
            settle = self._settle or await self._connect()
            return [Settled(*row) for row in await settle(text)]
        except REFUSED as error:
            raise LedgerRefusedError(str(error)) from error
        except DOWN as error:
            self.close()
            raise _down(error) from error
        except BaseException:
            self.close()  # whatever it was, the connection is in the middle of something
            raise

    async def _connect(self) -> Settle:
        self._connection = await asyncpg.connect(self._url, **_session(self._settings, LANE_SETTINGS))
        if self._settings.pooling == "transaction":
            self._settle = partial(self._connection.fetch, query("settle_pooled"))
        else:
            self._settle = (await self._connection.prepare(query("settle"))).fetch
        return self._settle

    def close(self) -> None:
        """Drop the connection."""
        if self._connection:
            self._connection.terminate()
        self._connection = self._settle = None
