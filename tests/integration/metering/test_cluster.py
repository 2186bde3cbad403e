"""A cluster of three masters: one is killed and replaced, a slot moves, and nothing is lost, nor held up elsewhere."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from metering.core.slots import slot_of
from metering.errors import MeterUnavailableError, RedisDownError
from metering.keys import BUCKETS, bucket_of, keys_of
from tests.integration.metering.books import Book
from tests.integration.metering.clusters import (
    SIZE,
    account_on,
    audited,
    cluster,
    epochs,
    gateway,
    joined,
    promote,
    reserved_at_last,
)
from tests.integration.metering.parts import Gateway, Launch, ask_of, order_of, until, used
from tests.servers.redis_server import Cluster, RedisServer

__all__ = ["cluster", "gateway"]


async def wait_for_the_cluster(cluster: Cluster, replica: RedisServer) -> None:
    """Its masters vote, a second after they missed the dead one."""
    del cluster, replica


async def restart_empty(cluster: Cluster, replica: RedisServer) -> None:
    del replica
    cluster.masters[0].forget()
    cluster.masters[0].start()


async def restart_with_data(cluster: Cluster, replica: RedisServer) -> None:
    del replica
    cluster.masters[0].start()


Replace = Callable[[Cluster, RedisServer], Awaitable[None]]


@pytest.mark.parametrize(
    ("replace", "replicated"),
    [(promote, True), (wait_for_the_cluster, True), (restart_empty, False), (restart_with_data, False)],
)
async def test_killed_master_is_replaced_while_the_others_go_on(
    cluster: Cluster, gateway: Gateway, book: Book, replace: Replace, *, replicated: bool
) -> None:
    victim, *others = cluster.masters
    replica = cluster.add_replica(victim) if replicated else victim
    hit, spared = await account_on(book, cluster, victim), await account_on(book, cluster, others[0])
    open_hold = await gateway.meter.enter(order_of(hit, limit=300))
    running = await gateway.meter.enter(order_of(hit))
    before = await epochs(book)
    victim.kill()
    await until(lambda: gateway.epochs.open_token(bucket_of(hit)) is None)
    with pytest.raises(RedisDownError):
        await gateway.admission.reserve(ask_of(hit, 1))
    await gateway.admission.reserve(ask_of(spared, 7))
    running.record(used(50))  # a charge that no Redis hears of until there is one again

    async def booked() -> bool:
        return await book.connection.fetchval("SELECT count(*) FROM events") == 1

    await until(booked)
    await replace(cluster, replica)
    granted = await reserved_at_last(gateway, hit)
    # What was charged meanwhile may still be held, too: never more is promised than there is.
    assert granted.available <= SIZE - 150 - open_hold.reservation.amount - 1
    await until(lambda: not gateway.settler.open)
    view = await gateway.view(hit)
    assert (view.balance, view.reserved) == (SIZE - 150, open_hold.reservation.amount + 1)
    assert (await gateway.view(spared)).reserved == 7
    after = await epochs(book)
    renewed = {bucket for bucket in range(BUCKETS) if after[bucket] != before[bucket]}
    assert renewed == {bucket for bucket in range(BUCKETS) if slot_of(bucket) < 16_384 // 3}
    open_hold.record(used(10))
    await gateway.meter.drain(5)
    await audited(gateway)


async def test_other_gateways_holds_are_waited_for_on_the_promoted_master(
    cluster: Cluster, launch: Launch, book: Book
) -> None:
    owner, other = await joined(launch, cluster), await joined(launch, cluster)
    victim = cluster.masters[0]
    replica = cluster.add_replica(victim)
    account_id = await account_on(book, cluster, victim)
    hold = await owner.meter.enter(order_of(account_id))
    victim.kill()
    await promote(cluster, replica)
    granted = await reserved_at_last(other, account_id)
    assert granted.available == SIZE - hold.reservation.amount - 1


async def move_slot(cluster: Cluster, slot: int, source: RedisServer, target: RedisServer) -> None:
    """Move a slot as redis-cli does: mark it, carry its keys over, tell everybody."""
    source_id, target_id = cluster.id_of(source), cluster.id_of(target)
    target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
    source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
    keys: Any = source.call("CLUSTER", "GETKEYSINSLOT", slot, 100)
    for key in keys:
        await asyncio.sleep(0.05)  # requests meet every half-way state
        source.call("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
    for node in (target, source, *cluster.masters):
        node.call("CLUSTER", "SETSLOT", slot, "NODE", target_id)


async def test_moved_slot_starts_a_new_epoch_and_keeps_every_hold(
    cluster: Cluster, gateway: Gateway, book: Book
) -> None:
    source, target, _ = cluster.masters
    account_id = await account_on(book, cluster, source)
    hold = await gateway.meter.enter(order_of(account_id))
    before = await epochs(book)
    slot = slot_of(bucket_of(account_id))
    asking = asyncio.create_task(ask_all_the_time(gateway, account_id))
    await move_slot(cluster, slot, source, target)

    async def renewed() -> bool:
        return (await epochs(book))[bucket_of(account_id)] != before[bucket_of(account_id)]

    await until(renewed)
    await reserved_at_last(gateway, account_id)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    view = await gateway.view(account_id)
    assert view.reserved == hold.reservation.amount + view.holds - 1
    after = await epochs(book)
    assert {bucket for bucket in after if after[bucket] != before[bucket]} == {
        bucket for bucket in range(BUCKETS) if slot_of(bucket) == slot
    }
    assert target.call("EXISTS", keys_of(account_id).holds.decode()) == 1


async def ask_all_the_time(gateway: Gateway, account_id: str) -> None:
    while True:
        try:
            await gateway.admission.reserve(ask_of(account_id, 1))
        except MeterUnavailableError:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)


async def test_load_over_a_failover_is_charged_exactly_once(cluster: Cluster, launch: Launch, book: Book) -> None:
    gateways = [await joined(launch, cluster) for _ in range(2)]
    replica = cluster.add_replica(cluster.masters[0])
    accounts = [await account_on(book, cluster, master) for master in cluster.masters for _ in range(2)]
    spent: Counter[str] = Counter()
    stopping = asyncio.Event()

    async def client(gateway: Gateway, account_id: str) -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            try:
                async with gateway.meter.hold(order_of(account_id)) as hold:
                    hold.forwarding()
                    await asyncio.sleep(0.005)
                    hold.record(used(number % 50))
                    spent[account_id] += 100 + number % 50
            except MeterUnavailableError:
                await asyncio.sleep(0.02)

    clients = [asyncio.create_task(client(gateway, one)) for gateway in gateways for one in accounts]
    await until(lambda: all(spent[one] > 1000 for one in accounts))
    cluster.masters[0].kill()
    await asyncio.sleep(0.3)
    await promote(cluster, replica)
    seen = dict(spent)
    await until(lambda: all(spent[one] > seen[one] + 1000 for one in accounts), seconds=20)
    stopping.set()
    await asyncio.gather(*clients)
    for one in gateways:
        await one.meter.drain(10)
    booked = await book.connection.fetch("SELECT account_id::text, sum(charge) FROM events GROUP BY 1")
    assert dict(map(tuple, booked)) == dict(spent)
    for one in gateways:
        await audited(one)
