"""Admission: who may hold how much, of which packs, and why not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.ask import Granted
from metering.errors import BacklogError, MeterUnavailableError, Refusal, RefusedError
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, Launch, ask_of

NOW = datetime.now(UTC)
PAST, SOON, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1), NOW + timedelta(hours=2)

NO_PACK, LOW, SHORT, HELD = (
    Refusal.NO_ACTIVE_PACK,
    Refusal.MIN_RESERVE_REACHED,
    Refusal.INSUFFICIENT_BALANCE,
    Refusal.BALANCE_HELD,
)
Pack = tuple[int | None, dict[str, Any]]
KEEP_50 = {"floor": "keep", "min_reserve": 50}


def pack(size: int | None, **scope: Any) -> Pack:
    return size, scope


@pytest.mark.parametrize(
    ("account", "packs", "held", "want", "least", "answer"),
    [
        ({"status": "suspended"}, [], 0, 1, 1, Refusal.SUSPENDED),
        ({"status": "suspended"}, [pack(10)], 0, 1, 1, Refusal.SUSPENDED),
        # no pack that fits
        ({}, [], 0, 1, 1, NO_PACK),
        ({}, [pack(10, models=["other"])], 0, 1, 1, NO_PACK),
        ({}, [pack(10, user_id="u2")], 0, 1, 1, NO_PACK),
        ({}, [pack(10, resource="images")], 0, 1, 1, NO_PACK),
        ({}, [pack(10, expires_at=PAST)], 0, 1, 1, NO_PACK),
        # the minimum reserve: crossed by use, and then everything stops
        ({"min_reserve": 100}, [pack(99)], 0, 1, 1, LOW),
        ({"min_reserve": 100}, [pack(99)], 0, 1000, 1000, LOW),
        ({"min_reserve": 100}, [pack(100)], 0, 1, 1, 1),
        ({"min_reserve": 100}, [pack(100)], 0, 100, 100, 100),
        ({"min_reserve": 100}, [pack(99, user_id="u1"), pack(1, user_id="u2")], 0, 99, 99, 99),
        ({"min_reserve": 50}, [pack(100)], 50, 50, 50, 50),
        ({"min_reserve": 50}, [pack(100)], 51, 1, 1, HELD),
        # more than there is at all, or more than fits
        ({}, [pack(100)], 0, 100, 100, 100),
        ({}, [pack(100)], 0, 101, 101, SHORT),
        ({}, [pack(100)], 60, 101, 101, SHORT),
        ({}, [pack(10), pack(1000, user_id="u2")], 0, 11, 11, SHORT),
        ({}, [pack(10), pack(10, models=["m"]), pack(10, user_id="u1")], 0, 30, 30, 30),
        # there, but held by others
        ({}, [pack(100)], 60, 40, 40, 40),
        ({}, [pack(100)], 60, 41, 41, HELD),
        ({}, [pack(100)], 100, 1, 1, HELD),
        # less will do
        ({}, [pack(100)], 60, 80, 40, 40),
        ({}, [pack(100)], 60, 80, 39, 40),
        ({}, [pack(100)], 60, 80, 41, HELD),
        ({}, [pack(100)], 0, 500, 101, SHORT),
        ({}, [pack(100)], 0, 500, 16, 100),
        # the floor is kept
        (KEEP_50, [pack(100)], 0, 50, 50, 50),
        (KEEP_50, [pack(100)], 0, 51, 51, LOW),
        (KEEP_50, [pack(100)], 0, 51, 10, 50),
        (KEEP_50, [pack(100)], 30, 50, 50, HELD),
        (KEEP_50, [pack(100)], 30, 50, 10, 20),
        (KEEP_50, [pack(100)], 30, 50, 51, LOW),
        (KEEP_50, [pack(10), pack(200, user_id="u2")], 0, 20, 20, SHORT),
        (KEEP_50, [pack(49)], 0, 1, 1, LOW),
        # unlimited: no floor, no bound
        ({"min_reserve": 100}, [pack(None)], 0, 10**6, 10**6, 10**6),
        ({"min_reserve": 100}, [pack(10), pack(None)], 10, 10**6, 10**6, 10**6),
        ({"min_reserve": 100}, [pack(10), pack(None, user_id="u2")], 0, 1, 1, LOW),
        ({"min_reserve": 100}, [pack(10), pack(None, expires_at=PAST)], 0, 1, 1, LOW),
        # the ends of the range
        ({}, [pack(1)], 0, 0, 0, 0),
        ({}, [pack(2**52)], 0, 2**52, 2**52, 2**52),
        ({}, [pack(10**15)], 10**9, 10**15, 1, 10**15 - 10**9),
    ],
)
async def test_first_matching_reason_refuses_else_the_amount_is_held(
    gateway: Gateway,
    book: Book,
    account: dict[str, Any],
    packs: list[Pack],
    held: int,
    want: int,
    least: int,
    answer: Refusal | int,
) -> None:
    account_id = await book.account(**account)
    for size, scope in packs:
        await book.grant(account_id, size, **scope)
    if held:
        await gateway.admission.reserve(ask_of(account_id, held))
    before = await gateway.view(account_id)
    ask = ask_of(account_id, want, least)
    if isinstance(answer, Refusal):
        with pytest.raises(RefusedError) as refused:
            await gateway.admission.reserve(ask)
        assert refused.value.refusal is answer
        # A refusal writes nothing.
        assert await gateway.view(account_id) == before
        assert await gateway.hold_of(account_id, ask.request_id) is None
    else:
        granted = await gateway.admission.reserve(ask)
        assert granted.reservation.amount == answer
        after = await gateway.view(account_id)
        assert (after.holds, after.balance) == (before.holds + 1, before.balance)
        assert granted.available == after.balance - after.reserved >= 0


async def test_refusal_says_the_numbers_behind_it(gateway: Gateway, book: Book) -> None:
    account_id = await book.account(min_reserve=5)
    await book.grant(account_id, 100, expires_at=LATER)
    await book.grant(account_id, 20, expires_at=SOON)
    await book.grant(account_id, 7, resource="images", expires_at=NOW + timedelta(seconds=60))
    await gateway.admission.reserve(ask_of(account_id, 90))
    with pytest.raises(RefusedError) as refused:
        await gateway.admission.reserve(ask_of(account_id, 60, 50))
    details = refused.value.details
    assert (details.required, details.balance, details.reserved, details.available) == (50, 120, 90, 30)
    assert (details.min_reserve, details.unit) == (5, "tokens")
    assert details.next_expiry_ms == round(SOON.timestamp() * 1000)


async def test_configured_floor_and_reserve_hold_where_the_account_has_none(launch: Launch, book: Book) -> None:
    gateway = await launch(min_reserve=30, floor="keep")
    account_id, own = await book.account(), await book.account(min_reserve=0, floor="cross")
    for owner in (account_id, own):
        await book.grant(owner, 100)
    with pytest.raises(RefusedError, match="min_reserve_reached"):
        await gateway.admission.reserve(ask_of(account_id, 71))
    assert (await gateway.admission.reserve(ask_of(account_id, 70))).reservation.amount == 70
    assert (await gateway.admission.reserve(ask_of(own, 100))).reservation.amount == 100


async def granted_split(gateway: Gateway, account_id: str, want: int, **changes: Any) -> list[str | int]:
    granted: Granted = await gateway.admission.reserve(ask_of(account_id, want, **changes))
    await gateway.view(account_id)
    return granted.reservation.split


ORDERS = {
    "priority": [pack(10, priority=1), pack(10, priority=2, user_id="u1"), pack(10, priority=3)],
    "member before shared": [pack(10, user_id="u1", expires_at=LATER), pack(10, models=["m"], expires_at=SOON)],
    "model before general": [pack(10, models=["x", "m"], expires_at=LATER), pack(10, expires_at=SOON)],
    "member and model before member": [pack(10, user_id="u1", models=["m"]), pack(10, user_id="u1")],
    "earliest expiry, none last": [pack(10, expires_at=SOON), pack(10, expires_at=LATER), pack(10)],
    "earliest grant": [pack(10), pack(10), pack(10)],
}


@pytest.mark.parametrize("packs", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("backwards", [False, True], ids=["granted in order", "granted backwards"])
async def test_packs_burn_down_in_order(gateway: Gateway, book: Book, packs: list[Pack], *, backwards: bool) -> None:
    account_id = await book.account()
    places = list(range(len(packs)))
    ids = {}
    for place in reversed(places) if backwards else places:
        size, scope = packs[place]
        ids[place] = await book.grant(account_id, size, **scope)
    if packs is ORDERS["earliest grant"] and backwards:
        ids = dict(zip(places, reversed([ids[place] for place in places]), strict=True))
    await book.grant(account_id, 10, user_id="u2", priority=0)
    want = 10 * len(packs) - 5
    expected: list[str | int] = [part for place in places for part in (ids[place], 10)]
    expected[-1] = 5
    assert await granted_split(gateway, account_id, want) == expected


async def test_lowest_id_decides_between_packs_of_one_moment(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    low, high = "01890000-0000-7000-8000-00000000000a", "01890000-0000-7000-8000-00000000000b"
    for pack_id in (high, low):
        await book.grant(account_id, 10, pack_id=pack_id)
    await book.connection.execute("UPDATE packs SET granted_at = $1", NOW)
    assert await granted_split(gateway, account_id, 15) == [low, 10, high, 5]


async def test_next_request_goes_on_where_the_last_one_stopped(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    first, second = await book.grant(account_id, 10), await book.grant(account_id, 10)
    assert await granted_split(gateway, account_id, 4) == [first, 4]
    assert await granted_split(gateway, account_id, 9) == [first, 6, second, 3]
    assert await granted_split(gateway, account_id, 7) == [second, 7]


async def test_unlimited_pack_stands_after_the_finite_ones_and_needs_no_hold(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, None)
    finite = await book.grant(account_id, 10)
    assert await granted_split(gateway, account_id, 500) == [finite, 10]
    assert await granted_split(gateway, account_id, 500) == []
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds) == (10, 10, 2)


async def test_what_is_held_on_an_expired_pack_is_no_longer_reserved(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    expiring = await book.grant(account_id, 30, expires_at=datetime.now(UTC) + timedelta(hours=1))
    await book.grant(account_id, 100)
    assert await granted_split(gateway, account_id, 50) == [expiring, 30, (await others(book, expiring))[0], 20]
    assert (await gateway.view(account_id)).reserved == 50
    await book.connection.fetch("SELECT * FROM change_pack($1, '{expires_at}', NULL, NULL, $2)", expiring, PAST)
    await gateway.admission.apply(await book.state(account_id), [])
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved) == (100, 20)
    assert (await gateway.admission.reserve(ask_of(account_id, 80))).available == 0


async def others(book: Book, pack_id: str) -> list[str]:
    found = await book.connection.fetch("SELECT pack_id::text FROM packs WHERE pack_id <> $1", pack_id)
    return [row["pack_id"] for row in found]


@pytest.mark.parametrize("end", ["revoked", "depleted"])
async def test_what_is_held_on_a_pack_that_is_revoked_or_depleted_stays_reserved(
    gateway: Gateway, book: Book, end: str
) -> None:
    account_id = await book.account()
    gone = await book.grant(account_id, 30)
    await book.grant(account_id, 100)
    await gateway.admission.reserve(ask_of(account_id, 30))
    if end == "revoked":
        await book.revoke(gone)
    else:
        await book.connection.execute("UPDATE packs SET remaining = 0 WHERE pack_id = $1", gone)
        await book.connection.execute("UPDATE accounts SET version = version + 1 WHERE account_id = $1", account_id)
    await gateway.admission.apply(await book.state(account_id), [])
    view = await gateway.view(account_id)
    # The running request will be settled on the next pack: what it may use is not for others.
    assert (view.balance, view.reserved) == (100, 30)
    with pytest.raises(RefusedError, match="balance_held"):
        await gateway.admission.reserve(ask_of(account_id, 71))
    assert (await gateway.admission.reserve(ask_of(account_id, 70))).available == 0


async def test_debt_counts_against_the_balance_of_its_own_resource(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 50, user_id="u2")
    await book.grant(account_id, 20, resource="images")
    await book.connection.execute(
        "INSERT INTO account_resources (account_id, resource, debt) VALUES ($1, 'tokens', 30)", account_id
    )
    assert (await gateway.view(account_id)).balance == 20
    assert (await gateway.view(account_id, "images")).balance == 20
    with pytest.raises(RefusedError, match="insufficient_balance"):
        await gateway.admission.reserve(ask_of(account_id, 21, user_id="u2"))
    await gateway.admission.reserve(ask_of(account_id, 20, user_id="u2"))
    await gateway.admission.reserve(ask_of(account_id, 20, resource="images"))


async def test_account_that_owes_all_it_has_is_stopped(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 30, user_id="u1")
    await book.connection.execute(
        "INSERT INTO account_resources (account_id, resource, debt) VALUES ($1, 'tokens', 30)", account_id
    )
    with pytest.raises(RefusedError, match="min_reserve_reached"):
        await gateway.admission.reserve(ask_of(account_id, 1))


async def test_too_many_holds_or_too_much_that_is_not_booked_is_a_backlog(launch: Launch, book: Book) -> None:
    gateway = await launch(holds_per_account_max=2, unsettled_account_max=5)
    account_id = await book.account()
    await book.grant(account_id, 100)
    asks = [ask_of(account_id, 6) for _ in range(3)]
    for ask in asks[:2]:
        await gateway.admission.reserve(ask)
    with pytest.raises(BacklogError, match="too many"):
        await gateway.admission.reserve(asks[2])
    await gateway.admission.release(account_id, asks[0].request_id)
    await gateway.admission.finish(account_id, asks[1].request_id, charge=6, settlement=b"{}")
    with pytest.raises(BacklogError, match="waiting to be booked"):
        await gateway.admission.reserve(asks[2])
    await gateway.view(account_id)


async def test_account_that_nobody_knows_is_no_refusal(gateway: Gateway) -> None:
    with pytest.raises(MeterUnavailableError, match="no account"):
        await gateway.admission.reserve(ask_of("01890000-0000-7000-8000-00000000000a", 1))


async def test_id_that_is_held_already_is_not_held_twice(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    ask = ask_of(account_id, 10)
    await gateway.admission.reserve(ask)
    with pytest.raises(MeterUnavailableError):
        await gateway.admission.reserve(ask)
    view = await gateway.view(account_id)
    assert (view.holds, view.reserved) == (1, 10)
