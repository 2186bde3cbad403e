"""Packs by schedule: each period once, in the account's time zone, at any "now"."""

import asyncio
import datetime as dt
from typing import Any

import asyncpg
import pytest

from metering.books import Books
from tests.integration.booking import Booking

ZONES_MIDNIGHTS = [
    # the account's zone, a "now", and the day of the daily period that it is in
    ("UTC", "2026-11-21T00:00:00Z", "2026-11-21"),
    ("Europe/Berlin", "2026-03-28T22:59:59Z", "2026-03-28"),
    ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29"),  # the day of 23 hours
    ("Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29"),
    ("Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30"),
    ("America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03"),  # midnight is skipped: the day begins at one
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-18T01:59:59Z", "2018-02-17"),  # the last hour before midnight comes twice
    ("America/Sao_Paulo", "2018-02-18T02:59:59Z", "2018-02-17"),
    ("America/Sao_Paulo", "2018-02-18T03:00:00Z", "2018-02-18"),
    ("America/Havana", "2026-11-01T04:00:00Z", "2026-11-01"),  # midnight comes twice: the first one counts
    ("America/Havana", "2026-11-01T05:30:00Z", "2026-11-01"),
    ("Asia/Kathmandu", "2026-01-01T18:14:59Z", "2026-01-01"),
    ("Asia/Kathmandu", "2026-01-01T18:15:00Z", "2026-01-02"),
]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


class Schedule:
    """One schedule of an account, of which the clock is turned by hand."""

    def __init__(self, booking: Booking) -> None:
        self.booking = booking

    async def make(
        self, period: str = "month", starts_on: str = "2026-01-31", *, zone: str = "UTC", **columns: Any
    ) -> "Schedule":
        """Write it down as if it had been made on its first day."""
        await self.booking.execute(
            "UPDATE accounts SET time_zone = $2 WHERE account_id = $1", self.booking.account_id, zone
        )
        values = {"rollover": False, "ends_on": None, "granted_from": starts_on} | columns
        self.id = await self.booking.value(
            "INSERT INTO recurring_packs (recurring_id, account_id, resource, size, period, starts_on, rollover,"
            " ends_on, granted_from, next_at) VALUES (uuid7(), $1, 'tokens', 100, $2, $3, $4, $5, $6, '2000-01-01')"
            " RETURNING recurring_id",
            self.booking.account_id,
            period,
            day(starts_on),
            values["rollover"],
            day(values["ends_on"]) if values["ends_on"] else None,
            day(values["granted_from"]),
        )
        return self

    async def at(self, now: str) -> list[str]:
        """Look for what is due at this time; return the periods granted by now."""
        await self.booking.value("SELECT count(*) FROM grant_recurring($1::text::timestamptz, 100)", now)
        return await self.periods()

    async def periods(self) -> list[str]:
        """Return the periods that have their pack."""
        async with self.booking.ledger.connection() as connection:
            rows = await connection.fetch("SELECT period_start::text FROM recurring_grants ORDER BY 1")
        return [row[0] for row in rows]

    async def expiries(self) -> list[str | None]:
        """Return when the packs expire, in the order of their periods."""
        async with self.booking.ledger.connection() as connection:
            rows = await connection.fetch(
                "SELECT to_char(p.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI') FROM recurring_grants g"
                " JOIN packs p USING (pack_id) ORDER BY g.period_start"
            )
        return [row[0] for row in rows]


@pytest.fixture
def schedule(booking: Booking) -> Schedule:
    return Schedule(booking)


async def test_months_are_counted_from_the_first_day_and_not_from_each_other(schedule: Schedule) -> None:
    await schedule.make()
    for now in (
        "2026-01-31T00:00Z",
        "2026-02-27T23:59Z",
        "2026-02-28T00:00Z",
        "2026-03-30T00:00Z",
        "2026-03-31T00:00Z",
    ):
        periods = await schedule.at(now)
    assert periods == ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert await schedule.expiries() == ["2026-02-28T00:00", "2026-03-31T00:00", "2026-04-30T00:00"]


async def test_a_leap_day_is_a_last_of_february(schedule: Schedule) -> None:
    await schedule.make(starts_on="2027-12-29")
    for now in ("2028-02-29T00:00Z", "2029-02-28T00:00Z"):
        periods = await schedule.at(now)
    assert periods == ["2028-02-29", "2029-02-28"]


@pytest.mark.parametrize(("zone", "now", "expected"), ZONES_MIDNIGHTS)
async def test_a_day_begins_when_it_begins_there(schedule: Schedule, zone: str, now: str, expected: str) -> None:
    await schedule.make("day", "2017-01-01", zone=zone)
    assert await schedule.at(now) == [expected]
    assert await schedule.at(now) == [expected]


async def test_weeks_are_of_seven_days_whatever_the_clocks_do(schedule: Schedule) -> None:
    await schedule.make("week", "2026-03-23", zone="Europe/Berlin")
    for now in ("2026-03-22T23:00Z", "2026-03-29T21:59Z", "2026-03-29T22:00Z"):
        periods = await schedule.at(now)
    assert periods == ["2026-03-23", "2026-03-30"]
    assert (await schedule.expiries())[0] == "2026-03-29T22:00"


async def test_nothing_is_granted_before_the_first_day_or_after_the_last(schedule: Schedule) -> None:
    await schedule.make("day", "2026-05-01", ends_on="2026-05-03")
    assert await schedule.at("2026-04-30T23:59Z") == []
    for now in ("2026-05-01T00:00Z", "2026-05-02T00:00Z", "2026-05-03T00:00Z", "2026-06-01T00:00Z"):
        periods = await schedule.at(now)
    assert periods == ["2026-05-01", "2026-05-02"]
    assert await schedule.booking.value("SELECT next_at FROM recurring_packs") is None


async def test_after_downtime_only_packs_that_would_still_be_live_are_granted(schedule: Schedule) -> None:
    await schedule.make("day", "2026-05-01")
    assert await schedule.at("2026-05-01T12:00Z") == ["2026-05-01"]
    assert await schedule.at("2026-05-09T12:00Z") == ["2026-05-01", "2026-05-09"]


async def test_after_downtime_packs_that_roll_over_are_all_granted(schedule: Schedule) -> None:
    await schedule.make("month", "2026-01-15", rollover=True, granted_from="2026-03-15")
    assert await schedule.at("2026-06-14T12:00Z") == ["2026-03-15", "2026-04-15", "2026-05-15"]
    assert await schedule.expiries() == [None, None, None]
    assert await schedule.booking.value("SELECT sum(remaining) FROM packs") == 300


async def test_many_who_look_at_once_grant_once(schedule: Schedule, database_url: str) -> None:
    await schedule.make("day", "2026-05-01", rollover=True)
    connections = [await asyncpg.connect(database_url) for _ in range(8)]
    look = "SELECT count(*) FROM grant_recurring('2026-05-03T12:00Z', 100)"
    await asyncio.gather(*(connection.fetchval(look) for connection in connections))
    for connection in connections:
        await connection.close()
    assert await schedule.periods() == ["2026-05-01", "2026-05-02", "2026-05-03"]
    assert await schedule.booking.value("SELECT count(*) FROM packs") == 3
    assert await schedule.booking.value("SELECT count(*) FROM entries WHERE kind = 'grant'") == 3


async def test_another_time_zone_moves_the_periods_to_come_and_grants_none_twice(schedule: Schedule) -> None:
    await schedule.make("day", "2026-05-01")
    assert await schedule.at("2026-05-04T20:00Z") == ["2026-05-04"]
    move = "UPDATE accounts SET time_zone = $2 WHERE account_id = $1"
    await schedule.booking.execute(move, schedule.booking.account_id, "Asia/Tokyo")
    now = "UPDATE recurring_packs SET next_at = least(next_at, '2026-05-04T20:00Z')"  # the trigger took today's clock
    await schedule.booking.execute(now)
    assert await schedule.at("2026-05-04T20:00Z") == ["2026-05-04", "2026-05-05"], "it is the fifth in Tokyo"
    await schedule.booking.execute(move, schedule.booking.account_id, "UTC")
    await schedule.booking.execute(now)
    assert await schedule.at("2026-05-05T01:00Z") == ["2026-05-04", "2026-05-05"]


async def test_a_pack_that_amounts_can_not_count_is_noted_and_not_granted(schedule: Schedule) -> None:
    await schedule.booking.grant(2**52 - 50)
    await schedule.make("day", "2026-05-01")
    assert await schedule.at("2026-05-01T12:00Z") == ["2026-05-01"]
    assert await schedule.booking.value("SELECT pack_id FROM recurring_grants") is None
    assert await schedule.booking.value("SELECT count(*) FROM packs") == 1


async def test_a_schedule_that_is_made_late_makes_up_for_nothing(books: Books, booking: Booking) -> None:
    long_ago = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=100)
    created = await books.recurring.create(
        booking.account_id, resource="tokens", size=5, period="week", starts_on=long_ago, rollover=True
    )
    assert created
    recurring, state = created
    assert recurring.last_period == str(long_ago + dt.timedelta(days=98))
    assert '"pk" : [[' in state.snapshot
    assert await booking.value("SELECT count(*) FROM packs") == 1


async def test_a_pause_is_not_made_up_for(books: Books, booking: Booking) -> None:
    long_ago = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=10)
    created = await books.recurring.create(
        booking.account_id, resource="tokens", size=5, period="day", rollover=True, starts_on=long_ago
    )
    assert created
    recurring = created[0]
    await books.recurring.change(recurring.id, paused=True)
    # As if the pause had begun five days ago, before anything was granted.
    await booking.execute(
        "UPDATE recurring_packs SET granted_from = current_date - 5, next_at = now() - interval '5 days'"
    )
    await booking.execute("ALTER TABLE recurring_grants DISABLE TRIGGER ALL")
    await booking.execute("DELETE FROM recurring_grants")
    assert await books.recurring.grant_due() == []
    changed = await books.recurring.change(recurring.id, paused=False)
    assert changed
    assert await booking.value("SELECT count(*) FROM recurring_grants") == 1
    assert changed[0].last_period == str(dt.datetime.now(dt.UTC).date())


async def test_a_change_counts_for_the_packs_to_come(books: Books, booking: Booking) -> None:
    created = await books.recurring.create(booking.account_id, resource="tokens", size=5, period="day", note="daily")
    assert created
    changed = await books.recurring.change(created[0].id, size=9, ends_on=None)
    assert changed
    assert (changed[0].size, changed[0].note, changed[0].last_pack_id) == (9, "daily", created[0].last_pack_id)
    pack = await books.packs.get(str(created[0].last_pack_id))
    assert pack
    assert (pack.size, pack.note) == (5, "daily")
    assert await books.recurring.delete(created[0].id)
    assert not await books.recurring.delete(created[0].id)
    assert await books.recurring.get(created[0].id) is None
    assert await books.recurring.page(booking.account_id, limit=5, before=None) == []
    assert (await books.packs.get(str(created[0].last_pack_id))) == pack
