"""A gateway that slept longer than its lease: somebody has charged its request, and it goes on all the same."""

from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Launch, order_of, until, used


async def test_successor_covers_the_rest_and_one_correction_books_the_total(launch: Launch, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    gateway = await launch(renew_seconds=0.5)
    async with gateway.meter.hold(order_of(account_id, stream=True, limit=400, prompt_tokens=100)) as hold:
        await gateway.due(account_id, hold.request_id)
        assert await gateway.recovery.sweep() == 1  # as any other gateway would
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
        await gateway.due(account_id, hold.request_id)
        await book.revoke(pack_id)
        assert await gateway.recovery.sweep() == 1
        await until(lambda: hold.withdrawn)
        assert not await hold.covers(10)
        hold.record(used(10))
    await gateway.meter.drain(5)
    await assert_conserved(book)
