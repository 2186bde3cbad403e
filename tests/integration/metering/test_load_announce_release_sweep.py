"""What Redis can be told again: accounts from Postgres, holds from their owners; and what is left over."""

import asyncio
from typing import Any

import pytest

from metering.ask import Ask
from metering.core.settlement import Reservation
from metering.errors import MeterUnavailableError
from metering.keys import bucket_of, deadlines_key, epoch_key, keys_of
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, ask_of, order_of, reservation, used


async def load_code(gateway: Gateway, account_id: str, version: int, snapshot: str) -> int:
    keys = keys_of(account_id)
    token = gateway.epochs.token(keys.bucket)
    return int((await gateway.store.script("load", keys[1:], token, version, snapshot))[0])


async def test_load_takes_only_what_is_newer_and_never_older_than_what_was_heard_of(
    gateway: Gateway, book: Book
) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    _, version, snapshot = await book.state(account_id)
    for step, code, loaded in ((5, 1, 5), (5, 0, 5), (4, -2, 5), (6, 1, 6)):
        assert await load_code(gateway, account_id, version + step, snapshot) == code
        assert (await gateway.view(account_id)).version == version + loaded


async def test_load_counts_the_holds_that_are_there(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 30)
    await book.grant(account_id, 70)
    asks = [ask_of(account_id, want) for want in (20, 40, 10)]
    for ask in asks:
        await gateway.admission.reserve(ask)
    await gateway.admission.finish(account_id, asks[1].request_id, charge=95, settlement=b"{}")
    await gateway.admission.release(account_id, "never heard of")
    before = await gateway.view(account_id)
    await gateway.store.call(b"DEL", keys_of(account_id).account)
    assert await gateway.view(account_id) == before
    assert (before.reserved, before.holds, before.unsettled) == (20 + 95 + 10, 3, 95)


async def test_account_that_many_ask_for_at_once_is_loaded_for_all_of_them(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    granted = await asyncio.gather(*(gateway.admission.reserve(ask_of(account_id, 1)) for _ in range(100)))
    assert sorted(answer.available for answer in granted) == list(range(100))
    assert (await gateway.view(account_id)).holds == 100


async def announce(gateway: Gateway, ask: Ask, held: Reservation, **changes: Any) -> None:
    fields = {"state": "R", "amount": held.amount, "progress": 0, "facts": ask.facts} | changes
    await gateway.admission.announce(ask, held, **fields)


async def test_announced_hold_is_what_it_was_before_redis_forgot(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    ask = ask_of(account_id, 40, facts=b'{"f":1}')
    held = (await gateway.admission.reserve(ask)).reservation
    before, hold = await gateway.view(account_id), await gateway.hold_of(account_id, ask.request_id)
    keys = keys_of(account_id)
    for forgotten in ((keys.holds, keys.account, keys.deadlines), (keys.holds, keys.account)):
        await gateway.store.call(b"DEL", *forgotten)
        for _ in range(2):
            await announce(gateway, ask, held)
        assert await gateway.hold_of(account_id, ask.request_id) == hold
        assert await gateway.view(account_id) == before


@pytest.mark.parametrize(("charge", "split", "over"), [(25, 25, 0), (40, 40, 0), (55, 40, 15), (0, 0, 0)])
async def test_settling_hold_is_announced_with_what_it_was_charged(
    gateway: Gateway, book: Book, charge: int, split: int, over: int
) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    await gateway.view(account_id)
    ask = ask_of(account_id, 40)
    await announce(gateway, ask, reservation(40, pack_id, 40), state="S", amount=charge, facts=b"{}")
    view = await gateway.view(account_id)
    assert (view.reserved, view.unsettled, view.holds) == (charge, charge, 1)
    hold = await gateway.hold_of(account_id, ask.request_id)
    assert hold is not None
    assert (sum(hold[7][1::2]), hold[8]) == (split, over)
    await gateway.admission.apply(await book.state(account_id), [ask.request_id])
    view = await gateway.view(account_id)
    assert (view.reserved, view.unsettled, view.holds) == (0, 0, 0)


@pytest.mark.parametrize(
    ("state", "amount", "told", "after"),
    [("R", 60, "R", 60), ("R", 30, "R", 40), ("S", 35, "S", 35)],
    ids=["grown meanwhile", "grown here", "finished meanwhile"],
)
async def test_redis_that_came_back_with_older_data_believes_the_owner(
    gateway: Gateway, book: Book, state: str, amount: int, told: str, after: int
) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    ask = ask_of(account_id, 40)
    await gateway.admission.reserve(ask)
    held = (
        reservation(max(amount, 40), pack_id, max(amount, 40)) if state == "S" else reservation(amount, pack_id, amount)
    )
    await announce(gateway, ask, held, state=state, amount=amount)
    hold = await gateway.hold_of(account_id, ask.request_id)
    assert hold is not None
    assert hold[:2] == [told, after]
    view = await gateway.view(account_id)
    assert (view.reserved, view.holds) == (after, 1)


async def test_released_hold_is_gone_and_releasing_again_changes_nothing(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    ask = ask_of(account_id, 40)
    await gateway.admission.reserve(ask)
    for _ in range(2):
        await gateway.admission.release(account_id, ask.request_id)
        view = await gateway.view(account_id)
        assert (view.reserved, view.holds) == (0, 0)


async def test_id_that_was_released_before_its_reserve_arrived_is_refused(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    ask = ask_of(account_id, 40)
    await gateway.admission.release(account_id, ask.request_id)
    hold = await gateway.hold_of(account_id, ask.request_id)
    assert hold is not None
    assert hold[0] == "T"
    with pytest.raises(MeterUnavailableError):
        await gateway.admission.reserve(ask)
    await announce(gateway, ask, reservation(40))
    view = await gateway.view(account_id)
    assert (view.reserved, view.holds) == (0, 0)
    await gateway.admission.apply(await book.state(account_id), [ask.request_id])
    assert await gateway.hold_of(account_id, ask.request_id) is None
    await gateway.view(account_id)


async def test_settling_hold_is_never_released(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    ask = ask_of(account_id, 40)
    await gateway.admission.reserve(ask)
    await gateway.admission.finish(account_id, ask.request_id, charge=30, settlement=b"{}")
    await gateway.admission.release(account_id, ask.request_id)
    view = await gateway.view(account_id)
    assert (view.reserved, view.unsettled) == (30, 30)


async def test_sweep_claims_what_is_due_and_pushes_its_deadline_instead_of_removing_it(
    gateway: Gateway, book: Book
) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    asks = [ask_of(account_id, 10) for _ in range(4)]
    for ask in asks:
        await gateway.admission.reserve(ask)
    for ask in asks[:3]:
        await gateway.due(account_id, ask.request_id)
    bucket = bucket_of(account_id)

    async def claim(most: int, claim_ms: int = 60_000) -> set[str]:
        token = gateway.epochs.token(bucket)
        keys = (epoch_key(bucket), deadlines_key(bucket))
        code, _, *members = await gateway.store.script("sweep", keys, token, most, claim_ms)
        assert code == 1
        return {member.decode().rpartition(":")[2] for member in members}

    first = await claim(2)
    second = await claim(2)
    assert (len(first), len(second)) == (2, 1)
    assert first | second == {ask.request_id for ask in asks[:3]}
    assert await claim(10) == set()  # claimed for a minute
    assert (await gateway.view(account_id)).holds == 4  # a sweeper that dies loses its claim, nobody a hold
    await gateway.due(account_id, asks[0].request_id)
    assert await claim(10) == {asks[0].request_id}


async def test_hold_that_was_booked_while_it_was_announced_does_not_come_back(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1000)
    hold = await gateway.meter.enter(order_of(account_id))
    hold.record(used(50))
    await gateway.meter.drain(5)
    state = await book.state(account_id)

    async def apply() -> None:
        await gateway.admission.apply(state, [hold.request_id])
        gateway.meter._booked(hold.request_id)

    # Both are on their way at once: the hold is dropped, then stated again, then known to be booked.
    gateway.meter.holds[hold.request_id] = hold
    await asyncio.gather(apply(), gateway.meter.announce(frozenset({bucket_of(account_id)})))
    await gateway.meter.drain(5)
    view = await gateway.view(account_id)
    assert (view.balance, view.holds, view.unsettled) == (850, 0, 0)


async def test_hold_that_was_released_while_others_were_announced_does_not_come_back(
    gateway: Gateway, book: Book
) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1000)
    first, second = [await gateway.meter.enter(order_of(account_id)) for _ in range(2)]
    announcing = asyncio.create_task(gateway.meter.announce(frozenset({bucket_of(account_id)})))
    await asyncio.sleep(0)  # the first is on its way
    gateway.meter.leave(second)
    await announcing
    await gateway.meter.drain(5)
    assert [await gateway.hold_of(account_id, one.request_id) is None for one in (first, second)] == [False, True]
