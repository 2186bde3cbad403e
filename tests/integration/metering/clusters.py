"""A cluster of the test's own, gateways on it, and what tests ask of them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metering.audit import Audit
from metering.books import Books
from metering.errors import MeterUnavailableError
from metering.ids import new_id
from metering.keys import BUCKETS
from metering.redis_audit import RedisAudit
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, Launch, ask_of, until
from tests.servers.debian import Program
from tests.servers.redis_server import Cluster, RedisServer, own_cluster

SIZE = 100_000


@pytest.fixture
def cluster(tmp_path: Path, redis_program: Program) -> Iterator[Cluster]:
    with own_cluster(redis_program, tmp_path / "cluster") as running:
        yield running


@pytest.fixture
async def gateway(launch: Launch, cluster: Cluster) -> Gateway:
    return await joined(launch, cluster)


async def joined(launch: Launch, cluster: Cluster, **redis: Any) -> Gateway:
    """A gateway of which all buckets are open."""
    gateway = await launch(redis={"url": cluster.url, "barrier_wait_seconds": 0.3, **redis})
    gateway.keep_beating()
    await until(lambda: all(gateway.epochs.open_token(bucket) for bucket in range(BUCKETS)))
    return gateway


async def account_on(book: Book, cluster: Cluster, master: RedisServer) -> str:
    """Open an account whose keys a master has."""
    account_id = next(one for one in iter(new_id, None) if one and cluster.master_of(one) is master)
    await book.connection.execute("INSERT INTO accounts (account_id, name) VALUES ($1, 'test')", account_id)
    await book.grant(account_id, SIZE)
    return account_id


async def epochs(book: Book) -> dict[int, int]:
    return {row["bucket"]: row["epoch"] for row in await book.connection.fetch("SELECT bucket, epoch FROM epochs")}


async def reserved_at_last(gateway: Gateway, account_id: str, seconds: float = 15) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await gateway.admission.reserve(ask_of(account_id, 1))
            except MeterUnavailableError:
                await asyncio.sleep(0.02)


async def audited(gateway: Gateway) -> None:
    """Fail with every row that breaks an invariant."""
    books = Books(gateway.ledger, gateway.settings.meter)
    redis = RedisAudit(gateway.ledger, gateway.admission, gateway.store, books.balances, gateway.settings.meter)
    report = await Audit(gateway.ledger, redis).run()
    broken = {one.name: [json.loads(bytes(row)) for row in one.rows] for one in report.invariants if one.broken}
    assert broken == {}


async def promote(cluster: Cluster, replica: RedisServer) -> None:
    """Make the replica a master, whatever the others think."""
    del cluster
    replica.call("CLUSTER", "FAILOVER", "TAKEOVER")
