"""A gateway that slept longer than its lease: somebody has charged its request, and it goes on all the same."""

import time

import pytest

from metering.recovery import settlement_of_hold
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, Launch, order_of, until, used


async def overslept(gateway: Gateway, account_id: str, request_id: str) -> bool:
    """Let a hold's deadline pass and sweep, as any other gateway would; False: it was prolonged in between."""
    await gateway.due(account_id, request_id)
    return await gateway.recovery.sweep() == 1


async def test_successor_covers_the_rest_and_one_correction_books_the_total(launch: Launch, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    gateway = await launch(renew_seconds=0.5)
    async with gateway.meter.hold(order_of(account_id, stream=True, limit=400, prompt_tokens=100)) as hold:
        await until(lambda: overslept(gateway, account_id, hold.request_id))
        await until(lambda: gateway.hold_of(account_id, hold.request_id))
        assert await hold.covers(300)
        hold.record(used(300))
    await gateway.meter.drain(5)
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds) == (600, 0, 0)
    await assert_conserved(book)


async def test_stream_whose_successor_is_refused_is_ended(launch: Launch, book: Book) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 500)
    gateway = await launch(renew_seconds=0.5)
    async with gateway.meter.hold(order_of(account_id, stream=True, limit=400, prompt_tokens=100)) as hold:
        await book.revoke(pack_id)
        await until(lambda: overslept(gateway, account_id, hold.request_id))
        await until(lambda: hold.withdrawn)
        assert not await hold.covers(10)
        hold.record(used(10))
    await gateway.meter.drain(5)
    await assert_conserved(book)


@pytest.mark.parametrize("swept", ["before", "after"])
async def test_request_that_used_nothing_costs_nothing_though_it_was_charged_meanwhile(
    launch: Launch, book: Book, swept: str
) -> None:
    """The owner gives it back after its lease: the orphan's charge may be booked already, or be on its way."""
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    gateway = await launch(lease_seconds=0.05, renew_seconds=60.0)
    async with gateway.meter.hold(order_of(account_id)) as hold:
        hold.forwarding()
        orphan = settlement_of_hold(await gateway.hold_of(account_id, hold.request_id) or [])
        if swept == "before":
            await gateway.recovery._settle(orphan)
            assert (await gateway.view(account_id)).balance == 800
        await until(lambda: time.monotonic() > hold.leased_until)
    await gateway.meter.drain(5)
    if swept == "after":
        await gateway.recovery._settle(orphan)
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved) == (1_000, 0)
    assert gateway.journal.unfinished == 0
    await assert_conserved(book)
