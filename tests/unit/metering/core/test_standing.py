"""The states of an account, as a table."""

import pytest

from metering.core.standing import State, standing_of

STOPPED, LOW, NORMAL = State.STOPPED, State.RUNNING_LOW, State.NORMAL


@pytest.mark.parametrize(
    ("balance", "min_reserve", "threshold", "size", "unlimited", "state", "critical"),
    [
        # stopped: below the reserve, or below one token
        (0, 0, None, 0, False, STOPPED, False),
        (-5, 0, None, 100, False, STOPPED, False),
        (1, 0, None, 1, False, NORMAL, False),
        (99, 100, None, 100, False, STOPPED, False),
        (100, 100, None, 100, False, NORMAL, False),
        (99, 100, 1000, 100, False, STOPPED, False),  # stopped comes first
        # without a threshold: below 10 % of the packs, critical below 5 %
        (10, 0, None, 100, False, NORMAL, False),
        (9, 0, None, 100, False, LOW, False),
        (5, 0, None, 100, False, LOW, False),
        (4, 0, None, 100, False, LOW, True),
        (1, 0, None, 15, False, LOW, False),  # 10 % is 1.5, 5 % is 0.75
        (1, 0, None, 10, False, NORMAL, False),
        (1, 0, None, 21, False, LOW, True),  # 5 % is 1.05
        # with one: below it, critical below its half
        (100, 0, 100, 10_000, False, NORMAL, False),
        (99, 0, 100, 10_000, False, LOW, False),
        (50, 0, 100, 10_000, False, LOW, False),
        (49, 0, 100, 10_000, False, LOW, True),
        (1, 0, 0, 10_000, False, NORMAL, False),  # a threshold of nothing never warns
        # an unlimited pack is never stopped
        (0, 0, None, 0, True, NORMAL, False),
        (-5, 100, None, 0, True, LOW, True),
        (0, 100, None, 0, True, NORMAL, False),
        (4, 0, 10, 0, True, LOW, True),
    ],
)
def test_a_state_is_the_first_of_stopped_running_low_normal(
    *, balance: int, min_reserve: int, threshold: int | None, size: int, unlimited: bool, state: State, critical: bool
) -> None:
    standing = standing_of(
        balance=balance, min_reserve=min_reserve, warning_threshold=threshold, size_total=size, unlimited=unlimited
    )
    assert (standing.state, standing.critical) == (state, critical)


@pytest.mark.parametrize(("size", "threshold"), [(0, 0), (1, 1), (10, 1), (11, 2), (100, 10), (101, 11)])
def test_ten_percent_is_shown_as_the_first_balance_that_is_not_low(size: int, threshold: int) -> None:
    standing = standing_of(balance=1, min_reserve=0, warning_threshold=None, size_total=size, unlimited=False)
    assert standing.warning_threshold == threshold
    for balance in range(1, size + 1):
        found = standing_of(balance=balance, min_reserve=0, warning_threshold=None, size_total=size, unlimited=False)
        assert (found.state is NORMAL) == (balance >= threshold)
