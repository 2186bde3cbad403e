"""Steps of the surplus, reckoned back from what it is now."""

from metering.core.surplus import Moved, SurplusStep, steps_of

BOUNDS = ["a", "b", "c"]


def test_what_nothing_moved_stays() -> None:
    opening, steps = steps_of(BOUNDS, [], surplus=7)
    assert opening == 7
    assert steps == [
        SurplusStep(since="a", until="b", balance=7, lowest=7),
        SurplusStep(since="b", until="c", balance=7, lowest=7),
    ]


def test_a_step_ends_with_what_moved_in_it_and_what_came_later_is_taken_off() -> None:
    moved = [
        Moved(1, "usage", -30, -30),
        Moved(1, "refund", 5, -25),
        Moved(2, "purchase", 100, 75),
        Moved(2, "overdraft", -1, -26),
        Moved(3, "grant", 1000, 1074),
    ]
    opening, (first, second) = steps_of(BOUNDS, moved, surplus=1100)
    assert opening == 26
    assert (first.balance, first.lowest, first.used, first.refunded) == (1, -4, 30, 5)
    assert (second.balance, second.lowest, second.granted, second.used) == (100, 0, 100, 1)


def test_every_balance_is_the_one_before_and_what_moved() -> None:
    kinds = ["grant", "auto_grant", "usage", "expire", "revoke", "refund", "correction", "repay", "overdraft"]
    moved = [Moved(1 + place % 2, kind, 10 * place - 40, 0) for place, kind in enumerate(kinds)]
    balance, steps = steps_of(BOUNDS, moved, surplus=500)
    for step in steps:
        balance += step.granted - step.used - step.expired - step.revoked + step.refunded + step.corrected + step.repaid
        assert step.balance == balance
    assert balance == 500
