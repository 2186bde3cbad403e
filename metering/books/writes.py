"""SHELL: writes of the two APIs, one transaction each: who makes it, the Idempotency-Key, the change, the answer.

So no crash leaves the one without the other, and no change is without its line in the trail. Under a key each happens
once: who comes with the same key meanwhile waits for it in Postgres. A change that is refused leaves nothing, nor its
key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from config.settings import MeterSettings, PostgresSettings
from metering.books.trail import Actor, act_as
from metering.ledger import REFUSED, Ledger, LedgerRefusedError
from metering.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """What was answered under a key. ``withheld`` names the field whose secret was not kept."""

    digest: str
    status: int
    body: bytes
    withheld: str | None
    account_id: str | None


class Write:
    """One write: either ``first`` says what was answered before, or it is to be made over ``ledger``."""

    def __init__(self, key: str | None, ledger: "BoundLedger", first: FirstAnswer | None) -> None:
        self.ledger = ledger
        self.first = first
        self._key = key

    async def keep(self, *, status: int, body: bytes, withheld: str | None, account_id: str | None) -> None:
        """Keep the answer, if there is a key to keep it under; it is committed with the change."""
        if self._key is not None:
            await self.ledger.rows("write_keep", self._key, status, body.decode(), withheld, account_id)


class BoundLedger(Ledger):
    """A ledger of which every statement runs in one transaction that somebody else commits."""

    def __init__(self, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> None:
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
        """Lend the connection; that it is lost is said by whoever opened the transaction."""
        try:
            yield self._connection
        except REFUSED as error:
            raise LedgerRefusedError(str(error)) from error


class Writes:
    """The transactions of the two APIs."""

    def __init__(self, ledger: Ledger, meter: MeterSettings, postgres: PostgresSettings) -> None:
        self._ledger = ledger
        self._seconds = float(meter.idempotency_admin_seconds)
        # A write may look at Redis, which may need another connection to load the account: were all of
        # the pool taken by writes, they would wait for each other.
        self._places = asyncio.Semaphore(max(1, postgres.pool_max // 2))

    @asynccontextmanager
    async def once(self, key: str | None, digest: str, actor: Actor) -> AsyncIterator[Write]:
        """Begin a write of ``actor``, or find what was answered under its key (None: it has none); commits on leaving.

        Raises LedgerDownError, also when the first one under this key takes too long.
        """
        async with self._places, self._ledger.connection() as connection, connection.transaction():
            ledger = BoundLedger(connection)
            await act_as(connection, actor)
            if key is None or await connection.fetchval(query("write_claim"), key, digest, self._seconds):
                yield Write(key, ledger, None)
            else:
                row = await connection.fetchrow(query("write_answer"), key)
                assert row
                yield Write(key, ledger, _first(row))


def _first(row: asyncpg.Record) -> FirstAnswer:
    return FirstAnswer(
        digest=row["digest"],
        status=row["status"],
        body=row["body"].encode(),
        withheld=row["withheld"],
        account_id=row["account_id"],
    )
