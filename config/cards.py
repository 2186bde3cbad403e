"""Rate cards and price cards: what a request costs, in integers.

``Rates`` is all that a hold needs: three rates. Where more kinds of tokens have a rate of their own, or the rate
depends on how long the prompt is or how it is served, the exact charge is looked up in a ``PriceCard`` when the usage
is known, and the hold is taken at its dearest rates that can apply.

Rates are millionths of a unit a token. In credits, a unit is a micro-dollar, so a rate is at the same time
micro-dollars a million tokens: $2.50 a million tokens is 2,500,000.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal

Base = Literal["token", "word", "character", "unit"]
BASES: tuple[Base, ...] = ("token", "word", "character", "unit")
DEFAULT_TIER = "default"
ALSO_DEFAULT = frozenset({"standard"})
"""Other names for the default tier: Anthropic and Google answer with this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one token costs, in millionths of the account's unit.

    With another base than tokens, ``completion`` is the rate of one word, one character or one unit of the reply.
    """

    prompt: int
    cached: int
    completion: int
    base: Base = "token"

    @property
    def version(self) -> str:
        """A short name that changes exactly when a rate does."""
        text = f"prompt={self.prompt},cached={self.cached},completion={self.completion}"
        return _digest(text if self.base == "token" else f"{text},base={self.base}")

    def as_tuple(self) -> tuple[int, int, int]:
        """Return the rates as facts and events carry them."""
        return self.prompt, self.cached, self.completion


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRates:
    """The rate of every kind of token, in millionths of the account's unit.

    Cached, cache write, image and audio tokens are part of the prompt; reasoning, image_completion and
    audio_completion tokens are part of the completion.
    """

    prompt: int
    cached: int
    completion: int
    cache_write: int
    reasoning: int
    image: int
    audio: int
    image_completion: int
    audio_completion: int

    @classmethod
    def of(cls, given: Mapping[str, int]) -> "KindRates":
        """Return the rates from those that are given: a kind without a rate costs what the whole costs."""
        prompt, completion = given["prompt"], given["completion"]
        wholes = {name: completion if name in COMPLETION_KINDS else prompt for name in KINDS}
        return cls(**{name: given.get(name, whole) for name, whole in wholes.items()})

    @property
    def is_plain(self) -> bool:
        """Whether prompt, cached and completion say everything."""
        parts = {self.reasoning, self.image_completion, self.audio_completion}
        return {self.cache_write, self.image, self.audio} == {self.prompt} and parts == {self.completion}

    @property
    def version(self) -> str:
        """A short name that changes exactly when a rate does."""
        return _digest(",".join(f"{name}={rate}" for name, rate in zip(KINDS, self.as_tuple(), strict=True)))

    def as_tuple(self) -> tuple[int, ...]:
        """Return all rates in the order of the fields."""
        return tuple(getattr(self, name) for name in KINDS)

    def dearest(self) -> Rates:
        """Return the rates that no request at these can exceed."""
        prompt = max(self.prompt, self.cached, self.cache_write, self.image, self.audio)
        completion = max(self.completion, self.reasoning, self.image_completion, self.audio_completion)
        return Rates(prompt=prompt, cached=prompt, completion=completion)


KINDS = tuple(field.name for field in fields(KindRates))
COMPLETION_KINDS = frozenset({"completion", "reasoning", "image_completion", "audio_completion"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of a model in one service tier, for prompts above so many tokens.

    ``images`` is micro-dollars for 10,000 images. ``version`` names the row that it stands in.
    """

    rates: KindRates
    version: str
    service_tier: str = DEFAULT_TIER
    above_prompt_tokens: int = 0
    images: int | None = None


@dataclass(frozen=True)
class PriceCard:
    """All prices of one model that are valid now; one of the default tier for any prompt is always among them."""

    model: str
    prices: tuple[Price, ...]

    @cached_property
    def _tiers(self) -> dict[str, list[Price]]:
        tiers: dict[str, list[Price]] = {}
        for price in sorted(self.prices, key=lambda price: -price.above_prompt_tokens):
            tiers.setdefault(price.service_tier, []).append(price)
        return tiers

    def has_tier(self, name: str) -> bool:
        """Return whether a service tier has a price of its own."""
        return name in self._tiers

    def price_of(self, *, service_tier: str | None, prompt_tokens: int) -> Price:
        """Return the price of a request: a long prompt's holds for the whole of it; an unknown tier is the default."""
        prices = self._tiers.get(service_tier or DEFAULT_TIER) or self._tiers[DEFAULT_TIER]
        return next((price for price in prices if prompt_tokens > price.above_prompt_tokens), prices[-1])

    def applicable(self, *, service_tiers: tuple[str, ...], prompt_tokens: int) -> tuple[Price, ...]:
        """Return the prices that can apply to a request that may be served in one of these tiers.

        A prompt that is reported shorter than it was counted may stay below a threshold, so the lower ones count too.
        """
        tiers = [self._tiers.get(tier) or self._tiers[DEFAULT_TIER] for tier in service_tiers]
        found = [price for tier in tiers for price in tier]
        return tuple(dict.fromkeys(price for price in found if _applies(price, prompt_tokens)))


def dearest_of(prices: tuple[Price, ...]) -> Rates:
    """Return rates that no request at any of these prices can exceed."""
    worst = [price.rates.dearest() for price in prices]
    prompt = max(rates.prompt for rates in worst)
    return Rates(prompt=prompt, cached=prompt, completion=max(rates.completion for rates in worst))


def _applies(price: Price, prompt_tokens: int) -> bool:
    return not price.above_prompt_tokens or prompt_tokens > price.above_prompt_tokens


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
