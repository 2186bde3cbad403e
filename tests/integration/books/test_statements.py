"""Statements: months that close, whatever was booked, in the account's own time zone."""

import datetime as dt
import itertools
from typing import Any

import pytest

from metering.books import Books
from metering.books.statements import Statement
from metering.core.statement import parse_month
from metering.ids import new_id
from metering.ledger import Ledger
from metering.sealer import Sealer
from tests.integration.booking import Booking

LINES = ("opening", "granted", "used", "expired", "revoked", "corrections", "refunds", "closing")


async def statement(booking: Booking, month: str, resource: str | None = "tokens") -> Statement:
    """Return one statement."""
    found = await booking.books.statements.of_month(booking.account_id, parse_month(month), resource)
    assert found
    return found[0]


async def lines(booking: Booking, month: str, resource: str = "tokens") -> tuple[int, ...]:
    """Return the amounts of a statement, which must close."""
    found = await statement(booking, month, resource)
    assert found.closes
    return tuple(getattr(found, name) for name in LINES)


async def at(booking: Booking, moment: str, since: int = 1, *, until: int = 2**31) -> None:
    """Let the entries of some versions have been booked at a moment."""
    await booking.execute("ALTER TABLE entries DISABLE TRIGGER entries_append_only")
    await booking.execute(
        "UPDATE entries SET at = $2, day = ($2 AT TIME ZONE 'UTC')::date"
        " WHERE account_id = $1 AND version BETWEEN $3 AND $4",
        booking.account_id,
        dt.datetime.fromisoformat(moment),
        since,
        until,
    )


async def year_of_everything(booking: Booking) -> None:
    """Book every kind of entry in October, and again in November."""
    for month in (10, 11):
        before = await booking.version()
        await booking.grant(1000)
        await booking.grant(100, kind="purchase", priority=60)
        gone, dead = await booking.grant(30, priority=90), await booking.grant(40, priority=91)
        await booking.books.packs.revoke(gone.id)
        await booking.expire(dead)
        refunded = await booking.charge(200)
        await booking.books.pages.refund(refunded, 50, "sorry")
        await booking.recover(100, 60)
        await booking.recover(10, 25)
        await booking.charge(1500, reserved=100)  # 535 of them are debt, the first time
        await booking.grant(5)  # repays
        free = await booking.grant(None)
        await booking.charge(70)  # what an unlimited pack issues and pays
        await booking.books.packs.revoke(free.id)
        await booking.charge(8)  # debt, which stays
        await booking.grant(9, resource="images")
        await booking.charge(4, resource="images", reserved=4)
        await booking.books.accounts.change(booking.account_id, min_reserve=month)
        await at(booking, f"2026-{month}-15T12:00:00+00:00", before + 1)


async def test_every_kind_of_entry_is_on_its_line_and_the_month_closes(booking: Booking) -> None:
    await year_of_everything(booking)
    kinds = {row.kind for row in (await statement(booking, "2026-10")).kinds}
    assert kinds == {
        "grant", "purchase", "auto_grant", "usage", "overdraft", "repay", "expire", "revoke", "refund", "correction",
    }  # fmt: skip
    october, november = await lines(booking, "2026-10"), await lines(booking, "2026-11")
    opening, granted, used, expired, revoked, corrections, refunds, closing = october
    assert (opening, expired, revoked, corrections, refunds) == (0, 40, 30, 25, 50)
    free = next(row for row in (await statement(booking, "2026-10")).kinds if row.kind == "auto_grant")
    assert granted == 1000 + 100 + 30 + 40 + 5 + free.delta
    assert used == 200 + 100 + 10 + 1500 + 70 + 8
    assert november[0] == closing < 0
    assert november[-1] == await booking.value("SELECT posted_balance($1, 'tokens')", booking.account_id)


async def test_months_follow_each_other_without_a_gap_and_add_up_to_the_ledger(booking: Booking) -> None:
    await year_of_everything(booking)
    months = [await statement(booking, f"2026-{month:02}") for month in (8, 9, 10, 11, 12)]
    for before, after in itertools.pairwise(months):
        assert (before.closing, before.closing_version, before.until) == (
            after.opening, after.opening_version, after.since,
        )  # fmt: skip
    assert sum(one.entries for one in months) == await booking.value(
        "SELECT count(*) FROM entries WHERE resource = 'tokens'"
    )
    assert [one.entries == 0 for one in months] == [True, True, False, False, True]
    assert await lines(booking, "2026-09") == (0, 0, 0, 0, 0, 0, 0, 0)
    closing = months[3].closing
    assert await lines(booking, "2026-12") == (closing, 0, 0, 0, 0, 0, 0, closing)


async def test_each_resource_has_a_statement_of_its_own(booking: Booking, books: Books) -> None:
    await year_of_everything(booking)
    found = await books.statements.of_month(booking.account_id, parse_month("2026-11"))
    assert found
    assert [one.resource for one in found] == ["images", "tokens"]
    assert all(one.closes for one in found)
    assert await lines(booking, "2026-11", "images") == (5, 9, 4, 0, 0, 0, 0, 10)
    assert await lines(booking, "2026-11", "ocr_pages") == (0, 0, 0, 0, 0, 0, 0, 0)


async def test_an_account_without_an_entry_has_an_empty_statement_in_its_unit(books: Books, ledger: Ledger) -> None:
    account = await books.accounts.create(name="new", unit="credits", time_zone="Asia/Tokyo")
    (found,) = await books.statements.of_month(account.id, parse_month("2026-11")) or []
    assert (found.resource, found.time_zone, found.entries, found.closes) == ("credits", "Asia/Tokyo", 0, True)
    assert (found.since, found.until) == ("2026-10-31T15:00:00.000000Z", "2026-11-30T15:00:00.000000Z")
    assert await books.statements.of_month(new_id(), parse_month("2026-11")) is None
    assert ledger


# A time zone, a month, and when it begins and ends in UTC.
BORDERS = [
    ("UTC", "2026-11", "2026-11-01T00:00", "2026-12-01T00:00"),
    ("Europe/Berlin", "2026-03", "2026-02-28T23:00", "2026-03-31T22:00"),  # clocks are put forward: 743 hours
    ("Europe/Berlin", "2026-10", "2026-09-30T22:00", "2026-10-31T23:00"),  # and back: 745 hours
    ("America/Los_Angeles", "2026-11", "2026-11-01T07:00", "2026-12-01T08:00"),  # on the first itself, at two
    ("Asia/Kolkata", "2028-02", "2028-01-31T18:30", "2028-02-29T18:30"),  # half an hour, and a leap year
    ("Australia/Lord_Howe", "2026-04", "2026-03-31T13:00", "2026-04-30T13:30"),  # half an hour of summer
    ("America/Havana", "2026-11", "2026-11-01T04:00", "2026-12-01T05:00"),  # the first begins twice: the first time
    ("America/Asuncion", "2017-10", "2017-10-01T04:00", "2017-11-01T03:00"),  # midnight is skipped
    ("Pacific/Kiritimati", "2026-01", "2025-12-31T10:00", "2026-01-31T10:00"),
    ("Pacific/Apia", "2011-12", "2011-12-01T10:00", "2011-12-31T10:00"),  # a day is skipped
]


@pytest.mark.parametrize(
    ("zone", "month", "since", "until"), BORDERS, ids=[f"{zone} {month}" for zone, month, *_ in BORDERS]
)
async def test_a_month_turns_in_the_time_zone_of_the_account(
    booking: Booking, zone: str, month: str, since: str, until: str
) -> None:
    await booking.books.accounts.change(booking.account_id, time_zone=zone)
    found = await statement(booking, month)
    assert (found.since, found.until) == (f"{since}:00.000000Z", f"{until}:00.000000Z")
    assert found.time_zone == zone
    first, last = (dt.datetime.fromisoformat(text + "+00:00") for text in (since, until))
    for moment, inside in (
        (first - dt.timedelta(microseconds=1), False),
        (first, True),
        (last - dt.timedelta(microseconds=1), True),
        (last, False),
    ):
        await booking.execute("DROP TRIGGER IF EXISTS entries_append_only ON entries; DELETE FROM entries")
        await booking.grant(10)
        await booking.execute("UPDATE entries SET at = $1, day = ($1 AT TIME ZONE 'UTC')::date", moment)
        local = await booking.value("SELECT to_char($1 AT TIME ZONE $2, 'YYYY-MM')", moment, zone)
        assert (local == month) is inside
        assert (await statement(booking, month)).entries == int(inside), moment


async def test_a_version_that_crosses_the_border_stays_whole(booking: Booking) -> None:
    await booking.charge(50)  # debt
    await booking.grant(80)  # a grant, and what it repays
    await at(booking, "2026-10-31T23:59:59.999999+00:00")
    await booking.execute("UPDATE entries SET at = '2026-11-01T00:00:00Z', day = '2026-11-01' WHERE kind = 'repay'")
    assert await lines(booking, "2026-10") == (0, 80, 50, 0, 0, 0, 0, 30)
    assert await lines(booking, "2026-11") == (30, 0, 0, 0, 0, 0, 0, 30)
    assert (await statement(booking, "2026-11")).entries == 0


@pytest.mark.parametrize("ahead", ["2026-11-01T00:00:05", "2027-06-01T00:00:00"])
async def test_a_clock_that_was_put_back_loses_no_entry(booking: Booking, ahead: str) -> None:
    for version, moment in enumerate(
        ("2026-10-20T00:00:00", ahead, "2026-10-31T23:59:58", "2026-11-02T00:00:00", "2026-12-02T00:00:00"), 1
    ):
        await booking.grant(version)
        await at(booking, f"{moment}+00:00", version)
    months = [await statement(booking, month) for month in ("2026-10", "2026-11", "2026-12", "2027-06")]
    assert all(one.closes for one in months)
    assert [one.granted for one in months] == [1 + 2 + 3, 4, 5, 0]


async def test_a_running_month_is_not_final_and_a_past_one_is(booking: Booking) -> None:
    now = dt.datetime.now(dt.UTC)
    past = (now.replace(day=1) - dt.timedelta(days=40)).strftime("%Y-%m")
    assert not (await statement(booking, f"{now:%Y-%m}")).final
    assert (await statement(booking, past)).final


BROKEN = {
    "an amount": "UPDATE entries SET amount = amount + 1, delta = delta - 1 WHERE kind = 'usage' AND version = 3",
    "a removed entry": "DELETE FROM entries WHERE version = 3",
    "the first entry removed": "DELETE FROM entries WHERE version = 2",
    "the last entry removed": "DELETE FROM entries WHERE version = 4",
    "an entry's balance": "UPDATE entries SET balance_after = balance_after + 1 WHERE version = 3",
    "two that cancel each other": "UPDATE entries SET delta = delta + CASE version WHEN 2 THEN 1 ELSE -1 END"
    " WHERE version IN (2, 3)",
}


@pytest.mark.parametrize("statement_text", BROKEN.values(), ids=BROKEN)
async def test_whether_it_closes_is_computed(booking: Booking, statement_text: str) -> None:
    await booking.grant(100)
    await at(booking, "2026-09-15T00:00:00+00:00")
    for _ in range(3):
        await booking.charge(10)
    await at(booking, "2026-10-15T00:00:00+00:00", 2)
    await booking.grant(1)
    await at(booking, "2026-11-15T00:00:00+00:00", 5)
    assert await lines(booking, "2026-10") == (100, 0, 30, 0, 0, 0, 0, 70)
    await booking.execute(f"ALTER TABLE entries DROP CONSTRAINT entries_check; {statement_text}")
    statements = [await statement(booking, month) for month in ("2026-10", "2026-11")]
    assert not all(one.closes for one in statements)


async def test_a_statement_names_the_seals_over_it(booking: Booking, ledger: Ledger) -> None:
    async def seal() -> str:
        await Sealer(ledger, seal_seconds=0).seal_due()
        (head, *_) = await booking.books.seals.page(limit=1, before=None, account_id=None)
        return f"{head.position}:{head.hash}"

    async def seals(month: str) -> tuple[Any, ...]:
        found = (await statement(booking, month)).seals
        return found.first, found.last, found.complete

    await booking.grant(100)
    await at(booking, "2026-09-15T00:00:00+00:00")
    september = await seal()
    await booking.charge(1)
    await at(booking, "2026-10-15T00:00:00+00:00", 2)
    assert await seals("2026-10") == (None, None, False)
    first = await seal()
    await booking.charge(1)
    await at(booking, "2026-10-16T00:00:00+00:00", 3)
    assert await seals("2026-10") == (first, first, False)
    last = await seal()
    assert await seals("2026-09") == (september, september, True)
    assert await seals("2026-10") == (first, last, True)
    assert await seals("2026-11") == (None, None, True)
