"""API keys in the books."""

import hashlib
from datetime import UTC, datetime, timedelta

from metering.books import Books
from metering.ids import new_id
from tests.integration.booking import Booking


async def test_a_key_is_shown_once_and_stored_as_a_digest(booking: Booking, books: Books) -> None:
    key = await books.keys.create(booking.account_id, name="k", user_id="u1", models=["m"])
    assert key
    assert key.key.startswith("fbx_")
    assert len(key.key) == 4 + 43  # 32 bytes in base64url
    assert key.prefix == key.key[:12]
    digest = await booking.value("SELECT digest FROM api_keys WHERE key_id = $1", key.id)
    assert digest == hashlib.sha256(key.key.encode()).digest()
    (listed,) = await books.keys.page(booking.account_id, limit=10, before=None)
    assert not hasattr(listed, "key")
    assert (listed.id, listed.user_id, listed.role, listed.models) == (key.id, "u1", "member", ["m"])


async def test_a_key_needs_an_account(books: Books) -> None:
    assert await books.keys.create(new_id()) is None


async def test_a_changed_key_comes_with_the_digest_that_caches_know(booking: Booking, books: Books) -> None:
    key = await books.keys.create(booking.account_id, models=["m"])
    assert key
    expiry = datetime.now(UTC) + timedelta(days=1)
    changed = await books.keys.change(key.id, name="new", role="admin", models=None, expires_at=expiry)
    assert changed
    after, digests = changed
    assert (after.name, after.role, after.models) == ("new", "admin", None)
    assert after.expires_at == expiry.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert digests == [hashlib.sha256(key.key.encode()).digest()]
    assert await books.keys.change(new_id(), name="x") is None


async def test_what_is_not_named_stays(booking: Booking, books: Books) -> None:
    key = await books.keys.create(booking.account_id, name="k", models=["m"])
    assert key
    changed = await books.keys.change(key.id, role="admin")
    assert changed
    assert (changed[0].name, changed[0].models) == ("k", ["m"])


async def test_revoking_twice_keeps_the_first_time(booking: Booking, books: Books) -> None:
    key = await books.keys.create(booking.account_id)
    assert key
    first = await books.keys.revoke(key.id)
    second = await books.keys.revoke(key.id)
    assert first
    assert second
    assert first[0].revoked_at is not None
    assert first == second
    assert await books.keys.revoke(new_id()) is None


async def test_keys_come_newest_first_page_by_page(booking: Booking, books: Books) -> None:
    made = [await books.keys.create(booking.account_id, name=str(number)) for number in range(5)]
    ids = sorted((key.id for key in made if key), reverse=True)
    first = await books.keys.page(booking.account_id, limit=3, before=None)
    rest = await books.keys.page(booking.account_id, limit=3, before=first[-1].id)
    assert [key.id for key in (*first, *rest)] == ids
