"""Packs in the books."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from metering.books import Books
from metering.books.errors import ChangeRefusedError
from metering.books.filters import Scope
from metering.core.rates import AMOUNT_MAX
from metering.ids import new_id
from tests.integration.booking import Booking

PAST = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_grant_is_a_pack_an_entry_and_a_state(booking: Booking, books: Books) -> None:
    granted = await books.packs.grant(booking.account_id, 100, note="welcome", user_id="u1", models=["m"], priority=3)
    assert granted
    pack, state = granted
    assert (pack.status, pack.size, pack.remaining, pack.unlimited, pack.resource) == (
        "active",
        100,
        100,
        False,
        "tokens",
    )
    assert (pack.note, pack.user_id, pack.models, pack.priority) == ("welcome", "u1", ["m"], 3)
    assert state.version == 1
    assert [one[0] for one in json.loads(state.snapshot)["pk"]] == [pack.id]
    assert await books.packs.get(pack.id) == pack


async def test_a_grant_needs_an_account(books: Books) -> None:
    assert await books.packs.grant(new_id(), 100) is None
    assert await books.packs.get(new_id()) is None
    assert await books.packs.change(new_id(), note="x") is None
    assert await books.packs.revoke(new_id()) is None


async def test_an_unlimited_pack_has_no_size(booking: Booking) -> None:
    pack = await booking.grant(None)
    assert (pack.unlimited, pack.size, pack.remaining, pack.status) == (True, None, None, "active")


async def test_a_pack_is_of_the_accounts_unit_unless_it_is_no_unit(books: Books) -> None:
    account = await books.accounts.create(name="acme", unit="credits")
    granted = await books.packs.grant(account.id, 5)
    images = await books.packs.grant(account.id, 5, resource="images")
    assert granted
    assert images
    assert (granted[0].resource, images[0].resource) == ("credits", "images")
    with pytest.raises(ChangeRefusedError, match="counts in credits") as refused:
        await books.packs.grant(account.id, 5, resource="tokens")
    assert refused.value.param == "resource"


async def test_open_packs_never_hold_more_than_amounts_can_count(booking: Booking, books: Books) -> None:
    await booking.grant(AMOUNT_MAX - 1)
    with pytest.raises(ChangeRefusedError, match="write at most 1") as refused:
        await booking.grant(2)
    assert refused.value.param == "size"
    await booking.grant(1)
    assert await books.packs.grant(booking.account_id, AMOUNT_MAX, resource="images")


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ("revoked_at = now(), closed_at = now(), remaining = 0, expires_at = '2020-01-01'", "revoked"),
        ("closed_at = now(), remaining = 0, expires_at = '2020-01-01'", "expired"),
        ("closed_at = now(), remaining = 0, expires_at = '2999-01-01'", "expired"),
        ("remaining = 0, expires_at = '2020-01-01'", "expired"),
        ("expires_at = '2020-01-01'", "expired"),
        ("remaining = 0", "depleted"),
        ("remaining = 0, expires_at = '2999-01-01'", "depleted"),
        ("remaining = 1", "active"),
    ],
)
async def test_a_status_is_the_first_of_revoked_expired_depleted_active(
    booking: Booking, books: Books, columns: str, status: str
) -> None:
    pack = await booking.grant(10)
    await booking.execute(f"UPDATE packs SET {columns} WHERE pack_id = $1", pack.id)  # noqa: S608 - ours
    found = await books.packs.get(pack.id)
    assert found
    assert found.status == status
    for asked in ("active", "depleted", "expired", "revoked"):
        listed = await books.packs.page(booking.account_id, limit=10, status=asked)
        assert [one.id for one in listed] == ([pack.id] if asked == status else [])


async def test_note_priority_and_expiry_may_change_and_nothing_else_does(booking: Booking, books: Books) -> None:
    pack = await booking.grant(10, user_id="u1", models=["m"], note="old", priority=1)
    expiry = datetime.now(UTC) + timedelta(days=1)
    changed = await books.packs.change(pack.id, expires_at=expiry)
    assert changed
    after, state = changed
    assert (after.note, after.priority, after.size, after.user_id, after.models) == ("old", 1, 10, "u1", ["m"])
    assert after.expires_at == expiry.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert state.version == 2
    changed = await books.packs.change(pack.id, note="new", priority=9, expires_at=None)
    assert changed
    assert (changed[0].note, changed[0].priority, changed[0].expires_at) == ("new", 9, None)


async def test_what_is_booked_as_expired_never_comes_back(booking: Booking, books: Books) -> None:
    pack = await booking.grant(10)
    await booking.expire(pack)
    with pytest.raises(ChangeRefusedError) as refused:
        await books.packs.change(pack.id, expires_at=None)
    assert refused.value.param == "expires_at"
    changed = await books.packs.change(pack.id, note="gone")
    assert changed
    assert (changed[0].note, changed[0].status) == ("gone", "expired")


async def test_an_expiry_that_is_not_booked_yet_may_be_put_off(booking: Booking, books: Books) -> None:
    pack = await booking.grant(10)
    await booking.execute("UPDATE packs SET expires_at = $2 WHERE pack_id = $1", pack.id, PAST)
    changed = await books.packs.change(pack.id, expires_at=None)
    assert changed
    assert changed[0].status == "active"


async def test_revoking_withdraws_at_once_and_only_once(booking: Booking, books: Books) -> None:
    pack = await booking.grant(10)
    await booking.charge(4)
    first = await books.packs.revoke(pack.id)
    second = await books.packs.revoke(pack.id)
    assert first
    assert second
    assert (first[0].status, first[0].remaining) == ("revoked", 0)
    assert first == second
    assert await booking.value("SELECT sum(amount) FROM entries WHERE book_to = 'revoked'") == 6


async def test_packs_come_newest_first_page_by_page(booking: Booking, books: Books) -> None:
    ids = sorted([(await booking.grant(1)).id for _ in range(5)], reverse=True)
    first = await books.packs.page(booking.account_id, limit=3)
    rest = await books.packs.page(booking.account_id, limit=3, before=first[-1].id)
    assert [pack.id for pack in (*first, *rest)] == ids


async def test_a_member_sees_shared_packs_and_their_own(booking: Booking, books: Books) -> None:
    shared, own, other = [await booking.grant(1, user_id=user) for user in (None, "u1", "u2")]

    async def seen(scope: Scope | None) -> set[str]:
        return {pack.id for pack in await books.packs.page(booking.account_id, limit=10, scope=scope)}

    assert await seen(Scope(booking.account_id, True, "u1")) == {shared.id, own.id}
    assert await seen(Scope(booking.account_id, True, None)) == {shared.id}
    assert await seen(Scope(booking.account_id, False, None)) == {shared.id, own.id, other.id}
    assert await seen(None) == {shared.id, own.id, other.id}
