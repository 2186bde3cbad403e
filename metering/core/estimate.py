"""How far a balance goes: by what the account used before, by price, and by how fast it spends now. All integers."""

from collections.abc import Sequence

import msgspec

from config.cards import Price

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
WEEK_SECONDS = 7 * DAY_SECONDS
MILLION = 1_000_000
IMAGES = 10_000
SECONDS_MAX = 100 * 365 * DAY_SECONDS  # what lasts longer lasts for ever


class Mix(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What was used of one model, or of all, in some time; ``charge`` in the unit."""

    model: str | None
    requests: int
    charge: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


class Left(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How many more requests and tokens a balance pays for, if they are as they were."""

    model: str | None
    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


class ByPrice(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How many of one kind alone a balance in credits pays for; None: it has no price, or costs nothing."""

    model: str
    input_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    images: int | None


class Empty(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """When a balance is used up, if it goes on as in ``window`` (24h, or 7d where nothing was used in 24h).

    ``spent`` is what was charged in that window, ``over_seconds`` how long of it the account has been in use.
    """

    window: str
    spent: int
    over_seconds: int
    seconds: int


def total_of(mixes: Sequence[Mix]) -> Mix:
    """Return the sum of what was used of all models."""
    sums = {
        name: sum(getattr(mix, name) for mix in mixes)
        for name in ("requests", "charge", "prompt_tokens", "cached_tokens", "completion_tokens")
    }
    return Mix(model=None, **sums)


def left_of(available: int, mix: Mix) -> Left | None:
    """Return what a balance is enough for; None where the mix says nothing: it was free, or there is none."""
    if not mix.charge:
        return None
    amount = max(0, available)
    return Left(
        model=mix.model,
        requests=amount * mix.requests // mix.charge,
        prompt_tokens=amount * mix.prompt_tokens // mix.charge,
        cached_tokens=amount * mix.cached_tokens // mix.charge,
        completion_tokens=amount * mix.completion_tokens // mix.charge,
    )


def by_price(available: int, model: str, price: Price) -> ByPrice:
    """Return how many of each kind alone ``available`` micro-dollars pay for."""
    amount = max(0, available)

    def count(price: int | None, lot: int) -> int | None:
        return amount * lot // price if price else None

    return ByPrice(
        model=model,
        input_tokens=count(price.rates.prompt, MILLION),
        cached_tokens=count(price.rates.cached, MILLION),
        completion_tokens=count(price.rates.completion, MILLION),
        images=count(price.images, IMAGES),
    )


def empty_of(available: int, *, last_day: int, last_week: int, age_seconds: int | None) -> Empty | None:
    """Return when a balance is empty at the present rate; None: nothing was spent in a week.

    ``age_seconds`` is how long ago the first charge of the week was. The first minutes of an account are no rate: it is
    reckoned over an hour at least.
    """
    if not last_week or age_seconds is None:
        return None
    window, spent, seconds = ("24h", last_day, DAY_SECONDS) if last_day else ("7d", last_week, WEEK_SECONDS)
    over = min(seconds, max(HOUR_SECONDS, age_seconds))
    return Empty(
        window=window, spent=spent, over_seconds=over, seconds=min(SECONDS_MAX, max(0, available) * over // spent)
    )
