"""A stream's hold: small at first, growing with the use, noted where its death would not lose it."""

import pytest

from metering.order import Order
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, Launch, order_of, spec_of, until, used


@pytest.fixture
async def account_id(book: Book) -> str:
    account_id = await book.account()
    await book.grant(account_id, 1_000)
    return account_id


async def at_rest(gateway: Gateway, book: Book, account_id: str, *, balance: int) -> None:
    """Nothing is held, nothing is open anywhere."""
    await gateway.meter.drain(5)
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds, view.unsettled) == (balance, 0, 0, 0)
    assert gateway.meter.holds == {}
    assert gateway.journal.unfinished == 0
    await assert_conserved(book)


def growing(account_id: str, start: int = 100, most: int = 1_000) -> Order:
    """A stream whose client named no limit."""
    spec = spec_of(default_hold_tokens=start, max_completion_tokens=most)
    return order_of(account_id, limit=None, candidates=(spec,), prompt_tokens=100)


async def test_stream_holds_little_first_and_grows_when_three_quarters_are_used(
    gateway: Gateway, book: Book, account_id: str
) -> None:
    async with gateway.meter.hold(growing(account_id)) as hold:
        hold.note(49)
        assert hold.reservation.amount == 200
        hold.note(50)
        await until(lambda: hold.reservation.amount == 400)
        assert (await gateway.view(account_id)).reserved == 400
        hold.record(used(60))
    await at_rest(gateway, book, account_id, balance=840)


async def test_stream_is_covered_as_long_as_the_balance_pays_for_it(
    gateway: Gateway, book: Book, account_id: str
) -> None:
    async with gateway.meter.hold(growing(account_id)) as hold:
        for tokens in range(1, 900):
            hold.note(tokens)
            assert await hold.covers(tokens), tokens
        assert hold.reservation.amount == 1_000
        hold.note(900)
        assert not await hold.covers(900)
        hold.record(used(900))
    await at_rest(gateway, book, account_id, balance=0)


async def test_chunk_that_passes_the_hold_at_once_is_covered_by_growing_more_than_once(
    gateway: Gateway, book: Book, account_id: str
) -> None:
    async with gateway.meter.hold(growing(account_id)) as hold:
        hold.note(60)
        await until(lambda: hold.reservation.amount == 400)
        assert await hold.covers(650)  # an extension that is over does not stand for the next one
        assert hold.reservation.amount >= 800
        hold.record(used(650))
    await at_rest(gateway, book, account_id, balance=250)


async def test_refused_extension_ends_a_stream_only_at_its_hold(gateway: Gateway, book: Book, account_id: str) -> None:
    other = await gateway.meter.enter(order_of(account_id, prompt_tokens=0, limit=750))
    async with gateway.meter.hold(growing(account_id)) as hold:
        hold.note(80)
        await until(lambda: hold.reservation.amount == 250)  # as far as it goes
        assert await hold.covers(149)
        assert not await hold.covers(150)
        hold.record(used(150))
    other.record(used(0, prompt=0))
    await at_rest(gateway, book, account_id, balance=750)


async def test_stream_goes_on_within_its_hold_while_redis_is_gone(
    gateway: Gateway, book: Book, account_id: str
) -> None:
    async with gateway.meter.hold(growing(account_id)) as hold:
        gateway.cut()
        hold.note(80)
        assert await hold.covers(99)
        hold.record(used(99))
    await at_rest(gateway, book, account_id, balance=801)


async def test_progress_in_the_hold_is_never_more_than_256_tokens_behind(
    gateway: Gateway, book: Book, account_id: str
) -> None:
    async with gateway.meter.hold(order_of(account_id, limit=800)) as hold:
        hold.forwarding()
        for tokens in (191, 255, 256, 300, 511, 512):
            hold.note(tokens)
            await gateway.store.ping()
            found = await gateway.hold_of(account_id, hold.request_id)
            assert found
            assert 100 + tokens - 256 <= max(100, found[9]) <= 100 + tokens
        hold.record(used(512))
    await at_rest(gateway, book, account_id, balance=388)


async def test_slow_stream_that_is_noted_every_second_reaches_the_hold_all_the_same(
    launch: Launch, book: Book, account_id: str
) -> None:
    gateway = await launch(progress_seconds=0.0)
    async with gateway.meter.hold(order_of(account_id, limit=800)) as hold:
        hold.forwarding()
        for tokens in range(0, 800, 50):
            hold.note(tokens)
            await gateway.store.ping()
            found = await gateway.hold_of(account_id, hold.request_id)
            assert found
            assert 100 + tokens - 256 <= max(100, found[9])
        hold.record(used(800))
    await at_rest(gateway, book, account_id, balance=100)
