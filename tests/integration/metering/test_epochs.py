"""A Redis that forgot: a new epoch, holds announced again, a barrier, then admission goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metering.errors import BarrierError, MeterUnavailableError, RedisDownError, RefusedError
from metering.keys import BUCKETS, bucket_of, keys_of
from tests.integration.metering.books import Book
from tests.integration.metering.own_redis import OwnRedis, own_redis
from tests.integration.metering.parts import Gateway, Launch, ask_of, order_of, spec_of, until, used
from tests.servers.debian import Program


@pytest.fixture
async def server(tmp_path: Path, redis_program: Program) -> AsyncIterator[OwnRedis]:
    async with own_redis(tmp_path, redis_program) as running:
        yield running


async def restart_with_data(server: OwnRedis, gateway: Gateway, account_id: str) -> None:
    del account_id
    await server.kill()
    await until(lambda: not gateway.store.connected)
    await server.start()


async def restart_empty(server: OwnRedis, gateway: Gateway, account_id: str) -> None:
    del account_id
    await server.kill()
    await until(lambda: not gateway.store.connected)
    await server.start(empty=True)


async def flush(server: OwnRedis, gateway: Gateway, account_id: str) -> None:
    del server, account_id
    await gateway.store.call(b"FLUSHALL")


async def lose_sentinel(server: OwnRedis, gateway: Gateway, account_id: str) -> None:
    del server
    await gateway.store.call(b"DEL", keys_of(account_id).epoch)


Loss = Callable[[OwnRedis, Gateway, str], Awaitable[None]]
LOSSES = [restart_with_data, restart_empty, flush, lose_sentinel]


async def epoch_of(book: Book, account_id: str) -> int:
    return int(await book.connection.fetchval("SELECT epoch FROM epochs WHERE bucket = $1", bucket_of(account_id)))


async def reserved_at_last(gateway: Gateway, account_id: str, want: int) -> Any:
    """Ask until the meter can decide."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await gateway.admission.reserve(ask_of(account_id, want))
            except MeterUnavailableError:
                await asyncio.sleep(0.02)


async def test_first_start_waits_for_nobody(gateway: Gateway, book: Book) -> None:
    await until(lambda: all(gateway.epochs.open_token(bucket) for bucket in range(BUCKETS)))
    assert await book.connection.fetchval("SELECT count(*) FROM epochs WHERE epoch = 1") == BUCKETS


async def test_second_gateway_joins_the_epoch_of_the_first(launch: Launch, book: Book) -> None:
    one, other = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 100)
    await one.admission.reserve(ask_of(account_id, 60))
    assert (await other.admission.reserve(ask_of(account_id, 30))).available == 10
    assert await epoch_of(book, account_id) == 1


@pytest.mark.parametrize("loss", LOSSES)
async def test_redis_that_may_have_forgotten_gets_every_hold_back(
    launch: Launch, book: Book, server: OwnRedis, loss: Loss
) -> None:
    gateway = await launch(redis={"url": server.url})
    gateway.keep_beating()
    account_id = await book.account()
    await book.grant(account_id, 1000)
    await gateway.meter.enter(order_of(account_id, limit=300))
    finished = await gateway.meter.enter(order_of(account_id))
    async with book.connection.transaction():  # Postgres is busy with this account: the charge stays open
        await book.connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", account_id)
        finished.record(used(50))
        await until(lambda: settling(gateway, account_id))
        before = await gateway.view(account_id)
        assert (before.reserved, before.unsettled, before.holds) == (400 + 150, 150, 2)
        await loss(server, gateway, account_id)
        answer = await reserved_at_last(gateway, account_id, 1)
        assert answer.available == 1000 - 550 - 1
        assert (await gateway.view(account_id)).unsettled == 150
    assert await epoch_of(book, account_id) > 1
    await until(lambda: not gateway.settler.open)
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.unsettled) == (850, 401, 0)


async def settling(gateway: Gateway, account_id: str) -> bool:
    return (await gateway.view(account_id)).unsettled > 0


async def test_lost_sentinel_renews_its_own_bucket_only(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    await gateway.store.call(b"DEL", keys_of(account_id).epoch)
    await reserved_at_last(gateway, account_id, 1)
    renewed = await book.connection.fetch("SELECT bucket FROM epochs WHERE epoch > 1")
    assert [row["bucket"] for row in renewed] == [bucket_of(account_id)]


@pytest.mark.parametrize("loss", [restart_empty, flush])
async def test_other_gateway_is_waited_for_so_its_hold_is_never_promised_again(
    launch: Launch, book: Book, server: OwnRedis, loss: Loss
) -> None:
    owner = await launch(redis={"url": server.url})
    other = await launch(redis={"url": server.url})
    account_id = await book.account()
    await book.grant(account_id, 300)
    await owner.meter.enter(order_of(account_id))
    await loss(server, other, account_id)
    owner.keep_beating()
    other.keep_beating()
    with pytest.raises(RefusedError, match="balance_held"):
        await reserved_at_last(other, account_id, 101)
    assert (await reserved_at_last(other, account_id, 100)).available == 0


async def test_requests_are_told_to_come_back_while_a_living_gateway_has_not_announced(
    launch: Launch, book: Book
) -> None:
    gateway = await launch(redis={"barrier_wait_seconds": 0.2})
    account_id = await book.account()
    await book.grant(account_id, 100)
    hold = await gateway.meter.enter(
        order_of(account_id, prompt_tokens=1, limit=None, candidates=(spec_of(default_hold_tokens=10),))
    )
    await book.connection.execute("INSERT INTO instances (instance_id) VALUES ('slow')")
    await gateway.store.call(b"FLUSHALL")
    with pytest.raises(BarrierError):
        await gateway.admission.reserve(ask_of(account_id, 1))
    # Nor does a stream get more meanwhile: others' holds are not counted yet.
    with pytest.raises(BarrierError):
        await gateway.admission.extend(account_id, hold.request_id, want=50, least=50)
    await book.connection.execute("UPDATE instances SET announced_epoch = 99 WHERE instance_id = 'slow'")
    await reserved_at_last(gateway, account_id, 1)
    assert await gateway.admission.extend(account_id, hold.request_id, want=50, least=50)
    await gateway.view(account_id)


async def test_gateway_whose_heartbeat_has_run_out_is_not_waited_for(launch: Launch, book: Book) -> None:
    gateway = await launch()
    account_id = await book.account()
    await book.grant(account_id, 100)
    await book.connection.execute(
        "INSERT INTO instances (instance_id, heartbeat_at) VALUES ('dead', now() - interval '61 seconds')"
    )
    await gateway.store.call(b"FLUSHALL")
    await reserved_at_last(gateway, account_id, 1)


async def test_barrier_lasts_as_long_as_it_is_set(launch: Launch, book: Book) -> None:
    gateway = await launch(redis={"barrier_seconds": 0.6})
    account_id = await book.account()
    await book.grant(account_id, 100)
    await gateway.view(account_id)
    loop = asyncio.get_running_loop()
    await gateway.store.call(b"FLUSHALL")
    started = loop.time()
    await reserved_at_last(gateway, account_id, 1)
    assert 0.6 <= loop.time() - started < 3


async def test_down_redis_forwards_nothing_and_what_runs_is_settled(
    launch: Launch, book: Book, server: OwnRedis
) -> None:
    gateway = await launch(redis={"url": server.url})
    gateway.keep_beating()
    account_id = await book.account()
    await book.grant(account_id, 1000)
    hold = await gateway.meter.enter(order_of(account_id))
    await server.kill()
    await until(lambda: not gateway.store.connected)
    with pytest.raises(RedisDownError):
        await gateway.admission.reserve(ask_of(account_id, 1))
    hold.record(used(70))

    async def booked() -> bool:
        return await book.connection.fetchval("SELECT count(*) FROM events") == 1

    await until(booked)
    await server.start()
    await until(lambda: not gateway.meter.holds)

    async def at_rest() -> bool:
        # Where it was stated again while it was being dropped, it is there for a moment, and dropped once more.
        view = await gateway.view(account_id)
        assert view.balance == 830
        return (view.reserved, view.holds) == (0, 0)

    await until(at_rest)


async def test_epoch_whose_starter_died_before_it_wrote_the_sentinel_is_renewed(launch: Launch, book: Book) -> None:
    gateway = await launch()
    account_id = await book.account()
    await book.grant(account_id, 1000)
    await gateway.meter.enter(order_of(account_id))
    before = await gateway.view(account_id)
    # What another gateway does first when it misses the sentinel; then it is killed.
    run_id = await book.connection.fetchval("SELECT run_id FROM epochs LIMIT 1")
    await gateway.store.call(b"FLUSHALL")
    lost = [bucket_of(account_id)]
    await book.connection.fetch("SELECT * FROM renew_epochs($1, $2, $3)", [run_id] * BUCKETS, lost, [1])
    for _ in range(3):  # beats
        try:
            await gateway.epochs.beat()
        except MeterUnavailableError:
            continue
    await reserved_at_last(gateway, account_id, 1)
    assert (await gateway.view(account_id)).reserved == before.reserved + 1


async def test_refresh_that_postgres_interrupted_is_finished_by_a_later_beat(launch: Launch, book: Book) -> None:
    gateway = await launch(redis={"barrier_wait_seconds": 0.2})
    account_id = await book.account()
    await book.grant(account_id, 1000)
    await gateway.view(account_id)
    await gateway.store.call(b"FLUSHALL")
    await book.connection.execute("ALTER TABLE instances RENAME TO hidden")
    with pytest.raises(MeterUnavailableError):
        await gateway.admission.reserve(ask_of(account_id, 1))
    await book.connection.execute("ALTER TABLE hidden RENAME TO instances")
    gateway.keep_beating()
    await reserved_at_last(gateway, account_id, 1)


async def test_barrier_of_an_epoch_that_was_replaced_does_not_wait_for_ever(launch: Launch, book: Book) -> None:
    gateway = await launch(redis={"barrier_seconds": 0.5, "barrier_wait_seconds": 0.1})
    account_id = await book.account()
    await book.grant(account_id, 1000)
    for _ in range(3):
        await gateway.store.call(b"FLUSHALL")
        await gateway.epochs.lost()
    await reserved_at_last(gateway, account_id, 1)
    await until(lambda: not gateway.epochs._openings)


async def taken_over(book: Book, account_id: str) -> int:
    """Let another gateway find another server for this account's bucket; return the new epoch."""
    owners = ["another" if bucket == bucket_of(account_id) else None for bucket in range(BUCKETS)]
    await book.connection.fetch("SELECT * FROM renew_epochs($1, '{}', '{}')", owners)
    return await epoch_of(book, account_id)


async def announced_by(gateway: Gateway, book: Book) -> int:
    query = "SELECT announced_epoch FROM instances WHERE instance_id = $1"
    return int(await book.connection.fetchval(query, gateway.instance_id))


@pytest.mark.parametrize(("holds", "lease_seconds", "waited_for"), [(0, 60, False), (1, 60, True), (1, 0.01, False)])
async def test_gateway_that_does_not_reach_a_server_is_waited_for_only_where_it_has_holds_and_lives(
    launch: Launch, book: Book, holds: int, lease_seconds: float, *, waited_for: bool
) -> None:
    gateway = await launch(lease_seconds=60)
    account_id = await book.account()
    await book.grant(account_id, 1000)
    await until(lambda: gateway.epochs.open_token(bucket_of(account_id)))
    for _ in range(holds):
        await gateway.meter.enter(order_of(account_id))
    gateway.epochs.parted([bucket_of(account_id)])
    gateway.epochs._meter = replace(gateway.epochs._meter, lease_seconds=lease_seconds)
    epoch = await taken_over(book, account_id)
    await gateway.epochs.beat()
    await asyncio.sleep(0.02)
    await gateway.epochs.beat()
    assert (await announced_by(gateway, book) < epoch) is waited_for
    assert await epoch_of(book, account_id) == epoch  # nor does it claim what it does not reach


async def test_bucket_opens_only_while_it_is_still_in_the_epoch_that_was_waited_for(
    gateway: Gateway, book: Book
) -> None:
    account_id = await book.account()
    await until(lambda: gateway.epochs.open_token(bucket_of(account_id)))
    before = await gateway.ledger.open_buckets(1, seconds=0, lease_seconds=60)
    assert before == frozenset(range(BUCKETS))
    await taken_over(book, account_id)
    assert await gateway.ledger.open_buckets(1, seconds=0, lease_seconds=60) == before - {bucket_of(account_id)}
