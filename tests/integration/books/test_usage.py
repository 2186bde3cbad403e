"""Series and sums of usage: exact at any moment, whatever of the ledger is in the roll-ups."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.books import Books
from metering.books.filters import Filters, Scope
from metering.books.records import Event
from metering.books.series import GROUPS, Question
from metering.books.usage import Point
from metering.ids import new_id
from metering.ledger import Ledger
from metering.roller import Roller
from tests.integration.booking import Booking

KEY = new_id()
NOW = datetime.now(UTC)
WIDE: dict[str, Any] = {"since": NOW - timedelta(days=400), "until": NOW + timedelta(days=400)}
NEAR: dict[str, Any] = {"since": NOW - timedelta(days=15), "until": NOW + timedelta(days=15)}
ROLLED = "rolled whole, half, whole but without days, or not at all"


async def points(booking: Booking, *groups: str, scope: Scope | None = None, **asked: Any) -> list[Point]:
    interval = asked.pop("interval", "all")
    filters = Filters(account_id=booking.account_id, **{**(NEAR if "session_id" in groups else WIDE), **asked})
    question = Question(filters=filters, interval=interval, groups=groups, sort="at")
    found = await booking.books.usage.series(question, limit=1000, scope=scope)
    assert found
    return found.points


async def spend(booking: Booking) -> None:
    """Requests that differ in all that a series may be grouped by; a correction and a refund among them."""
    await booking.grant(100, user_id="u1")
    await booking.grant(1000)
    await booking.charge(40, key_id=KEY, session_id="s1", model="n")
    await booking.charge(70, feature="summary")
    await booking.charge(20, user_id="u2", session_id="s1", endpoint="embeddings", completion_tokens=0)
    await booking.recover(50, 30, user_id="u2", model="n")
    refunded = await booking.charge(25, user_id=None)
    await booking.books.pages.refund(refunded, 10, "sorry")
    await booking.charge(3, resource="images", user_id="u2")


@pytest.fixture(params=ROLLED.split(", "))
async def spent(request: pytest.FixtureRequest, booking: Booking, ledger: Ledger) -> Booking:
    """An account that has spent, in each state that its roll-ups may be in."""
    await spend(booking)
    if "half" in request.param:
        await ledger.rows("roll_next", booking.account_id, 2)
    elif "whole" in request.param:
        await Roller(ledger).roll_due()
    if "without days" in request.param:  # as migration 12 leaves it
        await booking.execute("DELETE FROM rollups WHERE dims >= 10")
        await booking.execute("UPDATE rollup_marks SET days_zone = NULL")
    return booking


async def test_a_series_adds_up_to_the_events(spent: Booking) -> None:
    (point,) = await points(spent)
    events = await spent.events(resource="tokens")
    assert (point.requests, point.charge, point.refunded) == (5, 185, 10)
    assert point.charge == sum(event.charge for event in events)
    assert point.allocated_amount == sum(event.allocated_amount for event in events)
    assert point.surplus_amount == sum(event.surplus_amount for event in events)
    assert point.prompt_tokens == sum(event.prompt_tokens for event in events)
    assert point.completion_tokens == sum(event.completion_tokens for event in events)
    assert point.input_amount + point.output_amount == point.charge
    (images,) = await points(spent, resource="images")
    assert (images.requests, images.charge) == (1, 3)


@pytest.mark.parametrize("group", GROUPS)
async def test_a_series_is_grouped(spent: Booking, group: str) -> None:
    expected: Counter[str | None] = Counter()
    for event in await spent.events(resource="tokens"):
        expected[getattr(event, group)] += event.charge
    found = {getattr(point, group): point.charge for point in await points(spent, group)}
    assert found == dict(expected)


async def test_a_series_is_grouped_by_several_at_once(spent: Booking) -> None:
    found = await points(spent, "user_id", "model", "feature", "endpoint", "key_id", "session_id")
    assert sorted((p.user_id or "", p.model, p.charge, p.refunded) for p in found) == [
        ("", "m", 25, 10), ("u1", "m", 70, 0), ("u1", "n", 40, 0), ("u2", "m", 20, 0), ("u2", "n", 30, 0),
    ]  # fmt: skip
    rolled = await points(spent, "user_id", "model")
    assert sum(point.charge for point in rolled) == 185


@pytest.mark.parametrize(
    ("asked", "charge"),
    [
        ({"user_ids": ("u1", "u2")}, 160),
        ({"model": "n"}, 70),
        ({"key_id": KEY}, 40),
        ({"feature": "summary"}, 70),
        ({"endpoint": "embeddings"}, 20),
        ({"user_ids": ("u2",), "model": "n"}, 30),
        ({"session_id": "s1", **NEAR}, 60),
        ({"pool": "hybrid", **NEAR}, 70),
        ({"min_amount": 40, **NEAR}, 110),
        ({"since": NOW - timedelta(days=9), "until": NOW - timedelta(days=8)}, None),
    ],
)
async def test_a_series_is_narrowed_down(spent: Booking, asked: dict[str, Any], charge: int | None) -> None:
    assert [point.charge for point in await points(spent, **asked)] == ([] if charge is None else [charge])


async def test_a_member_sees_their_own_usage_only(spent: Booking) -> None:
    own = Scope(spent.account_id, True, "u2")
    assert [(p.user_id, p.charge) for p in await points(spent, "user_id", scope=own)] == [("u2", 50)]
    assert [p.charge for p in await points(spent, "session_id", scope=own)] == [30, 20]
    assert [p.charge for p in await points(spent, scope=Scope(spent.account_id, True, None))] == [25]
    sums = {one.resource: (one.requests, one.charge) for one in await spent.books.usage.sums(spent.account_id, own)}
    assert sums == {"images": (1, 3), "tokens": (2, 50)}


async def test_sums_are_of_all_resources(spent: Booking) -> None:
    sums = {
        one.resource: (one.requests, one.charge, one.refunded) for one in await spent.books.usage.sums(spent.account_id)
    }
    assert sums == {"images": (1, 3, 0), "tokens": (5, 185, 10)}


async def test_what_is_rolled_twice_counts_once(booking: Booking, ledger: Ledger) -> None:
    await spend(booking)
    for _ in range(2):
        await Roller(ledger).roll_due()
    await booking.charge(15)
    await Roller(ledger).roll_due()
    assert [point.charge for point in await points(booking)] == [200]
    assert await booking.value("SELECT version FROM rollup_marks") == await booking.version()
    assert await Roller(ledger).roll_due() == 0


async def at(booking: Booking, moment: str, charge: int) -> None:
    """Book a request as if it had been booked at another time."""
    await booking.charge(charge)
    await booking.execute("ALTER TABLE events DISABLE TRIGGER events_append_only")
    await booking.execute("UPDATE events SET at = $1 WHERE charge = $2", datetime.fromisoformat(moment), charge)
    await booking.execute("ALTER TABLE events ENABLE TRIGGER events_append_only")


@pytest.mark.parametrize("rolled", [True, False])
async def test_periods_turn_with_the_accounts_clock(books: Books, ledger: Ledger, *, rolled: bool) -> None:
    """Kolkata is five and a half hours ahead: its days begin at 18:30 UTC."""
    account = await books.accounts.create(name="acme", time_zone="Asia/Kolkata")
    booking = Booking(ledger, books, account.id)
    await booking.grant(1000)
    for moment, charge in (
        ("2026-10-31T18:29:59.999999+00:00", 1),
        ("2026-10-31T18:30:00+00:00", 2),
        ("2026-10-31T19:29:59+00:00", 4),
        ("2026-11-01T18:30:00+00:00", 8),
    ):
        await at(booking, moment, charge)
    if rolled:
        await Roller(ledger).roll_due()
    shown = {}
    for interval in ("hour", "day", "month"):
        found = await points(booking, interval=interval)
        shown[interval] = [(point.period, point.at[:16], point.charge) for point in found]
    assert shown["day"] == [
        ("2026-10-31", "2026-10-30T18:30", 1),
        ("2026-11-01", "2026-10-31T18:30", 6),
        ("2026-11-02", "2026-11-01T18:30", 8),
    ]
    assert shown["month"] == [("2026-10", "2026-09-30T18:30", 1), ("2026-11", "2026-10-31T18:30", 14)]
    assert [point[0] for point in shown["hour"]] == ["2026-10-31T23:00", "2026-11-01T00:00", "2026-11-02T00:00"]


async def test_another_time_zone_makes_the_roll_ups_again(booking: Booking, ledger: Ledger) -> None:
    await booking.grant(1000)
    await at(booking, "2026-10-31T18:15:00+00:00", 1)
    await at(booking, "2026-10-31T18:45:00+00:00", 2)
    await Roller(ledger).roll_due()
    await booking.execute("UPDATE accounts SET time_zone = 'Asia/Kolkata' WHERE account_id = $1", booking.account_id)
    await Roller(ledger).roll_due()
    assert [point.charge for point in await points(booking, interval="day")] == [1, 2]


async def test_a_series_goes_on_behind_a_place(spent: Booking) -> None:
    filters = Filters(account_id=spent.account_id, **WIDE)
    question = Question(filters=filters, interval="day", groups=("user_id",), sort="-charge")
    seen: list[Point] = []
    after: tuple[Any, ...] | None = None
    while after is not None or not seen:
        found = await spent.books.usage.series(question, limit=1, after=after)
        assert found
        seen, after = [*seen, *found.points], found.after
    assert [(point.user_id, point.charge) for point in seen] == [("u1", 110), ("u2", 50), (None, 25)]


async def test_an_unknown_account_has_no_series(booking: Booking) -> None:
    question = Question(filters=Filters(account_id=new_id(), **WIDE), interval="day", groups=(), sort="at")
    assert await booking.books.usage.series(question, limit=1) is None


@pytest.mark.parametrize(
    ("rates", "details", "expected"),
    [
        ([1_000_000, 500_000, 2_000_000], None, 60 + 20),
        ([0, 0, 3_000_000], {"base": "word", "units": 9}, 0),
        # prompt, cached, completion, cache write, reasoning, image, audio, image and audio of the completion
        ([2_000_000, 500_000, 9, 3_000_000, 9, 4_000_000, 5_000_000, 9, 9], None, 120 + 20),
        (
            [2_000_000, 500_000, 9, 3_000_000, 9, 4_000_000, 5_000_000, 9, 9],
            {"base": "token", "units": None, "cache_write_tokens": 10, "image_tokens": 20, "audio_tokens": 5},
            5 * 5 + 20 * 4 + 20 + 10 * 3 + (100 - 5 - 20 - 40 - 10) * 2,
        ),
        ([2_000_000, 0, 9, 9, 9, 9, 5_000_000, 9, 9], {"audio_tokens": 1000}, 100 * 5),
    ],
)
async def test_the_input_of_a_request_is_priced_by_kind(
    booking: Booking, rates: list[int], details: dict[str, Any] | None, expected: int
) -> None:
    """What is image or audio counts as that first, then what was cached; never more than the whole prompt."""
    tokens = {"prompt_tokens": 100, "cached_tokens": 40, "completion_tokens": 7}
    await booking.charge(700, rates=rates, details=details, **tokens)
    page = await booking.books.pages.events(
        Filters(account_id=booking.account_id), limit=2, sort="io_type", io_rows=True
    )
    assert [(row.io_type, row.amount) for row in page.rows if isinstance(row, Event)] == [
        ("input", expected), ("output", 700 - expected),
    ]  # fmt: skip
    (point,) = await points(booking)
    assert (point.input_amount, point.output_amount) == (expected, 700 - expected)
