"""A hold that is stated again just as it ends: nothing of it may be left in Redis."""

import asyncio
from collections.abc import Sequence

import pytest

from metering.keys import bucket_of
from metering.ledger import AccountState
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, order_of, until, used


async def test_hold_that_is_booked_while_it_is_announced_is_not_held_for_ever(
    gateway: Gateway, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1000)
    hold = await gateway.meter.enter(order_of(account_id))
    apply = gateway.admission.apply
    announcing: list[asyncio.Task[None]] = []

    async def overtaking(state: AccountState, request_ids: Sequence[str], *, sure: bool = False) -> None:
        if not announcing:  # it begins when apply is on its way
            announcing.append(asyncio.create_task(gateway.meter.announce(frozenset({bucket_of(account_id)}))))
        await apply(state, request_ids, sure=sure)

    monkeypatch.setattr(gateway.admission, "apply", overtaking)
    hold.forwarding()
    hold.record(used(50))
    await until(lambda: announcing and announcing[0].done())
    await gateway.meter.drain(5)
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds, view.unsettled) == (850, 0, 0, 0)
    await assert_conserved(book)


async def test_hold_that_is_released_while_others_are_announced_is_not_held_for_ever(
    gateway: Gateway, book: Book
) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1000)
    first = await gateway.meter.enter(order_of(account_id))
    second = await gateway.meter.enter(order_of(account_id))
    announcing = asyncio.create_task(gateway.meter.announce(frozenset({bucket_of(account_id)})))
    await asyncio.sleep(0)  # the first one is on its way
    gateway.meter.leave(second)
    await announcing
    await gateway.meter.drain(5)
    assert set(gateway.meter.holds) == {first.request_id}
    assert (await gateway.view(account_id)).holds == 1
