"""The surplus of an account over time: what its entries did to its shared packs, less its debt (DESIGN 2, pools)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec


class Moved(NamedTuple):
    """What entries of one kind did in one step, and the lowest sum of all that had moved up to any of them.

    ``step`` counts from 1; the one after the last is what moved after the end of the series.
    """

    step: int
    kind: str
    amount: int
    lowest: int


class SurplusStep(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename={"since": "from", "until": "to"}):
    """One step; ``balance`` is the surplus at its end, ``lowest`` the lowest in it, the others what moved meanwhile.

    balance = the one before + granted - used - expired - revoked + refunded + corrected + repaid. ``repaid``: debt that
    a member's own pack has paid. ``until`` is exclusive. Below zero: the account owes more than its shared packs hold.
    """

    since: str
    until: str
    balance: int
    lowest: int
    granted: int = 0
    used: int = 0
    expired: int = 0
    revoked: int = 0
    refunded: int = 0
    corrected: int = 0
    repaid: int = 0


# What each kind of entry is called, and the sign with which that is shown.
NAMES = {
    "grant": ("granted", 1),
    "purchase": ("granted", 1),
    "auto_grant": ("granted", 1),
    "usage": ("used", -1),
    "overdraft": ("used", -1),
    "expire": ("expired", -1),
    "revoke": ("revoked", -1),
    "refund": ("refunded", 1),
    "correction": ("corrected", 1),
    "repay": ("repaid", 1),
}


def steps_of(bounds: Sequence[str], moved: Sequence[Moved], *, surplus: int) -> tuple[int, list[SurplusStep]]:
    """Return the surplus at the first bound, and the steps between the bounds.

    ``surplus`` is what it is now, after everything in ``moved``: the series is reckoned back from there, so that the
    past before it need not be read.
    """
    opening = balance = surplus - sum(one.amount for one in moved)
    steps = []
    for number, (since, until) in enumerate(pairwise(bounds), 1):
        own = [one for one in moved if one.step == number]
        sums: dict[str, int] = {}
        for one in own:
            name, sign = NAMES[one.kind]
            sums[name] = sums.get(name, 0) + sign * one.amount
        lowest = min([balance, *(opening + one.lowest for one in own)])
        balance += sum(one.amount for one in own)
        steps.append(SurplusStep(since=since, until=until, balance=balance, lowest=min(lowest, balance), **sums))
    return opening, steps
