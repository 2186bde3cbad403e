"""Reservations when something breaks: Redis forgets, a gateway dies in the middle, two ends meet, a pack expires."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from metering.errors import LedgerDownError
from metering.keys import keys_of
from tests.conftest import Start
from tests.integration.api.asking import Api
from tests.integration.api.shop import Shop
from tests.integration.metering.parts import servers_of
from tests.waiting import eventually


async def hold_of(shop: Shop, reservation_id: str) -> Any:
    """Return the hold in Redis, packed."""
    return await shop.api.deps.store.call(b"HGET", keys_of(shop.account_id).holds, reservation_id)


async def lease_over(shop: Shop, reservation_id: str) -> None:
    """Let the hold's lease be over, so that the next sweep looks at it."""
    member = f"{shop.account_id}:{reservation_id}"
    await shop.api.deps.store.call(b"ZADD", keys_of(shop.account_id).deadlines, 1, member)


async def swept(shop: Shop, reservation_id: str) -> None:
    """Wait until a sweep has claimed the hold, or dropped it."""
    member = f"{shop.account_id}:{reservation_id}"

    async def claimed() -> bool:
        score = await shop.api.deps.store.call(b"ZSCORE", keys_of(shop.account_id).deadlines, member)
        return score is None or float(score) > 1

    await eventually(claimed)
    await asyncio.sleep(0.05)


@asynccontextmanager
async def failing(shop: Shop, statement: str, *, after: bool) -> AsyncIterator[None]:
    """Let a statement fail, before it runs or ``after`` it: its answer is lost then."""
    ledger = shop.api.deps.ledger
    rows = ledger.rows

    async def fail(name: str, *arguments: Any) -> Any:
        if name == statement:
            if after:
                await rows(name, *arguments)
            raise LedgerDownError("gone")
        return await rows(name, *arguments)

    ledger.rows = fail  # type: ignore[method-assign]
    yield
    ledger.rows = rows  # type: ignore[method-assign]


async def test_an_open_one_is_held_on_however_often_its_lease_is_over(shop: Shop) -> None:
    opened = await shop.reserve(30)
    for _ in range(2):
        await lease_over(shop, opened["id"])
        await swept(shop, opened["id"])
        assert await shop.images() == (100, 30)
    await shop.audit()


async def test_a_redis_that_forgot_is_told_again(shop: Shop) -> None:
    opened = await shop.reserve(30)
    keyed = await shop.post(body={"resource": "images", "amount": 5}, **{"Idempotency-Key": "k"})
    await shop.api.deps.store.call(b"FLUSHALL")

    async def known() -> bool:
        reply = await shop.api.get(f"/admin/v1/accounts/{shop.account_id}/balance", resource="images")
        return reply.status == 200 and reply.body["reserved"] == 35

    await eventually(known)
    again = await shop.post(body={"resource": "images", "amount": 5}, **{"Idempotency-Key": "k"})
    assert again.body["id"] == keyed.body["id"]
    assert (await shop.settle(opened, 30)).status == 200
    assert await shop.images() == (70, 5)
    await shop.audit()


async def test_a_redis_that_forgot_while_no_gateway_ran_is_told_by_the_next(shop: Shop, start: Start) -> None:
    await shop.reserve(30)
    store = shop.api.deps.store
    await store.call(b"FLUSHALL")
    await shop.api.client.close()
    shop.api = Api(await start())

    async def known() -> bool:
        reply = await shop.api.get(f"/admin/v1/accounts/{shop.account_id}/balance", resource="images")
        return reply.status == 200 and reply.body["reserved"] == 30

    await eventually(known)
    await shop.audit()


async def test_a_hold_that_nobody_was_told_of_is_given_back(shop: Shop) -> None:
    """The gateway died between Redis and Postgres: no row tells of the hold, and none ever will."""
    opened = await shop.reserve(30)
    async with shop.api.deps.ledger.connection() as connection:
        row = await connection.fetchrow("DELETE FROM reservations WHERE reservation_id = $1 RETURNING *", opened["id"])
    assert row
    await lease_over(shop, opened["id"])

    async def free() -> bool:
        return await shop.images() == (100, 0)

    await eventually(free)
    written = await shop.api.deps.ledger.rows(
        "reservation_open",
        row["reservation_id"],
        row["account_id"],
        row["bucket"],
        "release",
        60.0,
        *(row[name] for name in ("user_id", "base", "units", "reserved", "reserved_at", "split", "facts")),
    )
    assert written == [], "it comes too late"
    await shop.audit()


@pytest.mark.parametrize("after", [False, True])
async def test_an_answer_of_postgres_that_was_lost_leaves_nothing_held(shop: Shop, after: bool) -> None:  # noqa: FBT001
    async with failing(shop, "reservation_open", after=after):
        refused = await shop.post(body={"resource": "images", "amount": 30, "on_expiry": "settle"})
    assert (refused.status, refused.error["code"]) == (503, "meter_unavailable")

    async def free() -> bool:
        return await shop.images() == (100, 0)

    await eventually(free)
    assert await shop.events() == []
    await shop.audit()


async def test_under_a_key_a_lost_answer_is_found_again(shop: Shop) -> None:
    body, key = {"resource": "images", "amount": 30}, {"Idempotency-Key": "k"}
    async with failing(shop, "reservation_open", after=True):
        assert (await shop.post(body=body, **key)).status == 503
    found = await shop.post(body=body, **key)
    assert (found.status, found.body["status"], found.body["reserved"]) == (200, "open", 30)
    assert await shop.images() == (100, 30)


async def test_a_settlement_that_postgres_did_not_take_can_be_sent_again(shop: Shop) -> None:
    for after in (False, True):
        opened = await shop.reserve(30)
        async with failing(shop, "reservation_close", after=after):
            assert (await shop.settle(opened, 40)).status == 503
        assert (await shop.settle(opened, 40)).status == 200
    assert [event["charge"] for event in await shop.events()] == [40, 40]
    assert await shop.images() == (20, 0)
    await shop.audit()


async def test_more_than_was_held_is_settled_for_a_gateway_that_died_with_it(shop: Shop) -> None:
    opened = await shop.reserve(30)
    async with failing(shop, "reservation_close", after=False):
        assert (await shop.settle(opened, 40)).status == 503
        assert await shop.images() == (100, 40), "Redis knows before Postgres"
    await lease_over(shop, opened["id"])

    async def booked() -> bool:
        return await shop.images() == (60, 0)

    await eventually(booked)
    (event,) = await shop.events()
    assert (event["charge"], event["source"]) == (40, "upstream")
    await shop.audit()


async def test_a_hold_whose_reservation_is_over_is_dropped(shop: Shop) -> None:
    """The gateway died between Postgres and Redis."""
    opened = await shop.reserve(30)
    packed = await hold_of(shop, opened["id"])
    await shop.settle(opened, 10)
    await shop.api.deps.store.call(b"HSET", keys_of(shop.account_id).holds, opened["id"], packed)
    await lease_over(shop, opened["id"])

    async def dropped() -> bool:
        return await hold_of(shop, opened["id"]) is None

    await eventually(dropped)


async def test_of_two_ends_that_meet_one_counts(shop: Shop, start: Start) -> None:
    other = Api(await start())
    for _ in range(5):
        opened = await shop.reserve(10)
        path = f"/{opened['id']}"
        answers = await asyncio.gather(
            shop.settle(opened, 3),
            shop.settle(opened, 12, api=other),
            shop.post(path + "/release"),
            shop.post(path + "/release", api=other),
        )
        good = {(reply.body["status"], reply.body["charge"]) for reply in answers if reply.status == 200}
        assert len(good) == 1
        assert {reply.status for reply in answers} == {200, 409}
        ((status, charge),) = good
        events = [one for one in await shop.events() if one["request_id"] == opened["id"]]
        assert [one["charge"] for one in events] == ([charge] if status == "settled" else [])
    assert (await shop.images())[1] == 0
    await shop.audit()


async def test_a_pack_that_expires_meanwhile_still_pays_for_what_was_reserved_on_it(shop: Shop) -> None:
    opened = await shop.reserve(30)
    ledger = shop.api.deps.ledger
    async with ledger.connection() as connection:
        await connection.execute("UPDATE packs SET expires_at = now()")
    assert await ledger.expire_packs(grace_seconds=0) == [], "an open reservation is on it"
    assert (await shop.settle(opened, 30)).status == 200
    (event,) = await shop.events()
    assert event["charge"] == 30
    assert len(await ledger.expire_packs(grace_seconds=0)) == 1
    entries = (await shop.api.good("GET", "/admin/v1/ledger", account_id=shop.account_id))["data"]
    assert [(entry["kind"], entry["amount"]) for entry in entries] == [("expire", 70), ("usage", 30), ("grant", 100)]


async def test_redis_is_down(shop: Shop) -> None:
    opened = await shop.reserve(30)
    links = {server: server._link for server in servers_of(shop.api.deps.store)}
    for server in links:
        server._link = None
    assert (await shop.post(body={"resource": "images", "amount": 1})).status == 503
    assert (await shop.settle(opened, 20)).status == 200, "Postgres decides"
    for server, link in links.items():
        server._link = link

    async def applied() -> bool:
        return await shop.images() == (80, 0)

    await eventually(applied)
    await shop.audit()
