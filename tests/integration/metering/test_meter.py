"""A hold around a request: resolved exactly once, whatever happens inside."""

import asyncio

import pytest

from metering.errors import BacklogError, MeterUnavailableError, RefusedError
from metering.journal import JournalError
from metering.keys import keys_of
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, Launch, order_of, spec_of, until, used
from tests.unit.metering.journal_case import files_of_at_most, fill_window


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


async def test_request_is_held_then_charged_what_it_used(gateway: Gateway, book: Book, account_id: str) -> None:
    async with gateway.meter.hold(order_of(account_id)) as hold:
        view = await gateway.view(account_id)
        assert (hold.reservation.amount, view.reserved, view.holds) == (200, 200, 1)
        hold.forwarding()
        assert hold.record(used(30)) == 130
        assert hold.available == 870
    await at_rest(gateway, book, account_id, balance=870)


async def test_request_that_is_recorded_twice_is_charged_once(gateway: Gateway, book: Book, account_id: str) -> None:
    async with gateway.meter.hold(order_of(account_id)) as hold:
        assert [hold.record(used(30)), hold.record(used(99))] == [130, 130]
    await at_rest(gateway, book, account_id, balance=870)
    assert len(await book.rows("events", account_id)) == 1


class UpstreamBroke(Exception):  # noqa: N818 - any exception at all
    pass


@pytest.mark.parametrize("forwarded", [False, True])
@pytest.mark.parametrize("error", [None, UpstreamBroke, asyncio.CancelledError])
async def test_request_that_used_nothing_is_released(
    gateway: Gateway, book: Book, account_id: str, error: type[BaseException] | None, *, forwarded: bool
) -> None:
    async def request() -> None:
        async with gateway.meter.hold(order_of(account_id)) as hold:
            if forwarded:
                hold.forwarding()
            if error:
                raise error

    await asyncio.gather(request(), return_exceptions=True)
    await at_rest(gateway, book, account_id, balance=1_000)
    assert await book.rows("events", account_id) == []


async def test_request_that_failed_after_its_usage_was_known_is_charged(
    gateway: Gateway, book: Book, account_id: str
) -> None:
    async def request() -> None:
        async with gateway.meter.hold(order_of(account_id)) as hold:
            hold.record(used(30))
            raise UpstreamBroke

    with pytest.raises(UpstreamBroke):
        await request()
    await at_rest(gateway, book, account_id, balance=870)


async def test_refused_request_leaves_nothing(gateway: Gateway, book: Book, account_id: str) -> None:
    with pytest.raises(RefusedError, match="insufficient_balance"):
        async with gateway.meter.hold(order_of(account_id, limit=5_000)):
            pytest.fail("it was let in")
    await at_rest(gateway, book, account_id, balance=1_000)


@pytest.mark.parametrize("turns", range(8))
async def test_client_that_hangs_up_during_reserve_leaves_no_hold(
    gateway: Gateway, book: Book, account_id: str, turns: int
) -> None:
    async def request() -> None:
        async with gateway.meter.hold(order_of(account_id)):
            await asyncio.Event().wait()

    if turns % 2:
        await gateway.view(account_id)  # loaded before: reserve is the only call
    task = asyncio.create_task(request())
    for _ in range(turns // 2 * 2):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await at_rest(gateway, book, account_id, balance=1_000)


async def test_client_that_hangs_up_while_redis_is_slow_leaves_no_hold(
    gateway: Gateway, book: Book, account_id: str
) -> None:
    await gateway.view(account_id)
    await gateway.store.call(b"CLIENT", b"PAUSE", 200, b"ALL")
    task = asyncio.create_task(gateway.meter.enter(order_of(account_id)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await at_rest(gateway, book, account_id, balance=1_000)


async def test_drain_waits_for_releases_and_bookings(gateway: Gateway, book: Book, account_id: str) -> None:
    async def request(number: int) -> None:
        async with gateway.meter.hold(order_of(account_id, prompt_tokens=1, limit=9)) as hold:
            if number % 3 == 0:
                hold.record(used(9, prompt=1))
            elif number % 3 == 1:
                hold.record(used(19, prompt=1))  # above its hold

    await asyncio.gather(*(request(number) for number in range(30)))
    await at_rest(gateway, book, account_id, balance=1_000 - 10 * 10 - 10 * 20)


async def test_drain_gives_up_after_its_time(gateway: Gateway, book: Book, account_id: str) -> None:
    async with book.connection.transaction():
        await book.connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", account_id)
        async with gateway.meter.hold(order_of(account_id)) as hold:
            hold.record(used(30))
        await gateway.meter.drain(0.05)
        assert gateway.settler.open == 1
    await at_rest(gateway, book, account_id, balance=870)


async def test_too_much_that_waits_for_postgres_stops_admission(launch: Launch, book: Book, account_id: str) -> None:
    gateway = await launch(unsettled_total_max=100)
    async with book.connection.transaction():
        await book.connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", account_id)
        async with gateway.meter.hold(order_of(account_id)) as hold:
            hold.record(used(30))
        with pytest.raises(BacklogError):
            await gateway.meter.enter(order_of(account_id))
    await at_rest(gateway, book, account_id, balance=870)


async def test_full_disk_forwards_nothing_and_settles_what_runs(gateway: Gateway, book: Book, account_id: str) -> None:
    running = await gateway.meter.enter(order_of(account_id))
    fill_window(gateway.journal, running.request_id)
    with files_of_at_most(gateway.journal._segment.size):
        with pytest.raises(JournalError):
            await gateway.meter.enter(order_of(account_id))
        with pytest.raises(JournalError):
            running.forwarding()
        running.note(300)
        running.record(used(30))
    await at_rest(gateway, book, account_id, balance=870)


async def test_lease_is_prolonged_while_the_request_runs(launch: Launch, book: Book, account_id: str) -> None:
    gateway = await launch(renew_seconds=0.05)
    async with gateway.meter.hold(order_of(account_id)) as hold:
        member = f"{account_id}:{hold.request_id}"

        async def prolonged() -> bool:
            return float(await gateway.store.call(b"ZSCORE", keys_of(account_id).deadlines, member)) > 1

        for _ in range(2):
            await gateway.due(account_id, hold.request_id)
            await until(prolonged)
    await at_rest(gateway, book, account_id, balance=1_000)


@pytest.mark.parametrize("charged", [False, True])
async def test_lease_that_ran_out_is_settled_by_a_sweep_and_its_request_ends_in_peace(
    gateway: Gateway, book: Book, account_id: str, *, charged: bool
) -> None:
    async with gateway.meter.hold(order_of(account_id)) as hold:
        hold.forwarding()
        await gateway.due(account_id, hold.request_id)
        assert await gateway.recovery.sweep() == 1
        if charged:
            hold.record(used(30))
    await gateway.meter.drain(5)
    assert (await gateway.view(account_id)).balance == (870 if charged else 1_000)
    await assert_conserved(book)


async def test_balance_that_pays_for_less_lowers_the_limit_that_is_forwarded(
    gateway: Gateway, book: Book, account_id: str
) -> None:
    order = order_of(account_id, limit=None, stream=False, candidates=(spec_of(max_completion_tokens=5_000),))
    async with gateway.meter.hold(order) as hold:
        assert (hold.limit, hold.bound, hold.at_bound) == (900, 1_000, True)
        hold.record(used(900))
    await at_rest(gateway, book, account_id, balance=0)


async def test_two_hundred_at_once_spend_exactly_what_there_is(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 50 * 200)

    async def request() -> str:
        try:
            async with gateway.meter.hold(order_of(account_id)) as hold:
                await asyncio.sleep(0)
                hold.record(used(100))
                return "answered"
        except RefusedError as refused:
            return refused.refusal.value
        except MeterUnavailableError:
            return "unavailable"

    answers = await asyncio.gather(*(request() for _ in range(200)))
    assert answers.count("answered") == 50
    assert "unavailable" not in answers
    await at_rest(gateway, book, account_id, balance=0)
