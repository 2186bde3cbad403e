"""Who belongs to a cluster: how its masters are found, believed and judged."""

import pytest

from metering.cluster import ClusterStore
from metering.errors import RedisDownError
from metering.keys import BUCKETS
from tests.integration.metering.books import Book
from tests.integration.metering.clusters import SIZE, account_on, cluster, gateway, promote, reserved_at_last
from tests.integration.metering.parts import Gateway, Launch, ask_of, order_of, until
from tests.servers.redis_server import Cluster

__all__ = ["cluster", "gateway"]


async def test_cluster_is_found_by_any_node_that_lives(cluster: Cluster, launch: Launch, book: Book) -> None:
    dead, alive, _ = cluster.masters
    cluster.add_replica(dead)
    dead.kill()
    await until(cluster.agrees)
    gateway = await launch(redis={"url": f"redis+cluster://{dead.address},{alive.address}"})
    account_id = await account_on(book, cluster, dead)
    await reserved_at_last(gateway, account_id)


async def test_gateway_without_any_master_does_not_start(cluster: Cluster, launch: Launch) -> None:
    cluster.stop()
    with pytest.raises(RedisDownError, match="no master of the Redis cluster at 127"):
        await launch(redis={"url": cluster.url})


async def test_cluster_of_which_every_known_master_died_is_found_by_its_replicas(
    cluster: Cluster, gateway: Gateway, book: Book
) -> None:
    replicas = [cluster.add_replica(master) for master in cluster.masters]
    account_id = await account_on(book, cluster, cluster.masters[1])
    hold = await gateway.meter.enter(order_of(account_id))
    for master in cluster.masters:
        master.kill()
    for replica in replicas:
        await promote(cluster, replica)
    granted = await reserved_at_last(gateway, account_id)
    assert granted.available == SIZE - hold.reservation.amount - 1


async def test_master_that_does_not_reach_the_majority_is_not_believed(cluster: Cluster, gateway: Gateway) -> None:
    alone, *others = cluster.masters
    for node in others:
        node.kill()
    await until(lambda: not gateway.store.alive)
    assert gateway.epochs.shut == BUCKETS
    assert alone.call("PING")


async def test_every_master_is_judged_by_its_own_durability(cluster: Cluster, launch: Launch, book: Book) -> None:
    weak, sound, _ = cluster.masters
    weak.call("CONFIG", "SET", "appendfsync", "everysec")
    warned = await launch(redis={"url": cluster.url})
    assert warned.store.weak == f"{weak.address}: its persistence is not appendfsync always"
    strict = await launch(redis={"url": cluster.url, "durability": "strict", "barrier_wait_seconds": 0.2})
    warned.keep_beating()
    with pytest.raises(RedisDownError):
        await strict.admission.reserve(ask_of(await account_on(book, cluster, weak), 1))
    await reserved_at_last(strict, await account_on(book, cluster, sound))


async def test_server_that_was_a_replica_meanwhile_is_another_owner(cluster: Cluster, gateway: Gateway) -> None:
    assert isinstance(gateway.store, ClusterStore)
    first = cluster.masters[0]
    replica = cluster.add_replica(first)
    master = next(one for one in gateway.store._masters.values() if one._where() == first.address)
    before = master.owner
    gateway.store._task.cancel()  # type: ignore[union-attr]  # nobody looks while it happens
    for risen, fallen in ((replica, first), (first, replica)):
        risen.call("CLUSTER", "FAILOVER")
        await until(lambda risen=risen, fallen=fallen: cluster.replicates(fallen, risen), seconds=15)
    assert master.connected
    await master.look()
    assert master.owner
    assert master.owner != before
    assert master.owner.partition(".")[0] == str(before).partition(".")[0]


async def test_command_without_a_key_goes_to_every_master(cluster: Cluster, gateway: Gateway) -> None:
    await gateway.store.call(b"FLUSHALL")
    assert [node.call("DBSIZE") for node in cluster.masters] == [0, 0, 0]


async def test_gateway_is_ready_as_long_as_any_master_answers(cluster: Cluster, gateway: Gateway) -> None:
    cluster.masters[1].kill()
    await until(lambda: not gateway.store.connected)
    assert gateway.store.alive
    assert (gateway.epochs.waiting, gateway.epochs.shut) == (0, gateway.store._route.count(None))  # type: ignore[attr-defined]
    await gateway.store.ping()
    for node in cluster.masters:
        node.kill()
    await until(lambda: not gateway.store.alive)
    with pytest.raises(RedisDownError, match="no master"):
        await gateway.store.ping()
