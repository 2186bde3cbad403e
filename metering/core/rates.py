"""Charges: counts of tokens times rates, in integers, rounded up once.

A card with another base than tokens charges for the reply alone: ``completion`` is then its number of words or
characters, or 1 for a request by the unit.
"""

from typing import TYPE_CHECKING

from config.cards import KindRates
from config.catalog import Rates

if TYPE_CHECKING:
    from metering.core.settlement import Outcome

MICRO = 1_000_000
AMOUNT_MAX = 2**52  # Lua numbers are doubles: integers are exact to 2^53
# The worst case of a reply that is charged by the character: o200k takes 4 to 5 of English text to a token, and has no
# token of 16 in the words of any language; only runs of one sign are longer, and what they are is charged all the same.
CHARACTERS_PER_TOKEN_MAX = 16


def charge_of(rates: Rates, *, prompt: int, cached: int, completion: int) -> int:
    """Return what these tokens cost in the account's unit.

    Cached tokens are part of ``prompt`` and are charged at their own rate, not twice.
    """
    return -(-((prompt - cached) * rates.prompt + cached * rates.cached + completion * rates.completion) // MICRO)


def charge_of_units(units: int, *, rate: int) -> int:
    """Return what so many words, characters, pages or images cost: ``rate`` is millionths for each, rounded up once.

    Raises OverflowError: more than amounts can count.
    """
    charge = -(-units * rate // MICRO)
    if charge > AMOUNT_MAX:
        raise OverflowError(charge)
    return charge


def charge_of_kinds(rates: KindRates, outcome: "Outcome") -> int:
    """Return what a usage costs when every kind of token has its own rate.

    Parts never exceed the whole, whatever was reported: what is image or audio counts as that first, then what was
    cached, so that no token is charged twice. Reasoning that is reported beside the completion is not charged again.
    """
    prompt, completion, parts = outcome.prompt_tokens, outcome.completion_tokens, outcome.parts
    total = 0
    if parts is not None:
        for count, rate in ((parts.audio, rates.audio), (parts.image, rates.image)):
            taken = min(count, prompt)
            prompt, total = prompt - taken, total + taken * rate
    cached = min(outcome.cached_tokens, prompt)
    prompt, total = prompt - cached, total + cached * rates.cached
    if parts is not None:
        taken = min(parts.cache_write, prompt)
        prompt, total = prompt - taken, total + taken * rates.cache_write
        for count, rate in (
            (parts.audio_completion, rates.audio_completion),
            (parts.image_completion, rates.image_completion),
        ):
            taken = min(count, completion)
            completion, total = completion - taken, total + taken * rate
    reasoning = min(outcome.reasoning_tokens, completion)
    total += prompt * rates.prompt + reasoning * rates.reasoning + (completion - reasoning) * rates.completion
    return -(-total // MICRO)


def hold_of(rates: Rates, *, prompt: int, safety_factor: int, completion: int) -> int:
    """Return the worst case of a request: prompt times safety factor (micro), and all of the completion (tokens).

    A rate card may price cached tokens above plain ones; the worst case is the dearer of the two.
    """
    if rates.base != "token":
        completion = _units_max(rates, completion)
    dearest = max(rates.prompt, rates.cached)
    worst = -(-prompt * safety_factor // MICRO) * dearest + completion * rates.completion
    return -(-worst // MICRO)


def completion_for(rates: Rates, *, amount: int, prompt: int, safety_factor: int, choices: int) -> int:
    """Return the largest completion limit per choice whose worst case is at most ``amount``; negative if none."""
    dearest = max(rates.prompt, rates.cached)
    left = amount * MICRO - -(-prompt * safety_factor // MICRO) * dearest
    if rates.completion == 0:
        return AMOUNT_MAX
    if rates.base == "unit":
        return AMOUNT_MAX if left >= rates.completion else -1
    return left // (_token_rate(rates) * choices)


def completion_within(rates: Rates, *, charge: int, prompt: int) -> int:
    """Return how many completion tokens a charge stands for, beside ``prompt`` tokens; at least 0."""
    if rates.completion == 0 or rates.base == "unit":
        return 0
    return max(0, (charge * MICRO - prompt * rates.prompt) // _token_rate(rates))


def _token_rate(rates: Rates) -> int:
    """Return what one token of the reply is held at, in millionths: as many characters as it may have."""
    return rates.completion * CHARACTERS_PER_TOKEN_MAX if rates.base == "character" else rates.completion


def _units_max(rates: Rates, completion_tokens: int) -> int:
    """Return the most words, characters or units that so many tokens of a reply are held for."""
    match rates.base:
        case "unit":
            return 1
        case "character":
            return completion_tokens * CHARACTERS_PER_TOKEN_MAX
        case _:
            return completion_tokens  # DESIGN 2: a word is held as a token
