"""What a statement adds up: the entries of a month between an opening and a closing balance.

    opening + granted - used - expired - revoked + corrections + refunds = closing

Every line is the sum of its entries' effects on the balance (``delta``). A repayment has none: the balance fell when
the debt arose, in ``used``. What an unlimited pack issues and pays is in both ``granted`` and ``used``. A refund that
belongs to a pack expired or revoked meanwhile moves an amount, and leaves the balance as it is.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

_MONTH = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")
YEAR_MAX = 9998  # the month after the last one must have a date


class Movement(msgspec.Struct, frozen=True, gc=False):
    """All entries of one kind: how many, the amounts moved, and their effect on the balance."""

    kind: str
    entries: int
    amount: int
    delta: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of a statement; only ``corrections`` and ``refunds`` may have a sign of their own.

    ``closes``: the lines lead from the opening to the closing balance, and every entry starts where the last one ended.
    """

    granted: int
    used: int
    expired: int
    revoked: int
    corrections: int
    refunds: int
    entries: int
    closes: bool


# The line of each kind, and the sign with which it stands there.
LINES = {
    "grant": ("granted", 1),
    "purchase": ("granted", 1),
    "auto_grant": ("granted", 1),
    "usage": ("used", -1),
    "overdraft": ("used", -1),
    "repay": ("used", -1),
    "expire": ("expired", -1),
    "revoke": ("revoked", -1),
    "correction": ("corrections", 1),
    "refund": ("refunds", 1),
}


def parse_month(text: str) -> dt.date:
    """Return the first day of a month such as 2026-11. Raises ValueError."""
    match = _MONTH.fullmatch(text)
    if match is None or int(match[1]) > YEAR_MAX:
        raise ValueError("write a month such as 2026-11")
    return dt.date(int(match[1]), int(match[2]), 1)


def lines_of(
    movements: Sequence[Movement], *, opening: int, closing: int, started_from: int | None, breaks: int
) -> Lines:
    """Return the lines of a statement.

    ``started_from`` is the balance before its first entry (None: it has none), ``breaks`` the number of entries that
    do not start where the one before ended.
    """
    sums = dict.fromkeys(("granted", "used", "expired", "revoked", "corrections", "refunds"), 0)
    for movement in movements:
        line, sign = LINES[movement.kind]
        sums[line] += sign * movement.delta
    moved = sums["granted"] - sums["used"] - sums["expired"] - sums["revoked"] + sums["corrections"] + sums["refunds"]
    closes = opening + moved == closing and breaks == 0 and started_from in {None, opening}
    return Lines(**sums, entries=sum(movement.entries for movement in movements), closes=closes)
