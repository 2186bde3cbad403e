"""Pools on events: which pool paid, and how much of it: whatever is owed, unlimited, refunded or corrected."""

import pytest

from metering.books.records import Event
from tests.integration.booking import Booking

Shares = tuple[str, int, int]


def shares(event: Event) -> Shares:
    """Return the pool of an event, and what came from the member's own packs and from the surplus."""
    assert event.allocated_amount + event.surplus_amount == event.charge
    return event.pool, event.allocated_amount, event.surplus_amount


async def test_a_member_draws_on_their_own_packs_then_on_the_surplus(booking: Booking) -> None:
    await booking.grant(50, user_id="u1")
    await booking.grant(1000)
    for charge, expected in ((30, ("allocated", 30, 0)), (40, ("hybrid", 20, 20)), (10, ("surplus", 0, 10))):
        assert shares(await booking.event(await booking.charge(charge, user_id="u1"))) == expected
    assert shares(await booking.event(await booking.charge(5, user_id="u2"))) == ("surplus", 0, 5)


async def test_a_debt_is_the_accounts_and_so_of_the_surplus(booking: Booking) -> None:
    await booking.grant(50, user_id="u1")
    owed = await booking.charge(80, user_id="u1", reserved=0)
    assert shares(await booking.event(owed)) == ("hybrid", 50, 30)
    await booking.grant(100, user_id="u1")  # repays it
    assert shares(await booking.event(owed)) == ("hybrid", 50, 30), "what was booked stays"
    nothing = await booking.charge(7, user_id="u2", reserved=0)
    assert shares(await booking.event(nothing)) == ("surplus", 0, 7)


@pytest.mark.parametrize(("owner", "expected"), [("u1", ("allocated", 70, 0)), (None, ("surplus", 0, 70))])
async def test_an_unlimited_pack_is_of_its_owners_pool(booking: Booking, owner: str | None, expected: Shares) -> None:
    await booking.grant(None, user_id=owner)
    assert shares(await booking.event(await booking.charge(70, user_id="u1"))) == expected


async def test_a_refund_goes_back_to_the_pools_it_came_from(booking: Booking) -> None:
    own, shared = await booking.grant(50, user_id="u1"), await booking.grant(1000)
    used = await booking.charge(80, user_id="u1", reserved=0)
    await booking.books.pages.refund(used, 40, "sorry")
    left = [(await booking.books.packs.get(pack.id)) for pack in (own, shared)]
    assert [pack.remaining for pack in left if pack] == [10, 1000], "the surplus first: it was drawn last"
    assert shares(await booking.event(used)) == ("hybrid", 50, 30), "an event says what its request was charged"


@pytest.mark.parametrize(
    ("exact", "expected"),
    [(100, ("hybrid", 50, 50)), (60, ("hybrid", 50, 10)), (50, ("allocated", 50, 0)), (20, ("allocated", 20, 0))],
)
async def test_a_correction_is_told_with_its_pools(booking: Booking, exact: int, expected: Shares) -> None:
    await booking.grant(50, user_id="u1")
    await booking.grant(1000)
    corrected = await booking.event(await booking.recover(80, exact, user_id="u1"))
    assert shares(corrected) == expected
    assert corrected.recovered
    assert (corrected.recovered.allocated_amount, corrected.recovered.surplus_amount) == (50, 30)


async def test_a_correction_upwards_by_an_unlimited_pack_is_of_its_pool(booking: Booking) -> None:
    await booking.grant(10)
    await booking.grant(None, user_id="u1")  # pays the 5 that were let in without a hold, and what 10 do not cover
    assert shares(await booking.event(await booking.recover(5, 30, user_id="u1"))) == ("hybrid", 20, 10)


async def test_what_cost_nothing_is_of_the_surplus(booking: Booking) -> None:
    await booking.grant(50, user_id="u1")
    assert shares(await booking.event(await booking.charge(0, user_id="u1"))) == ("surplus", 0, 0)


async def test_events_are_found_by_their_pool(booking: Booking) -> None:
    await booking.grant(50, user_id="u1")
    await booking.grant(1000)
    own, both, shared = [await booking.charge(charge, user_id="u1") for charge in (30, 40, 10)]
    for pool, expected in (("allocated", own), ("hybrid", both), ("surplus", shared)):
        assert [event.request_id for event in await booking.events(pool=pool)] == [expected]
