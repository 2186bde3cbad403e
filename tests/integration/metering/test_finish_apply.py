"""The end of a hold in Redis: finish makes it the outbox, apply drops it and takes the snapshot."""

import pytest

from metering.ask import Granted
from metering.errors import MeterUnavailableError
from metering.keys import keys_of
from metering.ledger import AccountState
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, ask_of, row_of

AMOUNT, SPLIT, OVER, FACTS = 1, 7, 8, 10


async def finish(gateway: Gateway, account_id: str, request_id: str, charge: int, settlement: bytes = b"{}") -> int:
    reply = await gateway.admission.finish(account_id, request_id, charge=charge, settlement=settlement)
    await gateway.view(account_id)
    return int(reply[0])


async def held(gateway: Gateway, account_id: str, want: int, **changes: str) -> tuple[str, Granted]:
    ask = ask_of(account_id, want, **changes)
    return ask.request_id, await gateway.admission.reserve(ask)


@pytest.mark.parametrize(
    ("charge", "kept", "over"),
    [
        (0, [], 0),
        (1, [("a", 1)], 0),
        (30, [("a", 30)], 0),
        (40, [("a", 30), ("b", 10)], 0),
        (60, [("a", 30), ("b", 30)], 0),
        # above the hold: what the fitting packs still have, in order, and the rest on the account
        (70, [("a", 30), ("b", 40)], 0),
        (75, [("a", 30), ("b", 40), ("c", 5)], 0),
        (80, [("a", 30), ("b", 40), ("c", 10)], 0),
        (81, [("a", 30), ("b", 40), ("c", 10)], 1),
        (1000, [("a", 30), ("b", 40), ("c", 10)], 920),
    ],
)
async def test_finish_frees_the_split_from_its_tail_and_lays_the_excess_on_fitting_packs(
    gateway: Gateway, book: Book, charge: int, kept: list[tuple[str, int]], over: int
) -> None:
    account_id = await book.account()
    ids = {name: await book.grant(account_id, size) for name, size in {"a": 30, "b": 40, "c": 10}.items()}
    await book.grant(account_id, 500, user_id="u2")
    request_id, granted = await held(gateway, account_id, 60)
    assert granted.reservation.split == [ids["a"], 30, ids["b"], 30]
    assert await finish(gateway, account_id, request_id, charge) == 1
    hold = await gateway.hold_of(account_id, request_id)
    assert hold is not None
    assert hold[:2] == ["S", charge]
    assert list(hold[SPLIT]) == [part for name, amount in kept for part in (ids[name], amount)]
    assert hold[OVER] == over
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds, view.unsettled) == (580, charge, 1, charge)


async def test_excess_does_not_take_what_others_hold(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    request_id, _ = await held(gateway, account_id, 30)
    await held(gateway, account_id, 60)
    await finish(gateway, account_id, request_id, 50)
    hold = await gateway.hold_of(account_id, request_id)
    assert hold is not None
    assert (hold[SPLIT], hold[OVER]) == ([pack_id, 40], 10)


async def test_use_beyond_the_finite_packs_of_an_unlimited_one_is_not_held(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    finite = await book.grant(account_id, 10)
    await book.grant(account_id, None)
    request_id, _ = await held(gateway, account_id, 100)
    await finish(gateway, account_id, request_id, 500)
    hold = await gateway.hold_of(account_id, request_id)
    assert hold is not None
    assert (hold[SPLIT], hold[OVER]) == ([finite, 10], 0)
    assert (await gateway.view(account_id)).reserved == 10


async def test_finish_twice_changes_nothing_and_never_another_charge(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    request_id, _ = await held(gateway, account_id, 60)
    assert await finish(gateway, account_id, request_id, 40, b"first") == 1
    before = await gateway.view(account_id)
    assert await finish(gateway, account_id, request_id, 40, b"second") == 2
    assert await finish(gateway, account_id, request_id, 41, b"third") == -4
    assert await gateway.view(account_id) == before
    hold = await gateway.hold_of(account_id, request_id)
    assert hold is not None
    assert hold[FACTS] == "first"


async def test_finish_of_an_unknown_or_refused_id_makes_no_hold(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    ask = ask_of(account_id, 10)
    await gateway.view(account_id)
    assert await finish(gateway, account_id, ask.request_id, 5) == 0
    await gateway.admission.release(account_id, ask.request_id)
    assert await finish(gateway, account_id, ask.request_id, 5) == 0
    assert (await gateway.view(account_id)).reserved == 0


@pytest.mark.parametrize("finished", [False, True])
async def test_apply_drops_the_hold_and_takes_the_balance_in_one_step(
    gateway: Gateway, book: Book, *, finished: bool
) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    request_id, granted = await held(gateway, account_id, 60)
    if finished:
        await finish(gateway, account_id, request_id, 40)
    await book.settle(row_of(account_id, 40, request_id=request_id, split=granted.reservation.split))
    await gateway.admission.apply(await book.state(account_id), [request_id])
    view = await gateway.view(account_id)
    assert (view.balance, view.reserved, view.holds, view.unsettled) == (60, 0, 0, 0)
    assert await book.left(pack_id) == [60]
    assert await gateway.hold_of(account_id, request_id) is None


async def test_late_repeated_and_reordered_snapshots_never_take_a_balance_back(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    states = []
    for _ in range(3):
        await book.grant(account_id, 100)
        states.append(await book.state(account_id))
    await gateway.admission.load(account_id)
    for state in (states[1], states[2], states[2], states[0], states[1]):
        await gateway.admission.apply(state, [])
        view = await gateway.view(account_id)
        assert (view.version, view.balance) == (states[2].version, 300)


async def test_drop_of_holds_that_are_gone_drops_nothing_else(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    gone, _ = await held(gateway, account_id, 10)
    stays, _ = await held(gateway, account_id, 20)
    state = await book.state(account_id)
    for _ in range(2):
        await gateway.admission.apply(state, [gone, "unknown"])
        view = await gateway.view(account_id)
        assert (view.reserved, view.holds) == (20, 1)
    assert await gateway.hold_of(account_id, stays) is not None


async def test_apply_before_the_account_was_ever_loaded_is_remembered(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    older = await book.state(account_id)
    await book.grant(account_id, 100)
    newest = await book.state(account_id)
    await gateway.admission.apply(newest, [])
    # A read from before that change must not be loaded: its hold may be dropped already.
    assert await load_code(gateway, older) == -2
    assert await load_code(gateway, newest) == 1
    assert (await gateway.view(account_id)).balance == 200


async def load_code(gateway: Gateway, state: AccountState) -> int:
    keys = keys_of(state.account_id)
    token = gateway.epochs.token(keys.bucket)
    reply = await gateway.store.script("load", keys[1:], token, state.version, state.snapshot)
    return int(reply[0])


async def test_every_script_of_another_epoch_changes_nothing(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    request_id, _ = await held(gateway, account_id, 10)
    before = await gateway.view(account_id)
    keys = keys_of(account_id)
    stale = b"999:" + gateway.epochs.token(keys.bucket).split(b":")[1]
    state = await book.state(account_id)
    for name, names, arguments in (
        ("reserve", keys[1:], [account_id, "r2", 1, 1, 60000, "i", "tokens", "", "m", "", 0, "cross", 10, 10, ""]),
        ("extend", keys[1:], [request_id, 20, 20, 0, "cross", 0]),
        ("renew", (keys.epoch, keys.deadlines, keys.holds), [60000, account_id, request_id, 5]),
        ("finish", keys[1:], [account_id, request_id, 5, 60000, "{}"]),
        ("apply", keys[1:], [account_id, state.version + 1, state.snapshot, 1, request_id]),
        ("release", keys[1:], [account_id, request_id, 60000]),
        ("load", keys[1:], [state.version + 1, state.snapshot]),
        ("announce", keys[1:], [account_id, "r3", 60000, "R", 1, 1, "i", "tokens", "", "m", "[]", 0, ""]),
        ("sweep", (keys.epoch, keys.deadlines), [10, 1000]),
        ("state", keys[1:], [account_id, "tokens", 1]),
    ):
        assert await gateway.store.script(name, names, stale, *arguments) == [-1], name
    assert await gateway.view(account_id) == before


async def test_apply_of_another_epoch_is_tried_again_by_the_caller(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    await gateway.view(account_id)
    await gateway.store.call(b"DEL", keys_of(account_id).epoch)
    state = await book.state(account_id)
    with pytest.raises(MeterUnavailableError, match="again"):
        await gateway.admission.apply(state, [])
    await gateway.admission.apply(state, [])
