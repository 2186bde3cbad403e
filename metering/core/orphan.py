"""The orphan rule: what a request pays whose gateway died before the usage was known (DESIGN 3.3)."""

from typing import assert_never

from msgspec import structs

from metering.core.rates import MICRO, charge_of, completion_within, hold_of
from metering.core.settlement import (
    CREDITS,
    PRICED,
    Facts,
    Orphan,
    Outcome,
    Reservation,
    Settlement,
    Source,
    Status,
    decode_settlement,
    encode_facts,
    result_of,
    row_of,
)

# Progress reaches the journal and the hold at least every 256 tokens: a stream is never further than that ahead.
PROGRESS_TOKENS = 256


def orphan_charge(facts: Facts, *, amount: int, progress: int) -> int:
    """Return the charge of an orphan.

    ``amount`` is its hold, ``progress`` the charge for what had been produced when it was last noted (0: never);
    both in the account's unit.
    """
    rates = facts.rate_card
    produced = max(progress, charge_of(rates, prompt=facts.counted_prompt_tokens, cached=0, completion=0))
    policy = Orphan(facts.orphan)
    match policy:
        case Orphan.UPPER_BOUND:
            return amount
        case Orphan.CHECKPOINT:
            return min(amount, produced)
        case Orphan.BOUNDED:
            if not facts.stream:
                return amount
            ahead = hold_of(rates, prompt=0, safety_factor=MICRO, completion=PROGRESS_TOKENS)
            return min(amount, produced + ahead)
    assert_never(policy)


def recover(
    facts: Facts, reservation: Reservation, *, progress: int, now_ms: int, status: Status = Status.RECOVERED
) -> Settlement:
    """Return the settlement of an orphan; ``status`` says whether its hold tells of it, or its gateway's journal."""
    charge = orphan_charge(facts, amount=reservation.amount, progress=progress)
    prompt = facts.counted_prompt_tokens
    outcome = Outcome(
        prompt_tokens=prompt,
        completion_tokens=completion_within(facts.rate_card, charge=charge, prompt=prompt),
        source=Source.RECOVERED,
        status=status,
        counted_completion_tokens=None,
    )
    result = result_of(reservation, outcome, charge=charge, duration_ms=max(0, now_ms - facts.started_at_ms))
    if facts.resource == CREDITS and facts.rate_version.startswith(PRICED):
        result = structs.replace(result, cost=charge)
    return decode_settlement(row_of(encode_facts(facts), result))
