"""DESIGN 3.3, "Postgres down", "both down", "out of connections": go on as far as is allowed, lose nothing.

The outage under load lasts some seconds here, and two minutes in ``make outage``: OUTAGE_SECONDS says how long.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio as redis

from tests.conftest import Wallet
from tests.fakes.upstream import answer, completion, usage
from tests.integration.api.asking import Api
from tests.integration.breaking.servers import OwnPostgres, all_places, own_postgres, server_folder
from tests.integration.line import PROMPT, SIZE, Line
from tests.integration.metering.own_redis import OwnRedis, own_redis
from tests.servers.debian import Program
from tests.waiting import eventually

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "6"))
OK = answer(completion("on on", usage(PROMPT, 2)))
CHARGE = PROMPT + 2
CLIENTS = 8
PATIENCE = {"timeout_seconds": 1.0}


@pytest.fixture
async def postgres() -> AsyncIterator[OwnPostgres]:
    with server_folder() as folder:
        async with own_postgres(folder) as running:
            yield running


@pytest.fixture
async def database_url(postgres: OwnPostgres) -> str:
    return postgres.url


@pytest.fixture
async def line(line: Line) -> Line:
    """A gateway with a shorter patience than an operator would give it."""
    line.settings = replace(line.settings, postgres=replace(line.settings.postgres, **PATIENCE))
    return line


async def fresh(wallet: Wallet, postgres: OwnPostgres) -> Wallet:
    """Return the wallet with a connection of after the outage."""
    await wallet.connection.close(timeout=1)
    return replace(wallet, connection=await asyncpg.connect(postgres.url))


class Load:
    """Clients that ask again and again, and what they were told."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.answers: Counter[int] = Counter()
        self.slowest = 0.0
        self._running = True
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(CLIENTS)]

    async def _ask(self) -> None:
        while self._running:
            started = time.monotonic()
            reply = await self._line.ask(max_tokens=5)
            self.slowest = max(self.slowest, time.monotonic() - started)
            self.answers[reply.status] += 1
            await asyncio.sleep(0.01 if reply.status == 200 else 0.1)

    async def end(self) -> None:
        """Let the last requests finish."""
        self._running = False
        await asyncio.gather(*self._tasks)


async def all_is_booked(line: Line, postgres: OwnPostgres, count: int) -> None:
    """Fail unless every request that the upstream has served is in the ledger, once, and everything adds up."""
    line.wallet = await fresh(line.wallet, postgres)
    try:
        await eventually(lambda: line.deps.settler.open == 0, seconds=30)
        view = await line.at_rest()
        events = await line.wallet.events()
        assert (len(events), len(line.upstream.requests)) == (count, count)
        assert {event["charge"] for event in events} == {CHARGE}
        assert view.balance == SIZE - count * CHARGE
        report = await Api(line.client).good("POST", "/admin/v1/audit")
        assert [invariant for invariant in report["invariants"] if invariant["broken"]] == []
    finally:
        await line.wallet.connection.close()


@asynccontextmanager
async def killed(postgres: OwnPostgres) -> AsyncIterator[None]:
    await postgres.kill()
    try:
        yield
    finally:
        await postgres.start_again()


@asynccontextmanager
async def silent(postgres: OwnPostgres) -> AsyncIterator[None]:
    """It takes connections and says nothing, which is worse than being gone."""
    postgres.freeze()
    try:
        yield
    finally:
        postgres.thaw()


Outage = Callable[[OwnPostgres], AbstractAsyncContextManager[None]]


@pytest.mark.parametrize("outage", [killed, silent])
async def test_under_load_requests_go_on_and_all_of_them_are_settled_when_it_is_back(
    line: Line, postgres: OwnPostgres, outage: Outage
) -> None:
    await line.start()
    line.upstream.always = (OK,)
    load = Load(line)
    await eventually(lambda: load.answers[200] > CLIENTS)
    async with outage(postgres):
        before = load.answers[200]
        await asyncio.sleep(OUTAGE_SECONDS)
        assert load.answers[200] > before + CLIENTS * OUTAGE_SECONDS, "who is known is served as before"
        assert load.answers.keys() == {200}
        assert load.slowest < 3, "nobody waits for a server that says nothing"
    await load.end()
    await all_is_booked(line, postgres, load.answers[200])


@pytest.mark.parametrize("cap", ["unsettled_account_max", "unsettled_total_max"])
async def test_what_waits_for_it_is_capped_then_nothing_is_forwarded(
    line: Line, postgres: OwnPostgres, cap: str
) -> None:
    await line.start(meter={cap: 10 * CHARGE})
    line.upstream.always = (OK,)
    assert (await line.ask(max_tokens=5)).status == 200
    await line.at_rest()
    async with killed(postgres):
        answers = [(await line.ask(max_tokens=5)) for _ in range(15)]
        assert [reply.status for reply in answers] == [200] * 11 + [503] * 4
        assert {reply.headers.get("retry-after") for reply in answers[11:]} == {"5"}
    await all_is_booked(line, postgres, 12)


async def test_an_account_that_redis_does_not_know_is_told_to_come_back(line: Line, postgres: OwnPostgres) -> None:
    await line.start()
    line.upstream.always = (OK,)
    async with killed(postgres):
        reply = await line.ask(max_tokens=5)
        assert (reply.status, reply.error["code"]) == (503, "meter_unavailable")
        assert line.upstream.requests == []

    async def served() -> bool:
        return (await line.ask(max_tokens=5)).status == 200

    await eventually(served)
    await all_is_booked(line, postgres, 1)


@pytest.fixture
async def redis_server(tmp_path: Path, redis_program: Program) -> AsyncIterator[OwnRedis]:
    async with own_redis(tmp_path, redis_program) as running:
        yield running


async def test_both_down_nothing_is_forwarded_and_what_was_finished_is_booked(
    line: Line, postgres: OwnPostgres, redis_server: OwnRedis
) -> None:
    line.settings = replace(line.settings, redis=replace(line.settings.redis, url=redis_server.url))
    await line.start()
    line.upstream.always = (OK,)
    assert (await line.ask(max_tokens=5)).status == 200
    await line.at_rest()
    async with killed(postgres):
        assert (await line.ask(max_tokens=5)).status == 200  # finished, and not booked
        await redis_server.kill()
        await eventually(lambda: not line.deps.store.connected)
        replies = [await line.ask(max_tokens=5) for _ in range(3)]
        assert {(reply.status, reply.error["code"]) for reply in replies} == {(503, "meter_unavailable")}
        await redis_server.start(empty=True)
        assert (await line.ask(max_tokens=5)).status == 503, "an epoch needs Postgres"
        assert len(line.upstream.requests) == 2
    await all_is_booked(line, postgres, 2)


async def test_out_of_connections_what_runs_is_settled_later(line: Line, postgres: OwnPostgres) -> None:
    await line.start()
    line.upstream.always = (OK,)
    assert (await line.ask(max_tokens=5)).status == 200
    await line.at_rest()
    await line.wallet.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'farebox'"
    )
    async with all_places(postgres.url) as taken:
        assert taken > 50
        load = Load(line)
        await eventually(lambda: load.answers[200] >= 20)
        await load.end()
        assert load.answers.keys() == {200}
        assert len(await line.wallet.events()) < load.answers[200] + 1, "nothing could be booked meanwhile"
    await all_is_booked(line, postgres, load.answers[200] + 1)


async def test_redis_out_of_connections_is_redis_down(
    line: Line, postgres: OwnPostgres, redis_server: OwnRedis
) -> None:
    line.settings = replace(line.settings, redis=replace(line.settings.redis, url=redis_server.url))
    await line.start()
    line.upstream.always = (OK,)
    assert (await line.ask(max_tokens=5)).status == 200
    await line.at_rest()
    async with no_more_clients(redis_server) as let_in:
        own = await line.deps.store.call(b"CLIENT", b"ID")
        await line.deps.store.call(b"CLIENT", b"KILL", b"ID", own, b"SKIPME", b"no")
        await eventually(lambda: not line.deps.store.connected)
        assert (await line.ask(max_tokens=5)).status == 503
        assert len(line.upstream.requests) == 1
        await let_in()

        async def served() -> bool:
            return (await line.ask(max_tokens=5)).status == 200

        await eventually(served)
    await all_is_booked(line, postgres, 2)


@asynccontextmanager
async def no_more_clients(server: OwnRedis) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Let nobody in but us; yields what ends that."""
    client = redis.Redis.from_url(server.url)
    await client.config_set("maxclients", 1)

    async def let_in() -> None:
        await client.config_set("maxclients", 100)

    yield let_in
    await client.aclose()
