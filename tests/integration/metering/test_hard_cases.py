"""DESIGN 3.5, line by line, where no other file has the case; tests/integration/breaking/README.md names them all."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis

from config.catalog import Rates
from config.settings import Settings
from metering.ask import Ask, Granted
from metering.errors import RedisDownError
from metering.journal import Journal
from metering.keys import keys_of
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.own_redis import OwnRedis, own_redis
from tests.integration.metering.parts import Gateway, Launch, ask_of, order_of, spec_of, until, used
from tests.servers.debian import Program


@pytest.fixture
async def server(tmp_path: Path, redis_program: Program) -> AsyncIterator[OwnRedis]:
    async with own_redis(tmp_path, redis_program) as running:
        yield running


@pytest.fixture
async def account_id(book: Book) -> str:
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    return account_id


async def taken_by_another(launch: Launch, gateway: Gateway, account_id: str, request_id: str) -> None:
    """Let a hold's deadline pass, and another gateway charge it."""
    await gateway.due(account_id, request_id)
    other = await launch()
    assert await other.recovery.sweep() == 1


async def deadline_of(gateway: Gateway, account_id: str, request_id: str) -> float:
    found = await gateway.store.call(b"ZSCORE", keys_of(account_id).deadlines, f"{account_id}:{request_id}")
    return float(found)


def test_an_instance_is_new_at_every_start_and_heads_its_journal(settings: Settings) -> None:
    one, other = Gateway(settings), Gateway(settings)
    try:
        assert one.instance_id != other.instance_id
        for gateway in (one, other):
            head = (settings.state_dir / "journal" / gateway.instance_id / "00000001.log").read_bytes()
            assert f'"instance":"{gateway.instance_id}"'.encode() in head
    finally:
        for gateway in (one, other):
            gateway.journal.close()


async def test_a_successor_whose_reply_was_lost_is_released_by_name(
    launch: Launch, book: Book, account_id: str
) -> None:
    gateway = await launch(renew_seconds=29)
    reserve = gateway.admission.reserve

    async def reply_lost(ask: Ask) -> Granted:
        await reserve(ask)
        raise RedisDownError("the connection was lost with the reply")

    async with gateway.meter.hold(order_of(account_id, limit=300)) as hold:
        hold.forwarding()
        await taken_by_another(launch, gateway, account_id, hold.request_id)
        gateway.admission.reserve = reply_lost  # type: ignore[method-assign]
        await gateway.meter.leases.prolong()
        gateway.admission.reserve = reserve  # type: ignore[method-assign]
        assert hold.withdrawn, "nobody knows whether anything is held: the stream ends"
        view = await gateway.view(account_id)
        assert (view.reserved, view.holds) == (0, 0), "what it may have taken is given back at once"
        hold.record(used(10))
    await gateway.meter.drain(5)
    assert (await gateway.view(account_id)).balance == 1_000 - 110
    await assert_conserved(book)


async def test_after_a_pause_all_who_wait_share_one_round(launch: Launch, account_id: str) -> None:
    gateway = await launch(renew_seconds=29)
    holds = [await gateway.meter.enter(order_of(account_id, limit=0)) for _ in range(3)]
    for hold in holds:
        await gateway.store.call(b"ZADD", keys_of(account_id).deadlines, 1, f"{account_id}:{hold.request_id}")
    rounds = 0
    renew = gateway.admission.renew

    def counted(bucket: int, leases: Any) -> "asyncio.Future[Any]":
        nonlocal rounds
        rounds += 1
        return renew(bucket, leases)

    gateway.admission.renew = counted  # type: ignore[method-assign]
    gateway.meter.leases.relay_until = 0.0
    await asyncio.gather(*(hold.wake() for hold in holds))
    assert rounds == 1
    assert gateway.meter.leases.relay_until > 0
    for hold in holds:
        assert await deadline_of(gateway, account_id, hold.request_id) > 1_000_000_000_000
        gateway.meter.leave(hold)


async def test_a_pause_while_redis_is_gone_stops_no_stream(launch: Launch, server: OwnRedis, account_id: str) -> None:
    gateway = await launch(redis={"url": server.url})
    gateway.keep_beating()
    async with gateway.meter.hold(order_of(account_id)) as hold:
        hold.forwarding()
        await server.kill()
        await until(lambda: not gateway.store.connected)
        gateway.meter.leases.relay_until = 0.0
        await asyncio.wait_for(hold.wake(), 3)
        assert not hold.withdrawn
        hold.record(used(20))
    await server.start()
    await gateway.meter.drain(10)
    assert (await gateway.view(account_id)).balance == 880


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
async def test_a_gateway_disowns_only_what_it_does_not_know(
    launch: Launch, book: Book, account_id: str, *, known: bool
) -> None:
    """A reserve whose reply was lost arrived after all, and its tombstone was forgotten: nobody prolongs that hold."""
    gateway = await launch()
    gateway.recovery._owns = gateway.meter.owns  # as gateway/app.py puts it together
    if known:
        request_id = (await gateway.meter.enter(order_of(account_id))).request_id
    else:
        ask = ask_of(account_id, 200)
        await gateway.admission.reserve(ask)
        request_id = ask.request_id
    await gateway.due(account_id, request_id)
    await gateway.recovery.sweep()
    view = await gateway.view(account_id)
    assert (view.holds, view.reserved) == ((1, 200) if known else (0, 0))
    if known:
        assert await deadline_of(gateway, account_id, request_id) > 1, "it is prolonged"
    assert await book.rows("events", account_id) == []


async def test_a_request_that_was_charged_for_its_sleeping_owner_and_not_used_costs_nothing(
    launch: Launch, book: Book, account_id: str
) -> None:
    gateway = await launch()
    async with gateway.meter.hold(order_of(account_id)) as hold:
        await taken_by_another(launch, gateway, account_id, hold.request_id)
    await gateway.meter.drain(5)
    assert (await gateway.view(account_id)).balance == 1_000
    (correction,) = await book.rows("corrections", account_id)
    assert (correction["exact"], correction["delta"]) == (0, -200)
    await assert_conserved(book)


async def test_an_orphan_is_charged_at_the_rates_of_its_time(launch: Launch, book: Book, account_id: str) -> None:
    double = Rates(prompt=2_000_000, cached=2_000_000, completion=2_000_000)
    dead = await launch()
    hold = await dead.meter.enter(order_of(account_id, stream=False, candidates=(spec_of(rates=double),)))
    hold.forwarding()
    await dead.kill()
    heir = await launch()  # whatever its configuration says of the model by now: the facts have the rates
    await heir.recovery.adopt()
    (event,) = await book.rows("events", account_id)
    assert (event["charge"], event["rates"]) == (400, [2_000_000, 2_000_000, 2_000_000])


async def test_use_above_the_hold_is_booked_while_redis_is_gone(
    launch: Launch, book: Book, server: OwnRedis, account_id: str
) -> None:
    gateway = await launch(redis={"url": server.url})
    gateway.keep_beating()
    hold = await gateway.meter.enter(order_of(account_id))
    await server.kill()
    await until(lambda: not gateway.store.connected)
    hold.record(used(700))

    async def booked() -> bool:
        return len(await book.rows("events", account_id)) == 1

    await until(booked)
    await server.start()

    async def at_rest() -> bool:
        view = await gateway.view(account_id)
        return (view.balance, view.reserved, view.holds) == (200, 0, 0)

    await until(lambda: not gateway.settler.open)
    await until(at_rest)


@pytest.mark.parametrize("used_up", [True, False], ids=["booked", "released"])
async def test_a_hold_that_ends_while_it_is_announced_leaves_nothing(
    gateway: Gateway, account_id: str, *, used_up: bool
) -> None:
    hold = await gateway.meter.enter(order_of(account_id))
    announce = gateway.admission.announce

    async def overtaken(*arguments: Any, **fields: Any) -> None:
        if used_up:
            hold.record(used(50))
        else:
            gateway.meter.leave(hold)
        await gateway.meter.drain(5)
        assert not gateway.meter.holds
        await announce(*arguments, **fields)

    gateway.admission.announce = overtaken  # type: ignore[method-assign]
    await gateway.meter.announce(frozenset({keys_of(account_id).bucket}))
    await gateway.meter.drain(5)
    view = await gateway.view(account_id)
    assert (view.holds, view.reserved, view.balance) == (0, 0, 850 if used_up else 1_000)


@pytest.fixture
async def nameless(server: OwnRedis) -> str:
    """A Redis that tells no run_id: INFO is not for everybody."""
    client = redis.Redis.from_url(server.url)
    await client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-info")
    await client.aclose()
    return server.url.replace("//", "//app:pw@")


async def test_where_no_run_id_can_be_read_each_reconnect_is_a_new_epoch_and_gateways_agree(
    launch: Launch, book: Book, nameless: str, account_id: str
) -> None:
    one, other = await launch(redis={"url": nameless}), await launch(redis={"url": nameless})
    for gateway in (one, other):
        gateway.keep_beating()
    await one.meter.enter(order_of(account_id))

    async def newest() -> int:
        return int(await book.connection.fetchval("SELECT max(epoch) FROM epochs"))

    async def available(gateway: Gateway) -> int | None:
        if gateway.epochs.open_token(keys_of(account_id)[0]) is None:
            return None
        view = await gateway.view(account_id)
        return view.balance - view.reserved

    before = await newest()
    link = one.store._link
    assert link is not None
    link.abort()

    async def both_agree() -> bool:
        return await newest() == before + 1 and [await available(one), await available(other)] == [800, 800]

    await until(both_agree, 10)
    for _ in range(10):  # beats: nobody takes the other's name for another server's
        await one.epochs.beat()
        await other.epochs.beat()
    assert await newest() == before + 1


async def test_a_full_segment_goes_only_when_all_in_it_is_applied(
    settings: Settings, launch: Launch, account_id: str
) -> None:
    """The ids of a dropped segment count as done: so `apply` must have answered for each of them."""
    small = replace(settings.journal, segment_bytes_max=65_536)
    gateway = await launch()
    gateway.journal.close()
    gateway.journal = gateway.meter.journal = Journal(settings.state_dir / "journal", gateway.instance_id, small)
    folder = settings.state_dir / "journal" / gateway.instance_id
    hold = await gateway.meter.enter(order_of(account_id))
    for _ in range(300):
        gateway.journal.forward(hold.request_id, hold.reservation)
    filler = await gateway.meter.enter(order_of(account_id, limit=0))
    for _ in range(900):
        gateway.journal.forward(filler.request_id, filler.reservation)
    assert (folder / "00000001.log").exists()
    hold.record(used(10))
    filler.record(used(0))
    assert (folder / "00000001.log").exists(), "the usage is known, and neither booked nor applied"
    await gateway.meter.drain(5)
    assert not (folder / "00000001.log").exists()
