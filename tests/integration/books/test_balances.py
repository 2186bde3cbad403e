"""Balances: what Postgres says, and what Redis adds."""

from dataclasses import replace

import pytest

from config.settings import MeterSettings
from metering.ask import AccountView
from metering.books import Books
from metering.books.balances import Balances
from metering.books.records import Balance
from metering.ids import new_id
from metering.ledger import Ledger
from tests.integration.booking import Booking


async def balance(booking: Booking, resource: str | None = None, **settings: int | None) -> Balance:
    """Return the balance that Postgres alone tells."""
    balances = Balances(booking.ledger, replace(MeterSettings(), **settings))  # type: ignore[arg-type] # some ints
    posted = await balances.posted([booking.account_id], resource)
    return balances.balance_of(posted[booking.account_id], None)


async def test_an_account_without_packs_is_stopped(booking: Booking) -> None:
    found = await balance(booking)
    assert (found.balance, found.available, found.active_packs, found.state) == (0, 0, 0, "stopped")
    assert (found.unit, found.resource, found.unlimited, found.version) == ("tokens", "tokens", False, 0)


async def test_only_active_packs_count(booking: Booking, books: Books) -> None:
    await booking.grant(100)
    await booking.grant(50, user_id="u2")
    revoked, expired, closed = [await booking.grant(1000) for _ in range(3)]
    await books.packs.revoke(revoked.id)
    await booking.execute("UPDATE packs SET expires_at = now() WHERE pack_id = $1", expired.id)
    await booking.expire(closed)
    found = await balance(booking)
    assert (found.balance, found.active_packs) == (150, 2)


async def test_debt_counts_against_the_balance_of_its_resource_alone(booking: Booking) -> None:
    await booking.grant(100)
    await booking.grant(7, resource="images")
    await booking.charge(130)
    tokens, images = await balance(booking), await balance(booking, "images")
    assert (tokens.balance, tokens.debt, tokens.state, tokens.active_packs) == (-30, 30, "stopped", 0)
    assert (images.balance, images.debt, images.state, images.resource, images.unit) == (
        7,
        0,
        "normal",
        "images",
        "images",
    )


async def test_ten_percent_of_the_packs_not_expired_or_revoked_is_low_and_five_is_critical(
    booking: Booking, books: Books
) -> None:
    for _ in range(2):
        await booking.grant(500)
    gone = await booking.grant(1_000_000, priority=99)
    await books.packs.revoke(gone.id)
    await booking.charge(900)
    found = await balance(booking)
    assert (found.balance, found.warning_threshold, found.state, found.critical) == (100, 100, "normal", False)
    await booking.charge(1)
    found = await balance(booking)
    assert (found.balance, found.state, found.critical) == (99, "running_low", False)
    await booking.charge(50)
    found = await balance(booking)
    assert (found.balance, found.state, found.critical) == (49, "running_low", True)


async def test_an_accounts_own_settings_come_before_the_configurations(booking: Booking, books: Books) -> None:
    await booking.grant(100)
    assert (await balance(booking, min_reserve=101)).state == "stopped"
    assert (await balance(booking, warning_threshold=101)).state == "running_low"
    await books.accounts.change(booking.account_id, min_reserve=50, warning_threshold=60)
    found = await balance(booking, min_reserve=101, warning_threshold=101)
    assert (found.min_reserve, found.warning_threshold, found.state) == (50, 60, "normal")


async def test_credits_run_low_below_a_dollar(books: Books, ledger: Ledger) -> None:
    account = await books.accounts.create(name="acme", unit="credits")
    booking = Booking(ledger, books, account.id)
    await booking.grant(999_999)
    found = await balance(booking, warning_threshold=5)
    assert (found.warning_threshold, found.state, found.critical) == (1_000_000, "running_low", False)


async def test_a_threshold_in_the_accounts_unit_says_nothing_of_images(booking: Booking, books: Books) -> None:
    await books.accounts.change(booking.account_id, warning_threshold=1000)
    await booking.grant(100, resource="images")
    assert (await balance(booking, "images")).warning_threshold == 10


async def test_an_unlimited_pack_keeps_an_account_from_being_stopped(booking: Booking, books: Books) -> None:
    pack = await booking.grant(None)
    found = await balance(booking, min_reserve=1000)
    assert (found.balance, found.unlimited, found.state, found.active_packs) == (0, True, "normal", 1)
    await books.packs.revoke(pack.id)
    assert (await balance(booking)).state == "stopped"


async def test_an_unknown_account_has_no_balance(books: Books) -> None:
    assert await books.balances.posted([new_id()]) == {}


@pytest.mark.parametrize(
    ("version", "shown"),
    [(1, (90, 30, 60, 1)), (2, (90, 30, 60, 2)), (0, (100, 30, 70, 1))],
    ids=["equal: Redis", "Redis is newer", "Redis is behind: what Postgres says, less what is still held"],
)
async def test_balance_and_reserved_are_of_one_moment(
    booking: Booking, books: Books, version: int, shown: tuple[int, int, int, int]
) -> None:
    await booking.grant(100)
    posted = (await books.balances.posted([booking.account_id]))[booking.account_id]
    view = AccountView(version=version, balance=90, reserved=30, holds=1, unsettled=0, differences=[])
    found = books.balances.balance_of(posted, view)
    assert (found.balance, found.reserved, found.available, found.version) == shown
