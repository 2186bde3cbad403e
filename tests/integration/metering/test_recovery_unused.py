"""A dead gateway's requests of which its journal knows that they used nothing."""

import time

from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, Launch, order_of, until


async def nothing_left(gateway: Gateway, book: Book, account_id: str) -> None:
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds, view.unsettled) == (10_000, 0, 0, 0)
    await assert_conserved(book)


async def test_request_that_its_owner_gave_up_is_released_though_it_died_before_redis_answered(
    launch: Launch, book: Book
) -> None:
    """The upstream had refused it: its client has a 502, and its tokens may be held by others already."""
    dead, heir = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await dead.meter.enter(order_of(account_id))
    hold.forwarding()
    dead.cut()
    dead.meter.leave(hold)
    await dead.kill()
    assert await heir.recovery.adopt() == 1
    assert await book.rows("events", account_id) == []
    await nothing_left(heir, book, account_id)


async def test_sweepers_charge_is_taken_back_when_the_journal_proves_that_nothing_was_forwarded(
    launch: Launch, book: Book
) -> None:
    """The dead gateway's disk was away for longer than the lease."""
    dead, heir = await launch(lease_seconds=0.05), await launch(lease_seconds=0.05)
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await dead.meter.enter(order_of(account_id))
    await dead.kill()
    await until(lambda: time.monotonic() > hold.leased_until)
    await heir.due(account_id, hold.request_id)
    assert await heir.recovery.sweep() == 1
    assert (await heir.view(account_id)).balance == 9_800
    assert await heir.recovery.adopt() == 1
    assert (await heir.view(account_id)).balance == 10_000
    await heir.due(account_id, hold.request_id)  # of the tombstone
    await heir.recovery.sweep()
    await nothing_left(heir, book, account_id)
