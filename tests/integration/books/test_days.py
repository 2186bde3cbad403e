"""Series that read whole days at once say what their hours say, wherever the range and the clock turn."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from metering.books.filters import Filters
from metering.books.series import Question
from metering.books.usage import Point
from metering.ledger import Ledger
from metering.roller import Roller
from tests.integration.booking import Booking

FIRST = datetime(2026, 10, 30, 3, tzinfo=UTC)
HOURS = 24 * 4
# Havana's clock goes back to midnight on November 1, so that day begins twice; Lord Howe's hours begin at half past.
ZONES = ["UTC", "America/Havana", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]


async def series(booking: Booking, since: datetime, until: datetime, interval: str, *groups: str) -> list[Point]:
    filters = Filters(account_id=booking.account_id, since=since, until=until)
    question = Question(filters=filters, interval=interval, groups=groups, sort="at")
    found = await booking.books.usage.series(question, limit=10_000)
    assert found
    return found.points


def by_day(points: list[Point]) -> Counter[Any]:
    """Sum points by the day of the account's clock, and by member."""
    sums: Counter[Any] = Counter()
    for point in points:
        sums[point.period[:10], point.user_id] += point.charge
    return sums


async def spend_each_hour(booking: Booking) -> None:
    """Charge 1, 2, 4, … 2^7, 1, … an hour apart, to two members in turn."""
    await booking.grant(1_000_000)
    await booking.execute("ALTER TABLE events DISABLE TRIGGER events_append_only")
    for hour in range(HOURS):
        request_id = await booking.charge(2 ** (hour % 8), user_id=f"u{hour % 2}")
        moment = FIRST + timedelta(hours=hour, minutes=47)
        await booking.execute("UPDATE events SET at = $1 WHERE request_id = $2::text::uuid", moment, request_id)
    await booking.execute("ALTER TABLE events ENABLE TRIGGER events_append_only")


async def move(booking: Booking, zone: str) -> None:
    await booking.execute(
        "UPDATE accounts SET time_zone = $1 WHERE account_id = $2::text::uuid", zone, booking.account_id
    )


async def agree(booking: Booking) -> None:
    """Every range, by day and by month and in one, is the sum of its hours."""
    for begin, end in ((0, HOURS), (1, 95), (20, 30), (21, 45), (25, 26), (26, 75), (45, 49), (49, 50)):
        since, until = FIRST + timedelta(hours=begin), FIRST + timedelta(hours=end)
        hours = await series(booking, since, until, "hour", "user_id")
        assert by_day(await series(booking, since, until, "day", "user_id")) == by_day(hours), (begin, end)
        total = sum(point.charge for point in hours)
        for interval in ("month", "all"):
            assert sum(point.charge for point in await series(booking, since, until, interval)) == total, interval


async def test_days_are_the_sums_of_their_hours(booking: Booking, ledger: Ledger) -> None:
    await spend_each_hour(booking)
    for zone in ZONES:
        await move(booking, zone)
        await agree(booking)  # while the roll-ups are still those of another clock
        await Roller(ledger).roll_due()
        assert await booking.value("SELECT days_zone FROM rollup_marks") == zone
        await agree(booking)


async def test_whole_days_are_read_at_once(booking: Booking, ledger: Ledger) -> None:
    await spend_each_hour(booking)
    await Roller(ledger).roll_due()
    await booking.execute("UPDATE rollups SET charge = 1000 WHERE dims = 10")
    points = await series(booking, FIRST, FIRST + timedelta(hours=HOURS), "day")
    read = {date.fromisoformat(point.period).day: point.charge for point in points}
    assert {day for day, charge in read.items() if charge == 1000} == {31, 1, 2}
    assert read[30] != 1000
    (sums,) = await booking.books.usage.sums(booking.account_id)
    assert sums.charge == 1000 * 5


@pytest.mark.parametrize("zone", ["UTC", "America/Havana"])
async def test_days_go_on_after_they_were_made(booking: Booking, ledger: Ledger, zone: str) -> None:
    await move(booking, zone)
    await booking.grant(1000)
    for charge in (3, 4):
        await booking.charge(charge, user_id="u1")
        await Roller(ledger).roll_due()
    assert await booking.value("SELECT sum(charge) FROM rollups WHERE dims = 11") == 7
