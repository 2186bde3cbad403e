"""What ``reserve.lua`` says when it takes no hold, as an error."""

from typing import Any

from metering.ask import Ask
from metering.core.limits import wall_of
from metering.errors import (
    BacklogError,
    LimitedError,
    MeterUnavailableError,
    Refusal,
    RefusalDetails,
    RefusedError,
)

UNSETTLED, TOO_MANY, LIMITED = -5, -6, -20
REFUSALS = {
    -3: Refusal.SUSPENDED,
    -10: Refusal.NO_ACTIVE_PACK,
    -11: Refusal.MIN_RESERVE_REACHED,
    -12: Refusal.INSUFFICIENT_BALANCE,
    -13: Refusal.BALANCE_HELD,
    LIMITED: Refusal.RATE_LIMIT_EXCEEDED,
}
NOW, SHOWN = 4, 9  # places in the reply


def refusal_of(ask: Ask, reply: list[Any]) -> Exception:
    """Return the error that a reply stands for."""
    code = reply[0]
    if code in REFUSALS:
        numbers = reply if len(reply) > 1 else [code, 0, 0, 0, 0, 0, 0]
        details = RefusalDetails(
            required=ask.least,
            balance=numbers[2],
            reserved=numbers[3],
            min_reserve=numbers[5],
            next_expiry_ms=numbers[6],
            unit=ask.resource,
        )
        if code == LIMITED:
            return LimitedError(wall_of(reply[SHOWN], reply[NOW]), details)
        return RefusedError(REFUSALS[code], details)
    if code == UNSETTLED:
        return BacklogError("too much of this account is waiting to be booked")
    if code == TOO_MANY:
        return BacklogError("too many requests of this account are open")
    return MeterUnavailableError(f"the hold was refused ({code})")
