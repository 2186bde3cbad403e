"""What prices say, before and after an import: which rows are new, and what would change."""

from collections.abc import Iterable, Sequence

import msgspec

from config.cards import DEFAULT_TIER, KindRates, Price, PriceCard
from metering.core.settlement import PRICED

AMOUNTS = (
    "input", "cached_input", "cache_write", "completion", "reasoning", "image", "audio", "image_completion",
    "audio_completion", "images",
)  # fmt: skip
_KINDS = {"input": "prompt", "cached_input": "cached"}


class Quote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a model costs in a service tier, for prompts above so many tokens; see the table ``prices``.

    Micro-dollars for a million tokens, ``images`` for 10,000 images. ``ended``: nothing is asked from now on.
    """

    model: str
    service_tier: str = DEFAULT_TIER
    above_prompt_tokens: int = 0
    input: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    image: int | None = None
    audio: int | None = None
    image_completion: int | None = None
    audio_completion: int | None = None
    images: int | None = None
    ended: bool = False

    @property
    def place(self) -> tuple[str, str, int]:
        """What the row is about."""
        return self.model, self.service_tier, self.above_prompt_tokens


class Change(msgspec.Struct, frozen=True, gc=False):
    """What an import adds: ``before`` is None where there was no price, an ``ended`` after takes it away."""

    before: Quote | None
    after: Quote


def changes_of(now: Iterable[Quote], then: Iterable[Quote], models: Iterable[str]) -> list[Change]:
    """Return what must be added so that these models cost what ``then`` says; other models stay as they are."""
    asked = set(models)
    before = {quote.place: quote for quote in now if quote.model in asked}
    after = {quote.place: quote for quote in then}
    gone = {
        place: Quote(model=place[0], service_tier=place[1], above_prompt_tokens=place[2], ended=True)
        for place in before.keys() - after.keys()
        if any(other[0] == place[0] for other in after)  # a model that the source does not know keeps its prices
    }
    wanted = {**after, **gone}
    changed = [place for place in sorted(wanted) if before.get(place) != wanted[place]]
    return [Change(before.get(place), wanted[place]) for place in changed]


def cards_of(rows: Sequence[tuple[str, Quote]]) -> dict[str, PriceCard]:
    """Return price cards by model, from rows in force with their ids. A model without a default price has none."""
    prices: dict[str, list[Price]] = {}
    for price_id, quote in rows:
        given = {_KINDS.get(name, name): getattr(quote, name) for name in AMOUNTS if name != "images"}
        rates = {name: rate for name, rate in given.items() if rate is not None}
        rates.setdefault("cached", rates["prompt"])
        prices.setdefault(quote.model, []).append(
            Price(
                rates=KindRates.of(rates),
                version=f"{PRICED}{price_id}",
                service_tier=quote.service_tier,
                above_prompt_tokens=quote.above_prompt_tokens,
                images=quote.images,
            )
        )
    return {model: PriceCard(model, tuple(found)) for model, found in prices.items() if any(map(_is_base, found))}


def _is_base(price: Price) -> bool:
    return price.service_tier == DEFAULT_TIER and not price.above_prompt_tokens
