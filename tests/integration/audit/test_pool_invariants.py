"""The audit of pools, reservations and recurring packs: clean after all that may happen, and not after what may not."""

import msgspec
import pytest

from metering.audit import Audit
from metering.core.limits import Scope
from tests.integration.booking import Booking

NEW = (
    "INSERT INTO reservations (reservation_id, account_id, bucket, status, on_expiry, by_deadline, closed_at, reserved,"
    " reserved_at, facts, charge) VALUES ($1, $2, 0, $3, 'settle', $4, now(), 10, 0, '{}', $5)"
)
BREAKS = [
    ("reservations_follow_their_events", "UPDATE reservations SET charge = charge + 1 WHERE by_deadline"),
    ("reservations_follow_their_events", "UPDATE reservations SET by_deadline = true WHERE charge = 4"),
    ("reservations_follow_their_events", "UPDATE reservations SET status = 'released', charge = NULL WHERE charge = 4"),
    ("reservations_follow_their_events", "UPDATE reservations SET status = 'settled', charge = 1 WHERE charge IS NULL"),
    ("recurring_granted_once", "UPDATE recurring_packs SET user_id = 'u9'"),
    ("recurring_granted_once", "UPDATE recurring_grants SET pack_id = uuid7()"),
    ("surplus_replays", "UPDATE packs SET remaining = remaining - 1 WHERE user_id IS NULL AND remaining > 1"),
    ("surplus_replays", "UPDATE account_resources SET debt = debt + 1"),
    ("spend_is_summed", "UPDATE spend_sums SET amount = amount + 1"),
    ("spend_is_summed", "DELETE FROM spend_sums WHERE scope = 'member'"),
]
POOLS = {name for name, _ in BREAKS}


@pytest.fixture
async def busy(booking: Booking) -> Booking:
    """A ledger with packs of both pools, debt that was repaid, a schedule, and a reservation of each end."""
    await booking.charge(40, user_id="u1", reserved=0)
    await booking.grant(30, user_id="u1")
    await booking.grant(100)
    await booking.charge(5000, user_id="u2", reserved=0)
    await booking.books.recurring.create(booking.account_id, resource="tokens", size=5, period="day")
    await booking.grant(10_000)
    for scope, subject in (("account", ""), ("member", "u2")):
        limits = {"spend_per_month": 10_000}
        await booking.books.limits.set(booking.account_id, Scope(scope), subject, limits)
    refunded = await booking.charge(30, user_id="u2")
    await booking.books.pages.refund(refunded, 10, "sorry")
    settled = await booking.charge(4, model="-")
    by_deadline = await booking.charge(10, model="-", source="recovered", status="recovered")
    late = await booking.recover(10, 7, model="-")
    for request_id, status, was_late, charge in (
        (settled, "settled", False, 4),
        (by_deadline, "settled", True, 10),
        (late, "settled", False, 7),
        (await booking.value("SELECT uuid7()"), "released", False, None),
    ):
        await booking.execute(NEW, request_id, booking.account_id, status, was_late, charge)
    return booking


async def broken(booking: Booking) -> set[str]:
    """Return the invariants that are broken; each names its rows."""
    report = await Audit(booking.ledger, None).run()
    found = [one for one in report.invariants if one.broken]
    assert all(msgspec.json.decode(row) for one in found for row in one.rows)
    return {one.name for one in found}


async def test_all_that_may_happen_breaks_nothing(busy: Booking) -> None:
    assert await broken(busy) == set()


@pytest.mark.parametrize(("name", "statement"), BREAKS, ids=[f"{name}-{at}" for at, (name, _) in enumerate(BREAKS)])
async def test_what_is_broken_by_hand_is_named(busy: Booking, name: str, statement: str) -> None:
    await busy.execute(f"SET session_replication_role = replica; {statement}")
    assert name in await broken(busy)
