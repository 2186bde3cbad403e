"""Seals are made when they are due, once, one behind the other."""

import asyncio
import json
from typing import Any

import pytest

from metering import sealer
from metering.books import Books
from metering.ledger import Ledger
from metering.metrics import METRICS
from metering.sealer import Sealer
from metering.verifier import Verifier
from tests.integration.booking import Booking

FIELDS = "position, number, first_version, last_version, entries"


async def seals_of(ledger: Ledger, columns: str = FIELDS) -> list[tuple[Any, ...]]:
    """Return columns of all seals in the order of the chain."""
    async with ledger.connection() as connection:
        return [tuple(row) for row in await connection.fetch(f"SELECT {columns} FROM seals ORDER BY position")]  # noqa: S608 - ours


async def test_a_seal_covers_every_version_up_to_the_newest(booking: Booking, ledger: Ledger) -> None:
    await booking.grant(1000)
    await booking.book(booking.row(10), booking.row(20))
    await booking.books.accounts.change(booking.account_id, min_reserve=5)  # a version without an entry
    assert await Sealer(ledger, seal_seconds=0).seal_due() == 3
    await booking.charge(5)
    assert await Sealer(ledger, seal_seconds=0).seal_due() == 1
    assert await Sealer(ledger, seal_seconds=0).seal_due() == 0
    assert await seals_of(ledger) == [(1, 1, 1, 3, 3), (2, 2, 4, 4, 1)]
    assert (await Verifier(ledger).run()).clean


async def test_accounts_have_chains_of_their_own_within_the_one_of_the_ledger(booking: Booking, books: Books) -> None:
    others = [Booking(booking.ledger, books, (await books.accounts.create(name=name)).id) for name in "abc"]
    for turn in range(2):
        for account in (booking, *others):
            await account.grant(10 + turn)
        await Sealer(booking.ledger, seal_seconds=0).seal_due()
    rows = await seals_of(booking.ledger, "position, number, previous, previous_overall, hash, account_id")
    assert [row[:2] for row in rows] == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2), (7, 2), (8, 2)]
    assert [row[3] for row in rows] == [bytes(32), *(row[4] for row in rows[:-1])]
    first = {row[5]: row[4] for row in rows[:4]}
    assert [row[2] for row in rows] == [*[bytes(32)] * 4, *(first[row[5]] for row in rows[4:])]


async def test_an_entry_is_due_when_it_has_waited_half_of_the_time(booking: Booking, ledger: Ledger) -> None:
    await booking.grant(10)
    assert await Sealer(ledger, seal_seconds=1200).seal_due() == 0
    assert METRICS.seal_lag._value.get() == 0
    await booking.execute("SET session_replication_role = replica; UPDATE entries SET at = at - interval '11 minutes'")
    await booking.charge(3)  # young, but what is there is sealed together
    assert await Sealer(ledger, seal_seconds=1200).seal_due() == 2
    assert METRICS.seal_lag._value.get() == pytest.approx(660, abs=30)


async def test_a_change_without_an_entry_waits_for_the_next_one(booking: Booking, ledger: Ledger) -> None:
    await booking.books.accounts.change(booking.account_id, min_reserve=5)
    assert await Sealer(ledger, seal_seconds=0).seal_due() == 0
    assert await seals_of(ledger) == []


async def test_a_backlog_is_sealed_in_bounded_pieces_and_versions_stay_whole(
    booking: Booking, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealer, "ENTRIES_MAX", 4)
    await booking.grant(1000)
    for _ in range(3):
        await booking.book(*(booking.row(1) for _ in range(3)))
    await booking.book(*(booking.row(1) for _ in range(9)))
    assert await Sealer(ledger, seal_seconds=0).seal_due() == 19
    assert await seals_of(ledger) == [(1, 1, 1, 2, 4), (2, 2, 3, 4, 6), (3, 3, 5, 5, 9)]
    monkeypatch.setattr(sealer, "VERSIONS_MAX", 2)
    for _ in range(5):
        await booking.charge(1)
    await Sealer(ledger, seal_seconds=0).seal_due()
    assert [row[2:4] for row in await seals_of(ledger)][3:] == [(6, 7), (8, 9), (10, 10)]
    assert (await Verifier(ledger).run()).clean


async def test_a_seal_ends_with_the_month_of_its_partition(booking: Booking, ledger: Ledger) -> None:
    await booking.grant(1000)
    for _ in range(5):
        await booking.charge(1)
    days = ["2026-09-29", "2026-09-30", "2026-10-01", "2026-10-31", "2026-12-01", "2026-12-02"]
    await booking.execute("ALTER TABLE entries DISABLE TRIGGER entries_append_only")
    for version, day in enumerate(days, 1):
        await booking.execute("UPDATE entries SET day = $1::text::date WHERE version = $2", day, version)
    await Sealer(ledger, seal_seconds=0).seal_due()
    found = await seals_of(ledger, "first_version, last_version, first_day::text, last_day::text")
    assert found == [
        (1, 2, "2026-09-29", "2026-09-30"),
        (3, 4, "2026-10-01", "2026-10-31"),
        (5, 6, "2026-12-01", "2026-12-02"),
    ]


async def test_a_version_that_crosses_the_end_of_a_month_is_a_seal_of_its_own(booking: Booking, ledger: Ledger) -> None:
    await booking.grant(1000)
    await booking.book(booking.row(1), booking.row(1))
    await booking.charge(1)
    await booking.execute(
        "SET session_replication_role = replica; UPDATE entries"
        " SET day = CASE WHEN (version, seq) < (2, 2) THEN '2026-09-30'::date ELSE '2026-10-01' END"
    )
    await Sealer(ledger, seal_seconds=0).seal_due()
    assert await seals_of(ledger, "first_version, last_version") == [(1, 1), (2, 2), (3, 3)]
    assert (await Verifier(ledger).run()).clean


async def test_gateways_that_seal_at_once_do_no_work_twice(books: Books, ledger: Ledger) -> None:
    for number in range(20):
        account = Booking(ledger, books, (await books.accounts.create(name=f"a{number}")).id)
        await account.grant(100)
    sealed = await asyncio.gather(*(Sealer(ledger, seal_seconds=0).seal_due() for _ in range(4)))
    assert sum(sealed) == 20
    assert len(await seals_of(ledger)) == 20
    assert (await Verifier(ledger).run()).clean


async def test_who_comes_while_another_seals_is_turned_away(booking: Booking, ledger: Ledger) -> None:
    await booking.grant(100)
    async with ledger.connection() as other, other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock(hashtext('farebox seals'))")
        assert await Sealer(ledger, seal_seconds=0).seal_due() == 0
    assert await Sealer(ledger, seal_seconds=0).seal_due() == 1


async def test_sums_survive_the_entries(booking: Booking, ledger: Ledger) -> None:
    await booking.grant(100)
    await booking.charge(30)
    await booking.charge(90)
    await Sealer(ledger, seal_seconds=0).seal_due()
    sums = [["tokens", "grant", 1, 100, 100], ["tokens", "overdraft", 1, 20, -20], ["tokens", "usage", 2, 100, -100]]
    (record,) = await booking.books.seals.page(limit=5, before=None, account_id=booking.account_id)
    assert json.loads(bytes(record.sums)) == sums
