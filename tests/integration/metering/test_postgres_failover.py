"""The primary is killed and its replica promoted: what was acknowledged is there, when replication was synchronous."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import asyncpg
import pytest

from config.settings import Settings
from metering.audit import Audit
from metering.books import Books
from metering.errors import MeterUnavailableError
from metering.migrate import migrate
from metering.redis_audit import RedisAudit
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, Launch, order_of, until, used
from tests.servers.postgres_pair import PostgresPair, own_pair

SIZE = 1_000_000


@pytest.fixture(params=[True])
def pair(request: pytest.FixtureRequest) -> Iterator[PostgresPair]:
    """A primary with a replica; the parameter: whether it is a synchronous one."""
    with own_pair(synchronous=request.param) as running:
        yield running


@pytest.fixture
def settings(settings: Settings, pair: PostgresPair) -> Settings:
    return replace(settings, postgres=replace(settings.postgres, url=pair.url))


async def opened(pair: PostgresPair, accounts: int) -> list[str]:
    """Migrate, and open accounts."""
    await migrate(pair.url)
    connection = await asyncpg.connect(pair.url)
    book = Book(connection)
    found = [await book.account() for _ in range(accounts)]
    for account_id in found:
        await book.grant(account_id, SIZE)
    await connection.close()
    return found


async def charged(pair: PostgresPair) -> dict[str, int]:
    """Return what the ledger says each request was charged."""
    connection = await asyncpg.connect(pair.url)
    found = await connection.fetch("SELECT request_id::text, charge FROM events")
    await connection.close()
    return {row["request_id"]: row["charge"] for row in found}


async def broken(gateway: Gateway) -> dict[str, list[dict[str, object]]]:
    """Return the rows that break an invariant."""
    books = Books(gateway.ledger, gateway.settings.meter)
    redis = RedisAudit(gateway.ledger, gateway.admission, gateway.store, books.balances, gateway.settings.meter)
    report = await Audit(gateway.ledger, redis).run()
    return {one.name: [json.loads(bytes(row)) for row in one.rows] for one in report.invariants if one.broken}


async def test_promoted_synchronous_replica_has_all_that_was_acknowledged(pair: PostgresPair, launch: Launch) -> None:
    accounts = await opened(pair, 4)
    gateways = [await launch() for _ in range(2)]
    recorded: Counter[str] = Counter()
    stopping = asyncio.Event()

    async def client(gateway: Gateway, account_id: str) -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            try:
                async with gateway.meter.hold(order_of(account_id)) as hold:
                    hold.forwarding()
                    await asyncio.sleep(0.002)
                    hold.record(used(number % 50))
                    recorded[hold.request_id] = 100 + number % 50
            except MeterUnavailableError:
                await asyncio.sleep(0.02)

    clients = [asyncio.create_task(client(gateway, one)) for gateway in gateways for one in accounts]
    await until(lambda: len(recorded) > 300)
    pair.primary.kill()
    acknowledged = recorded.keys() - {one for gateway in gateways for one in gateway.meter.holds}
    assert len(acknowledged) > 200
    while_down = len(recorded)
    await until(lambda: len(recorded) > while_down + 100)  # accounts that Redis knows go on
    pair.replica.promote()
    assert acknowledged <= (await charged(pair)).keys()
    stopping.set()
    await asyncio.gather(*clients)
    for gateway in gateways:
        await gateway.meter.drain(20)
    assert await charged(pair) == recorded
    assert await broken(gateways[0]) == {}


@pytest.mark.parametrize("pair", [False], indirect=True)
async def test_promoted_asynchronous_replica_has_lost_its_lag_and_the_audit_names_it(
    pair: PostgresPair, launch: Launch
) -> None:
    (account_id,) = await opened(pair, 1)
    gateway = await launch()
    gateway.keep_beating()
    for _ in range(2):
        hold = await gateway.meter.enter(order_of(account_id))
        hold.forwarding()
        hold.record(used(1))
        await gateway.meter.drain(10)
        # From here on the replica gets nothing, as if the network to it were cut.
        pair.replica.run(
            "psql",
            "-h",
            "127.0.0.1",
            "-p",
            str(pair.replica.port),
            "-U",
            "farebox",
            "-d",
            "postgres",
            "-c",
            "ALTER SYSTEM SET primary_conninfo = ''",
            "-c",
            "SELECT pg_reload_conf()",
        )
    pair.primary.kill()
    pair.replica.promote()

    async def answers() -> bool:
        return len(await charged(pair)) == 1

    await until(answers)
    assert (await gateway.view(account_id)).balance == SIZE - 202  # Redis knows better, and nobody spends it twice
    found = await broken(gateway)
    assert found.keys() == {"redis_not_ahead_of_postgres"}
    assert found["redis_not_ahead_of_postgres"][0]["account_id"] == account_id
    # The way back: let Redis forget, and take the ledger as it is.
    await gateway.store.call(b"FLUSHALL")

    async def clean() -> bool:
        try:
            return (await gateway.view(account_id)).balance == SIZE - 101
        except MeterUnavailableError:
            return False

    await until(clean)
    assert await broken(gateway) == {}
