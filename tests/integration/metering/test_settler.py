"""Group commit: lanes that outlive everything, and holds that are dropped only when their charge is booked."""

import asyncio
from typing import Any

import msgspec
import pytest

from metering.errors import LedgerDownError, RefusedError
from metering.ledger import AccountState
from metering.settler import Pending
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, Launch, ask_of, order_of, row_of, until, used


def pending(row: dict[str, Any]) -> Pending:
    now = asyncio.get_running_loop().time()
    return Pending(row["account_id"], str(row["request_id"]), row["charge"], msgspec.json.encode(row), now)


async def events(book: Book, account_id: str) -> list[str]:
    return [str(row["request_id"]) for row in await book.rows("events", account_id, "version, request_id")]


async def test_whatever_queued_meanwhile_is_the_next_batch(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    for _ in range(200):
        gateway.settler.submit(pending(row_of(account_id, 1)))
    await gateway.settler.drain()
    assert len(await events(book, account_id)) == 200
    # One version a batch: the first took what was there, or all of it.
    assert (await book.state(account_id)).version <= 4
    assert gateway.settler.unsettled_amount == 0
    await assert_conserved(book)


async def test_batch_is_never_larger_than_its_limit(launch: Launch, book: Book) -> None:
    gateway = await launch(settle_batch_max=10)
    account_id = await book.account()
    for _ in range(45):
        gateway.settler.submit(pending(row_of(account_id, 1)))
    await gateway.settler.drain()
    assert (await book.state(account_id)).version == 5


async def test_hold_is_dropped_and_the_journal_done_when_the_charge_is_booked(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    async with gateway.meter.hold(order_of(account_id)) as hold:
        hold.forwarding()
        hold.record(used(20))
    assert gateway.settler.unsettled_amount == 120
    await gateway.meter.drain(5)
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds, view.unsettled) == (880, 0, 0, 0)
    assert gateway.meter.holds == {}
    assert gateway.journal.unfinished == 0


@pytest.mark.parametrize("place", [0, 3, 7])
async def test_poison_row_is_set_aside_and_its_lane_goes_on(gateway: Gateway, book: Book, place: int) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    rows = [row_of(account_id, 1) for _ in range(8)]
    rows[place] |= {"reason": "\x00"}
    waiting = [asyncio.create_task(gateway.settler.settle(pending(row))) for row in rows]
    await asyncio.gather(*waiting)
    await gateway.settler.settle(pending(row_of(account_id, 1)))
    assert len(await events(book, account_id)) == 8
    parked = await book.connection.fetch("SELECT * FROM parked_settlements")
    assert [(row["request_id"], "\\u0000" in row["settlement"]) for row in parked] == [
        (rows[place]["request_id"], True)
    ]
    assert gateway.settler.open == 0
    await assert_conserved(book)


async def test_poison_row_keeps_its_hold(gateway: Gateway, book: Book) -> None:
    """Nobody may spend what was used and is not booked."""
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    async with gateway.meter.hold(order_of(account_id, reason="\x00")) as hold:
        hold.record(used(20))
    await gateway.meter.drain(5)
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds) == (1_000, 120, 1)


async def test_lanes_wait_for_postgres_however_long_it_is_away_and_lose_nothing(
    gateway: Gateway, book: Book, database_url: str
) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    await gateway.view(account_id)
    name = database_url.rpartition("/")[2].partition("?")[0]
    await away(book, name)
    with pytest.raises(LedgerDownError):
        await gateway.ledger.ping()
    async with gateway.meter.hold(order_of(account_id)) as hold:  # admission goes on: the account is in Redis
        hold.record(used(20))
    await until(lambda: gateway.settler.open == 1)
    assert gateway.settler.unsettled_amount == 120
    await back(book, name)
    await gateway.meter.drain(10)
    assert len(await events(book, account_id)) == 1
    assert (await gateway.view(account_id)).balance == 880


async def away(book: Book, name: str) -> None:
    """Let nobody in, and put out whoever is there (but this test)."""
    await book.connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    await book.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()", name
    )


async def back(book: Book, name: str) -> None:
    await book.connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")


async def test_snapshot_is_handed_over_until_redis_takes_it(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    await gateway.view(account_id)
    await gateway.store.call(b"FLUSHALL")
    await book.grant(account_id, 100)
    await gateway.settler.push(await book.state(account_id))
    assert gateway.settler.open == 1
    async with asyncio.timeout(5):
        await gateway.settler.drain()
    assert (await gateway.view(account_id)).balance == 200


async def test_push_of_an_old_state_changes_nothing(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    old = await book.state(account_id)
    await book.grant(account_id, 100)
    await gateway.view(account_id)
    await gateway.settler.push(AccountState(account_id, old.version, old.snapshot))
    await gateway.settler.drain()
    assert (await gateway.view(account_id)).balance == 100


async def test_use_above_the_hold_reaches_redis_before_postgres_and_is_drained_too(
    gateway: Gateway, book: Book
) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    async with gateway.meter.hold(order_of(account_id)) as hold:
        hold.record(used(900))
    await gateway.meter.drain(5)
    assert len(await events(book, account_id)) == 1
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved) == (0, 0)


async def test_available_never_looks_better_than_the_ledger_while_requests_settle(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    seen: list[int] = []
    spent = asyncio.Event()

    async def sample() -> None:
        while not spent.is_set():
            view = await gateway.view(account_id)
            seen.append(view.balance - view.reserved)

    async def spend() -> None:
        async with gateway.meter.hold(order_of(account_id)) as hold:
            hold.record(used(100))

    watcher = asyncio.create_task(sample())
    await asyncio.gather(*(spend() for _ in range(50)))
    await gateway.meter.drain(5)
    spent.set()
    await watcher
    assert seen == sorted(seen, reverse=True)  # every hold is used up whole: nothing ever comes back
    assert (await gateway.view(account_id)).balance == 0
    with pytest.raises(RefusedError, match="no_active_pack"):
        await gateway.admission.reserve(ask_of(account_id, 1))
