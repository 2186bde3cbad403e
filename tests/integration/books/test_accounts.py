"""Accounts in the books."""

import json

import pytest

from metering.books import Books
from metering.books.errors import ChangeRefusedError
from metering.ids import new_id
from tests.integration.booking import Booking


async def test_a_new_account_is_active_empty_and_leaves_settings_to_the_configuration(books: Books) -> None:
    account = await books.accounts.create(name="acme", email="a@acme.example", unit="credits", min_reserve=5)
    assert (account.name, account.email, account.unit, account.time_zone) == (
        "acme",
        "a@acme.example",
        "credits",
        "UTC",
    )
    assert (account.min_reserve, account.warning_threshold, account.floor) == (5, None, None)
    assert account.status == "active"
    assert account.created_at.endswith("Z")
    assert await books.accounts.get(account.id) == account


async def test_an_unknown_account_is_none(books: Books) -> None:
    assert await books.accounts.get(new_id()) is None
    assert await books.accounts.change(new_id(), name="x") is None
    assert not await books.accounts.exists(new_id())


async def test_accounts_come_newest_first_page_by_page(books: Books) -> None:
    created = [(await books.accounts.create(name=f"a{number}")).id for number in range(5)]
    seen: list[str] = []
    before = None
    while page := await books.accounts.page(limit=2, before=before):
        seen += [account.id for account in page]
        before = seen[-1]
    assert seen == sorted(created, reverse=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"min_reserve": 7},
        {"warning_threshold": 7},
        {"floor": "keep"},
        {"clamp": "never"},
        {"orphan": "upper_bound"},
        {"status": "suspended"},
        {"time_zone": "Asia/Tokyo"},  # calendar limits turn in it
    ],
)
async def test_a_money_setting_is_a_new_version_for_redis(
    booking: Booking, books: Books, changes: dict[str, object]
) -> None:
    changed = await books.accounts.change(booking.account_id, **changes)  # type: ignore[arg-type] # one of many
    assert changed
    account, state = changed
    assert state
    assert (state.account_id, state.version) == (booking.account_id, 1)
    assert {name: getattr(account, name) for name in changes} == changes
    assert await booking.version() == 1


async def test_the_state_of_a_change_says_what_redis_admits_by(booking: Booking, books: Books) -> None:
    changed = await books.accounts.change(booking.account_id, min_reserve=7, floor="keep", status="suspended")
    assert changed
    assert changed[1]
    snapshot = json.loads(changed[1].snapshot)
    assert (snapshot["mr"], snapshot["fl"], snapshot["st"]) == (7, "keep", "suspended")


async def test_a_name_is_no_new_version(booking: Booking, books: Books) -> None:
    changed = await books.accounts.change(booking.account_id, name="ACME", email=None, domain="acme.example")
    assert changed
    account, state = changed
    assert state is None
    assert (account.name, account.domain) == ("ACME", "acme.example")
    assert await booking.version() == 0


async def test_null_gives_a_setting_back_to_the_configuration(booking: Booking, books: Books) -> None:
    await books.accounts.change(booking.account_id, min_reserve=7)
    changed = await books.accounts.change(booking.account_id, min_reserve=None)
    assert changed
    assert changed[0].min_reserve is None


async def test_a_time_zone_that_nobody_knows_is_refused(booking: Booking, books: Books) -> None:
    with pytest.raises(ChangeRefusedError, match="Mars/Base") as refused:
        await books.accounts.change(booking.account_id, time_zone="Mars/Base")
    assert refused.value.param == "time_zone"
    with pytest.raises(ChangeRefusedError):
        await books.accounts.create(name="x", time_zone="Mars/Base")


async def test_the_newest_activity_comes_first(books: Books) -> None:
    first, second = [await books.accounts.create(name=name) for name in ("a", "b")]
    await books.packs.grant(first.id, 10)
    assert await books.accounts.newest(10) == [first.id, second.id]
    assert await books.accounts.newest(1) == [first.id]
