"""Limits of spend: what was charged in the account's own day and month, plus what is held, exactly."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from metering.core.limits import Limit
from metering.errors import LedgerDownError, LimitedError, MeterUnavailableError
from metering.hold import Hold
from metering.ids import new_id
from metering.ledger import Ledger
from metering.order import Order
from tests.integration.metering.books import Book
from tests.integration.metering.limited import SCOPES, Limited, limited_account
from tests.integration.metering.parts import Gateway, order_of, row_of, used

each_scope: Any = pytest.mark.parametrize("scope", SCOPES)
each_name: Any = pytest.mark.parametrize("name", ["spend_per_day", "spend_per_month"])


@pytest.fixture
async def limited(gateway: Gateway, book: Book) -> Limited:
    return await limited_account(gateway, book)


@each_scope
@each_name
async def test_used_and_held_never_exceed_the_limit(limited: Limited, scope: str, name: str) -> None:
    before = await limited.charge(50)  # 150, before there was a limit
    assert before.charge == 150
    running = await limited.enter()  # 200, the same
    await limited.limit(scope, **{name: 1500})
    found = await asyncio.gather(*(limited.enter() for _ in range(40)), return_exceptions=True)
    holds = [one for one in found if isinstance(one, Hold)]
    assert all(isinstance(one, Hold | LimitedError) for one in found), found
    assert len(holds) == 5  # 150 + 200 + 5 * 200 = 1350
    running.forwarding()
    running.record(used(0))
    for hold in holds:
        hold.forwarding()
        hold.record(used(0))
    await limited.gateway.meter.drain(5)
    error = await limited.refused(limit=751)
    assert (error.wall.limit, error.wall.used, error.wall.requested) == (name, 750, 851)
    await limited.release(await limited.enter(limit=650))
    await limited.at_rest()


async def test_a_burst_of_charges_adds_up_to_the_last_token(limited: Limited) -> None:
    await limited.limit("account", spend_per_day=3000)
    await limited.limit("key", spend_per_month=2950)

    async def request() -> int:
        try:
            hold = await limited.enter(limit=20)
        except LimitedError:
            return 0
        hold.forwarding()
        charge = hold.record(used(7))
        limited.gateway.meter.leave(hold)
        return charge

    charged = 0
    for _ in range(12):
        charged += sum(await asyncio.gather(*(request() for _ in range(7))))
    await limited.gateway.meter.drain(5)
    assert 2950 - 120 < charged <= 2950
    wall = (await limited.refused(limit=2000)).wall
    assert (wall.limit, wall.used) == ("spend_per_month", charged)
    await limited.at_rest()


async def test_other_resources_are_no_spend(limited: Limited) -> None:
    await limited.book.grant(limited.account_id, 1000, resource="images")
    await limited.limit("account", spend_per_day=200)
    await limited.enter(resource="images")
    await limited.enter()
    await limited.enter(resource="images")
    await limited.refused()


async def test_unlimited_packs_are_spent_too(gateway: Gateway, book: Book) -> None:
    limited = await limited_account(gateway, book, size=None)
    await limited.limit("account", spend_per_day=500)
    await limited.charge()
    await limited.enter()
    assert (await limited.refused()).wall.used == 400
    await limited.at_rest()


async def test_a_stream_grows_as_far_as_the_spend_may(limited: Limited) -> None:
    await limited.limit("key", spend_per_day=450)
    hold = await limited.enter(limit=None)
    hold.forwarding()
    assert await hold.covers(310)
    assert hold.reservation.amount == 450
    assert not await hold.covers(360)
    hold.record(used(350))
    await limited.gateway.meter.drain(5)
    assert (await limited.refused()).wall.used == 450
    await limited.at_rest()


async def test_what_a_client_did_not_limit_is_lowered_to_what_may_be_spent(limited: Limited) -> None:
    await limited.limit("key", spend_per_day=300)
    hold = await limited.enter(limit=None, stream=False)
    assert (hold.limit, hold.reservation.amount) == (200, 300)
    await limited.refused(limit=None, stream=False)


async def test_refunds_and_corrections_are_taken_off(limited: Limited) -> None:
    await limited.limit("account", spend_per_day=1000)
    hold = await limited.charge(100)
    await limited.enter()
    (row,) = await limited.book.connection.fetch("SELECT * FROM refund($1, 60, 'x')", hold.request_id)
    await limited.gateway.settler.push(await limited.book.state(limited.account_id))
    assert row["refunded"] == 60
    assert (await limited.refused(limit=900)).wall.used == 200 - 60 + 200
    orphan = row_of(limited.account_id, 300, source="recovered", key_id=limited.key_id)
    orphan["reserved_at"] = int(datetime.now(UTC).timestamp() * 1000)
    await limited.book.settle(orphan)
    await limited.book.settle({**orphan, "charge": 80, "source": "upstream"})
    await limited.gateway.settler.push(await limited.book.state(limited.account_id))
    assert (await limited.refused(limit=900)).wall.used == 200 - 60 + 200 + 80
    await limited.at_rest()


# Zone, moment, then the UTC edges of its day and of its month.
CALENDAR = """
    UTC             2027-02-10T12:00:00     2027-02-10T00:00 2027-02-11T00:00  2027-02-01T00:00 2027-03-01T00:00
    # Clocks go forward on 28 March, back on 31 October: days of 23 and of 25 hours, months with two offsets.
    Europe/Berlin   2027-03-28T10:00:00     2027-03-27T23:00 2027-03-28T22:00  2027-02-28T23:00 2027-03-31T22:00
    Europe/Berlin   2027-10-31T10:00:00     2027-10-30T22:00 2027-10-31T23:00  2027-09-30T22:00 2027-10-31T23:00
    Asia/Kathmandu  2027-12-31T18:14:59.999 2027-12-30T18:15 2027-12-31T18:15  2027-11-30T18:15 2027-12-31T18:15
    # Midnight comes twice, or not at all.
    America/Havana  2027-11-07T04:30:00     2027-11-07T04:00 2027-11-08T05:00  2027-11-01T04:00 2027-12-01T05:00
    America/Havana  2027-11-07T05:30:00     2027-11-07T04:00 2027-11-08T05:00  2027-11-01T04:00 2027-12-01T05:00
    America/Havana  2027-03-14T12:00:00     2027-03-14T05:00 2027-03-15T04:00  2027-03-01T05:00 2027-04-01T04:00"""


@pytest.mark.parametrize("row", [line.strip() for line in CALENDAR.splitlines() if line.strip() and "#" not in line])
async def test_days_and_months_are_those_of_the_accounts_calendar(limited: Limited, row: str) -> None:
    zone, *moments = row.split()
    await limited.book.connection.execute(
        "UPDATE accounts SET time_zone = $2 WHERE account_id = $1", limited.account_id, zone
    )
    at, *edges = [int(datetime.fromisoformat(moment + "Z").timestamp() * 1000) for moment in moments]
    assert await limited.windows(at) == tuple(edges)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Havana", "Pacific/Apia"])
@each_name
async def test_spend_begins_again_to_the_millisecond(gateway: Gateway, book: Book, zone: str, name: str) -> None:
    limited = await limited_account(gateway, book, time_zone=zone)
    await limited.limit("key", **{name: 500})
    await limited.charge()
    later = await limited.windows((await limited.windows()).month_end)  # a month in which nothing was spent
    start, end = later.day, later.day_end if name == "spend_per_day" else later.month_end
    await limited.now(start)
    await limited.enter(limit=400)
    await limited.now(end - 1)
    wall = (await limited.refused()).wall
    assert (wall.used, wall.resets_at_ms, wall.wait_ms) == (500, end, 1)
    await limited.now(end)
    hold = await limited.enter(limit=400)
    assert (await limited.refused()).wall.used == 500
    await limited.release(hold)
    await gateway.view(limited.account_id)


async def test_a_request_belongs_to_the_day_in_which_it_was_held(limited: Limited) -> None:
    await limited.limit("account", spend_per_day=1000, spend_per_month=1000)
    await limited.charge(0)  # 100 today, so that the account is loaded
    tomorrow = await limited.windows((await limited.windows()).month_end)
    await limited.now(tomorrow.day)
    late = await limited.enter()
    await limited.now(tomorrow.day_end)
    next_day = await limited.enter()
    wall = (await limited.refused(limit=850)).wall
    assert (wall.limit, wall.used) == (Limit.MONTH, 400)
    late.forwarding()
    late.record(used(100))
    next_day.forwarding()
    next_day.record(used(50))
    await limited.gateway.meter.drain(5)
    await limited.at_rest()
    wall = (await limited.refused(limit=650)).wall
    assert (wall.limit, wall.used) == (Limit.MONTH, 350)
    sums = await limited.book.rows("spend_sums", limited.account_id, "day")
    assert [row["amount"] for row in sums] == [100, 200, 150]


async def test_another_time_zone_divides_the_month_anew(limited: Limited) -> None:
    await limited.limit("key", spend_per_day=1000)
    await limited.charge()
    await limited.book.connection.execute(
        "UPDATE accounts SET time_zone = 'Pacific/Kiritimati' WHERE account_id = $1", limited.account_id
    )
    await limited.at_rest()
    await limited.refused(limit=901)


async def test_a_limit_that_is_new_knows_what_was_spent_this_month(limited: Limited) -> None:
    for model in ("m", "other"):
        await limited.charge(model=model)
    await limited.limit("model", spend_per_month=350)
    assert (await limited.refused()).wall.used == 200
    await limited.limit("key", spend_per_month=450)
    assert (await limited.refused(model="other")).wall.used == 400
    await limited.at_rest()


async def test_charges_that_redis_has_no_hold_for_are_asked_of_postgres(limited: Limited) -> None:
    await limited.limit("account", spend_per_day=1000)
    await limited.charge()
    row = row_of(limited.account_id, 300, request_id=new_id(), reserved_at=int(datetime.now(UTC).timestamp() * 1000))
    (settled,) = await limited.book.settle(row)
    state = await limited.book.state(limited.account_id)
    assert settled["version"] == state.version
    await limited.gateway.admission.apply(state, [row["request_id"]], sure=True)
    assert (await limited.refused(limit=701)).wall.used == 500


async def test_a_snapshot_that_comes_late_adds_nothing_twice(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    await limited.limit("account", spend_per_day=1000)
    await limited.charge()
    hold = await limited.enter()
    hold.forwarding()
    apply, late = limited.gateway.admission.apply, list[Any]()

    async def wait(*arguments: Any, **options: Any) -> None:
        late.append((arguments, options))

    monkeypatch.setattr(limited.gateway.admission, "apply", wait)
    hold.record(used(100))
    await limited.gateway.meter.drain(5)
    monkeypatch.undo()
    await limited.gateway.settler.push(await limited.book.state(limited.account_id))
    assert (await limited.refused(limit=700)).wall.used == 600  # booked and still held: never too little
    for arguments, options in late:
        await apply(*arguments, **options)
    assert (await limited.refused(limit=701)).wall.used == 400
    await limited.at_rest()


async def test_without_postgres_known_spend_goes_on_and_unknown_spend_is_refused(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limited.limit("account", spend_per_day=1000)
    await limited.charge()
    terms = await limited.terms()
    assert terms
    assert terms.windows

    def gone(_: Ledger) -> Any:
        raise LedgerDownError("it is away")

    def order() -> Order:
        return order_of(limited.account_id, key_id=limited.key_id, limits=terms)

    monkeypatch.setattr(Ledger, "connection", gone)
    known = await limited.gateway.meter.enter(order())
    await limited.now(terms.windows.day_end)
    with pytest.raises(MeterUnavailableError):
        await limited.gateway.meter.enter(order())
    monkeypatch.undo()
    await limited.release(known)
