"""What may be spent on a model, and what remained after each use."""

from typing import Any

from metering.core.allocations import Lot, Move, Purse, Use, allocation_of, places_of, remains_after

NOW = 1000
RICH = Purse(balance=10**6, available=10**6, min_reserve=0, keep=False)


def lot(name: str = "a", remaining: int | None = 100, **changes: Any) -> Lot:
    """Return a pack of 100 for anybody and any model."""
    fields: dict[str, Any] = {
        "id": name,
        "size": 100,
        "remaining": remaining,
        "unlimited": remaining is None,
        "user_id": None,
        "models": None,
        "granted_at": 0,
        "expires_at": None,
        "closed_at": None,
    }
    return Lot(**(fields | changes))


def available(*lots: Lot, purse: Purse = RICH, **held: int) -> int:
    """Return what "u1" may spend on "m"."""
    return allocation_of("m", lots, held, purse, user_id="u1", anybody=False, at=NOW).available


def test_packs_of_others_other_models_and_other_times_are_none() -> None:
    assert available(lot()) == 100
    assert available(lot(user_id="u1"), lot("b", models=["m", "n"])) == 200
    assert available(lot(user_id="u2")) == 0
    assert available(lot(models=["n"])) == 0
    assert available(lot(expires_at=NOW)) == 0
    assert available(lot(closed_at=NOW)) == 0
    assert available(lot(granted_at=NOW + 1)) == 0


def test_what_is_held_can_not_be_spent_and_never_counts_below_nothing() -> None:
    assert available(lot(), lot("b"), a=30) == 170
    assert available(lot(), lot("b"), a=130) == 100


def test_nobody_spends_more_than_the_account_has_or_below_its_reserve() -> None:
    assert available(lot(), purse=Purse(60, 40, 0, keep=False)) == 40
    assert available(lot(), purse=Purse(60, 40, 50, keep=False)) == 0
    assert available(lot(), purse=Purse(60, 60, 50, keep=False)) == 60
    assert available(lot(), purse=Purse(60, 60, 50, keep=True)) == 10
    assert available(lot(), purse=Purse(0, 0, 0, keep=False)) == 0
    assert available(lot(), purse=Purse(-5, -5, 0, keep=False)) == 0


def test_unlimited_is_said_and_not_counted() -> None:
    found = allocation_of("m", [lot(), lot("b", None, size=None)], {}, RICH, user_id=None, anybody=False, at=NOW)
    assert (found.available, found.unlimited, found.size, found.remaining) == (0, True, 100, 100)


def test_an_account_as_a_whole_has_what_all_members_have() -> None:
    lots = [lot(user_id="u1"), lot("b", user_id="u2")]
    assert allocation_of("m", lots, {}, RICH, user_id=None, anybody=True, at=NOW).available == 200


def test_what_remained_is_found_by_undoing_what_came_later() -> None:
    lots = [lot(remaining=40), lot("b", remaining=90, models=["n"]), lot("c", remaining=5, user_id="u2")]
    moves = [
        Move(4, 1, "b", "r4", -10),
        Move(3, 2, "a", "r3", -20),
        Move(3, 1, "a", "r2", -30),
        Move(2, 1, "a", "r1", -10),
    ]
    uses = [
        Use("r4", 4, 1, "u1", "n", NOW),
        Use("r3", 3, 2, "u2", "m", NOW),
        Use("r2", 3, 1, "u1", "n", NOW),
        Use("r1", 2, 1, "u1", "m", NOW),
    ]
    assert remains_after(uses, lots, moves, reaches=True) == {"r4": 130, "r3": 45, "r2": 160, "r1": 90}
    assert places_of(moves)["r3", 3] == 2


def test_what_is_not_known_is_not_told() -> None:
    uses = [Use("r2", 2, 1, None, "m", NOW), Use("r1", 1, 1, None, "m", NOW)]
    found = remains_after(uses, [lot(remaining=70)], [Move(2, 1, "a", "r2", -30)], reaches=False)
    assert found == {"r2": 70, "r1": None}
    assert remains_after(uses, [lot("a", None)], [], reaches=True) == {"r2": None, "r1": None}
