"""Old months of events are dropped whole; their sums stay, and every invariant still adds up."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.audit import Audit
from metering.books.filters import Filters
from metering.books.series import Question
from metering.ids import new_id
from metering.ledger import Ledger, LedgerRefusedError
from metering.retention import Retention
from metering.roller import Roller
from tests.integration.booking import Booking
from tests.waiting import eventually

NOW = datetime.now(UTC)
PATIENCE_SECONDS = 0.5
WAITING_LONG = """
    SELECT count(*) > 0 FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'
       AND query_start < clock_timestamp() - make_interval(secs => $1)
"""
MONTH = (NOW.replace(day=1) - timedelta(days=1)).replace(day=1).date()  # the last one has a partition of its own


def old_id() -> str:
    """Return the id of a request of last month."""
    milliseconds = int(datetime(MONTH.year, MONTH.month, 15, tzinfo=UTC).timestamp() * 1000)
    text = f"{milliseconds:012x}"
    return f"{text[:8]}-{text[8:]}{new_id()[13:]}"


@pytest.fixture
async def spent(booking: Booking) -> Booking:
    """Requests of last month, with all that may have happened to them, and one of today."""
    await booking.grant(100, user_id="u1")
    await booking.grant(200)
    await booking.charge(40, request_id=old_id(), model="n")
    await booking.charge(0, request_id=old_id())
    dead = {"request_id": old_id(), "user_id": "u2", "reserved": 50}
    await booking.charge(50, source="recovered", status="recovered", **dead)
    await booking.book(booking.row(30, **dead))
    await booking.charge(250, request_id=old_id(), reserved=10)
    refunded = await booking.charge(25, request_id=old_id(), user_id=None)
    await booking.books.pages.refund(refunded, 10, "sorry")
    await booking.charge(3, request_id=old_id(), resource="images", reserved=0)
    await booking.charge(7, user_id="u2")
    return booking


@pytest.fixture
def retention(ledger: Ledger) -> Retention:
    """Retention to which last month is due, as others are to it months later."""
    return Retention(ledger, Roller(ledger), keep_months=0)


@pytest.fixture
async def impatient(ledger: Ledger) -> AsyncIterator[Ledger]:
    """A ledger whose requests wait for half a second at most."""
    settings = replace(ledger._settings, timeout_seconds=PATIENCE_SECONDS)
    one = Ledger(ledger._url, settings)
    await one.start()
    yield one
    await one.stop()


async def shown(booking: Booking) -> list[Any]:
    """Return all that series and sums say of an account."""
    since, until = NOW - timedelta(days=100), NOW + timedelta(days=1)
    found: list[Any] = [sorted(await booking.books.usage.sums(booking.account_id), key=lambda one: one.resource)]
    for groups in ((), ("user_id",), ("model", "endpoint")):
        filters = Filters(account_id=booking.account_id, since=since, until=until)
        asked = Question(filters=filters, interval="day", groups=groups, sort="at")
        series = await booking.books.usage.series(asked, limit=1000)
        assert series
        found.append(series.points)
    return found


async def broken(booking: Booking) -> dict[str, Any]:
    report = await Audit(booking.ledger, None).run()
    return {one.name: one.rows for one in report.invariants if one.broken and one.name != "largest_debt"}


async def test_a_dropped_month_leaves_its_sums_and_a_clean_ledger(spent: Booking, retention: Retention) -> None:
    before = await shown(spent)
    entries = await spent.value("SELECT count(*) FROM entries")
    assert await broken(spent) == {}
    assert await retention.drop_due() == 1
    assert await shown(spent) == before
    assert [event.charge for event in await spent.events()] == [7]
    assert await spent.value("SELECT count(*) FROM entries") == entries
    assert await broken(spent) == {}
    await spent.charge(5)
    await Roller(spent.ledger).roll_due()
    assert await broken(spent) == {}
    assert await retention.drop_due() == 0


async def test_kept_sums_that_were_changed_are_found(spent: Booking, retention: Retention) -> None:
    await retention.drop_due()
    await spent.execute("UPDATE kept_usage SET charge = charge + 1 WHERE resource = 'images'")
    assert {"system_conserved", "rollups_equal_charges"} <= set(await broken(spent))


async def test_an_account_that_moves_to_another_clock_keeps_the_sums(spent: Booking, retention: Retention) -> None:
    before = await spent.books.usage.sums(spent.account_id)
    await retention.drop_due()
    await spent.execute("UPDATE accounts SET time_zone = 'Asia/Kolkata' WHERE account_id = $1", spent.account_id)
    await Roller(spent.ledger).roll_due()
    assert await spent.books.usage.sums(spent.account_id) == before
    assert await broken(spent) == {}


async def test_a_request_of_a_dropped_month_is_neither_charged_again_nor_given_back(
    spent: Booking, retention: Retention
) -> None:
    request_id = next(event.request_id for event in await spent.events() if event.charge == 40)
    await retention.drop_due()
    with pytest.raises(LedgerRefusedError, match="dropped by retention"):
        await spent.charge(40, request_id=request_id)
    assert await spent.books.pages.refund(request_id, 1, "late") is None
    assert await broken(spent) == {}


async def test_what_is_not_in_the_roll_ups_is_not_dropped(spent: Booking, ledger: Ledger) -> None:
    assert await ledger.value("month_drop", MONTH) is False
    assert len(await spent.events()) == 7
    await Roller(ledger).roll_due()
    assert await ledger.value("month_drop", MONTH) is True


async def test_months_that_are_to_be_kept_stay(spent: Booking, ledger: Ledger) -> None:
    assert await Retention(ledger, Roller(ledger), keep_months=1).drop_due() == 0
    assert len(await spent.events()) == 7


async def test_partitions_stand_ready_two_months_ahead(booking: Booking) -> None:
    for table in ("events", "entries"):
        for months in (0, 1, 2):
            name = f"to_char(now() AT TIME ZONE 'UTC' + interval '{months} months', '_YYYYMM')"
            assert await booking.value(f"SELECT to_regclass('{table}' || {name}) IS NOT NULL")


async def test_a_month_that_takes_longer_than_a_request_may_is_dropped(spent: Booking, impatient: Ledger) -> None:
    """Millions of events are summed up in minutes; here something else keeps the statement waiting."""
    retention = Retention(impatient, Roller(impatient), keep_months=0)
    async with spent.ledger.connection() as connection:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE events_{MONTH:%Y%m} IN ROW EXCLUSIVE MODE")
            dropping = asyncio.create_task(retention.drop_due())
            await eventually(lambda: spent.value(WAITING_LONG, 2 * PATIENCE_SECONDS))
        assert await dropping == 1
