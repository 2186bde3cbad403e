"""How an account stands in one resource: stopped, running low or normal (DESIGN 2, states)."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """People read them as "Normal", "Running low" and "AI stopped"."""

    NORMAL = "normal"
    RUNNING_LOW = "running_low"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A state; ``critical`` is the lower half of running low. The threshold is the balance below which it is low."""

    state: State
    critical: bool
    warning_threshold: int


def standing_of(
    *, balance: int, min_reserve: int, warning_threshold: int | None, size_total: int, unlimited: bool
) -> Standing:
    """Return the state of a balance, checked in the order stopped, running low, normal.

    ``size_total`` is the size of all packs neither expired nor revoked, depleted ones included: without a threshold
    of its own an account runs low below 10 % of it, and is critical below 5 %. ``unlimited``: such a pack is active.
    """
    if warning_threshold is None:
        threshold = -(-size_total // 10)  # the first whole balance that is not below 10 %
        critical = balance * 20 < size_total
    else:
        threshold = warning_threshold
        critical = balance * 2 < warning_threshold
    if not unlimited and balance < max(min_reserve, 1):
        return Standing(state=State.STOPPED, critical=False, warning_threshold=threshold)
    if balance < threshold:
        return Standing(state=State.RUNNING_LOW, critical=critical, warning_threshold=threshold)
    return Standing(state=State.NORMAL, critical=False, warning_threshold=threshold)
