"""An open hold grows while its stream runs, and lives as long as its owner says so."""

from typing import Any

import pytest

from metering.core.settlement import Reservation
from metering.ids import new_id
from metering.keys import bucket_of, keys_of
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, ask_of

PROGRESS = 9


async def extended(
    gateway: Gateway, account_id: str, request_id: str, want: int, least: int | None = None
) -> Reservation | None:
    grown = await gateway.admission.extend(account_id, request_id, want=want, least=want if least is None else least)
    await gateway.view(account_id)
    return grown


async def held(gateway: Gateway, account_id: str, want: int, **changes: Any) -> str:
    ask = ask_of(account_id, want, **changes)
    await gateway.admission.reserve(ask)
    return ask.request_id


@pytest.mark.parametrize(
    ("account", "others", "want", "least", "total"),
    [
        ({}, 0, 100, 100, 100),
        ({}, 0, 20, 20, 20),  # no more than is held: nothing to do
        ({}, 0, 10, 10, 20),  # less than is held: it never shrinks
        ({}, 0, 101, 101, None),
        ({}, 0, 101, 21, 100),
        ({}, 50, 50, 50, 50),
        ({}, 50, 51, 51, None),
        ({}, 50, 60, 21, 50),
        ({}, 80, 21, 21, None),
        # crossing the minimum reserve is what it is for; keeping it is not
        ({"min_reserve": 60}, 0, 100, 100, 100),
        ({"min_reserve": 60, "floor": "keep"}, 0, 100, 21, 40),
        ({"min_reserve": 60, "floor": "keep"}, 0, 41, 41, None),
        ({"min_reserve": 80, "floor": "keep"}, 0, 21, 21, None),
    ],
)
async def test_hold_of_twenty_grows_as_far_as_is_available(
    gateway: Gateway,
    book: Book,
    account: dict[str, Any],
    others: int,
    want: int,
    least: int,
    total: int | None,
) -> None:
    account_id = await book.account(**account)
    pack_id = await book.grant(account_id, 100)
    request_id = await held(gateway, account_id, 20)
    if others:
        await held(gateway, account_id, others)
    before = await gateway.view(account_id)
    grown = await extended(gateway, account_id, request_id, want, least)
    after = await gateway.view(account_id)
    if total is None:
        assert grown is None
        assert after == before
    else:
        assert grown is not None
        assert (grown.amount, grown.split) == (total, [pack_id, total])
        assert after.reserved == total + others <= after.balance


async def test_total_is_absolute_so_a_repeat_changes_nothing(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    request_id = await held(gateway, account_id, 20)
    answers = [await extended(gateway, account_id, request_id, 60) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert (await gateway.view(account_id)).reserved == 60


async def test_extension_goes_on_in_burn_down_order_over_fitting_packs(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    first, second = await book.grant(account_id, 30), await book.grant(account_id, 30)
    await book.grant(account_id, 1000, models=["other"])
    request_id = await held(gateway, account_id, 20)
    grown = await extended(gateway, account_id, request_id, 45)
    assert grown is not None
    assert grown.split == [first, 30, second, 15]
    assert await extended(gateway, account_id, request_id, 61) is None


async def test_extension_on_an_unlimited_pack_has_no_bound(gateway: Gateway, book: Book) -> None:
    account_id = await book.account(min_reserve=1000, floor="keep")
    finite = await book.grant(account_id, 30)
    await book.grant(account_id, None)
    request_id = await held(gateway, account_id, 20)
    grown = await extended(gateway, account_id, request_id, 10**6)
    assert grown is not None
    assert (grown.amount, grown.split) == (10**6, [finite, 30])
    assert (await gateway.view(account_id)).reserved == 30


@pytest.mark.parametrize("end", ["unknown", "released", "tombstone", "finished"])
async def test_only_an_open_hold_is_extended(gateway: Gateway, book: Book, end: str) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    request_id = "unknown" if end in {"unknown", "tombstone"} else await held(gateway, account_id, 20)
    if end in {"released", "tombstone"}:
        await gateway.admission.release(account_id, request_id)
    elif end == "finished":
        await gateway.admission.finish(account_id, request_id, charge=20, settlement=b"{}")
    before = await gateway.view(account_id)
    assert await extended(gateway, account_id, request_id, 50) is None
    assert await gateway.view(account_id) == before


async def deadline(gateway: Gateway, account_id: str, request_id: str) -> float:
    keys = keys_of(account_id)
    return float(await gateway.store.call(b"ZSCORE", keys.deadlines, f"{account_id}:{request_id}"))


async def test_renewal_prolongs_the_lease_and_notes_progress_that_never_goes_back(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    request_id = await held(gateway, account_id, 20)
    for progress, noted in ((7, 7), (3, 7), (9, 9)):
        await gateway.due(account_id, request_id)
        reply = await gateway.admission.renew(bucket_of(account_id), [(account_id, request_id, progress)])
        assert reply == [1]
        hold = await gateway.hold_of(account_id, request_id)
        assert hold is not None
        assert hold[PROGRESS] == noted
        assert await deadline(gateway, account_id, request_id) > 1_000_000
    await gateway.view(account_id)


async def test_renewal_answers_which_holds_are_gone(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    ids = [await held(gateway, account_id, 10) for _ in range(4)]
    await gateway.admission.release(account_id, ids[1])
    await gateway.admission.release(account_id, "tombstone")
    await gateway.admission.finish(account_id, ids[3], charge=5, settlement=b"{}")
    asked = [(account_id, request_id, 1) for request_id in [*ids, "tombstone", "unknown"]]
    reply = await gateway.admission.renew(bucket_of(account_id), asked)
    assert reply == [1, 2, 5, 6]
    hold = await gateway.hold_of(account_id, ids[3])
    assert hold is not None
    assert hold[PROGRESS] == 0  # its charge is exact: there is no progress any more
    await gateway.view(account_id)


async def test_accounts_of_one_bucket_are_renewed_by_one_call(gateway: Gateway, book: Book) -> None:
    first = await book.account()
    second = next(name for name in iter(new_id, "") if bucket_of(name) == bucket_of(first))
    await book.connection.execute("INSERT INTO accounts (account_id, name) VALUES ($1, 'second')", second)
    asked = []
    for account_id in (first, second):
        await book.grant(account_id, 100)
        request_id = await held(gateway, account_id, 10)
        await gateway.due(account_id, request_id)
        asked.append((account_id, request_id, 4))
    assert await gateway.admission.renew(bucket_of(first), asked) == [1]
    for account_id, request_id, _ in asked:
        assert await deadline(gateway, account_id, request_id) > 1_000_000
