"""Charges: counts of tokens times rates, in integers, rounded up once."""

from config.catalog import Rates

MICRO = 1_000_000
AMOUNT_MAX = 2**52  # Lua numbers are doubles: integers are exact to 2^53


def charge_of(rates: Rates, *, prompt: int, cached: int, completion: int) -> int:
    """Return what these tokens cost in the account's unit.

    Cached tokens are part of ``prompt`` and are charged at their own rate, not twice.
    """
    return -(-((prompt - cached) * rates.prompt + cached * rates.cached + completion * rates.completion) // MICRO)


def hold_of(rates: Rates, *, prompt: int, safety_factor: int, completion: int) -> int:
    """Return the worst case of a request: prompt times safety factor (micro), and all of the completion.

    A rate card may price cached tokens above plain ones; the worst case is the dearer of the two.
    """
    dearest = max(rates.prompt, rates.cached)
    worst = -(-prompt * safety_factor // MICRO) * dearest + completion * rates.completion
    return -(-worst // MICRO)


def completion_for(rates: Rates, *, amount: int, prompt: int, safety_factor: int, choices: int) -> int:
    """Return the largest completion limit per choice whose worst case is at most ``amount``; negative if none."""
    if rates.completion == 0:
        return AMOUNT_MAX
    dearest = max(rates.prompt, rates.cached)
    left = amount * MICRO - -(-prompt * safety_factor // MICRO) * dearest
    return left // (rates.completion * choices)


def completion_within(rates: Rates, *, charge: int, prompt: int) -> int:
    """Return how many completion tokens a charge stands for, beside ``prompt`` tokens; at least 0."""
    if rates.completion == 0:
        return 0
    return max(0, (charge * MICRO - prompt * rates.prompt) // rates.completion)
