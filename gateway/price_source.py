"""SHELL: what models cost, by the package genai-prices: as it is installed, or as it fetches it from its own home.

Imported when it is needed: the package brings half a second of imports and 1.6 MB of data, and no request needs it.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from importlib.metadata import version

import msgspec
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import ModelPrice, Provider, TieredPrices
from genai_prices.update_prices import UpdatePrices

from config.cards import DEFAULT_TIER
from config.catalog import ModelSpec
from config.settings import Settings
from metering.core.quotes import Quote

MILLION = 1_000_000
TIER = "service_tier"
ANYTHING = "*"
# The kinds that are priced here, and their names there; a kind of theirs that is not here costs what its whole costs.
KINDS = {
    "input": "input_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "completion": "output_mtok",
    "reasoning": "output_reasoning_mtok",
    "image": "input_image_mtok",
    "audio": "input_audio_mtok",
    "image_completion": "output_image_mtok",
    "audio_completion": "output_audio_mtok",
}


class PriceSource:
    """The prices of one snapshot; ``name`` says where they are from."""

    def __init__(self, settings: Settings, snapshot: DataSnapshot, name: str) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self.name = name

    @classmethod
    def installed(cls, settings: Settings) -> "PriceSource":
        """Return the prices of the package that is installed."""
        return cls(settings, get_snapshot(), f"genai-prices {version('genai_prices')}")

    @classmethod
    def fetched(cls, settings: Settings) -> "PriceSource | None":
        """Return the newest prices, from where the package says. Raises whatever its client raises."""
        url = settings.prices.update_url
        snapshot = (UpdatePrices() if url is None else UpdatePrices(url=url)).fetch()
        return None if snapshot is None else cls(settings, snapshot, "genai-prices, fetched")

    def quotes(self, specs: Sequence[ModelSpec], *, everything: bool) -> tuple[list[Quote], list[str]]:
        """Return what models cost (``everything``: and each of the provider of "*"), and which have no known price."""
        found: dict[str, list[Quote]] = {}
        unknown = []
        for spec in specs:
            if self._settings.providers[spec.provider].kind == "simulated":
                continue
            quotes = self._quotes_of(spec.name, spec.upstream_model, spec.provider)
            if quotes:
                found[spec.name] = quotes
            else:
                unknown.append(spec.name)
        rest = self._settings.models.get(ANYTHING)
        if everything and rest is not None:
            for name in self._names_of(rest.provider):
                if name not in found:
                    found[name] = self._quotes_of(name, name, rest.provider)
        return [quote for quotes in found.values() for quote in quotes], unknown

    def _quotes_of(self, name: str, upstream_model: str, provider: str) -> list[Quote]:
        try:
            _, model = self._snapshot.find_provider_model(upstream_model, self._provider(provider), None, None)
        except LookupError:
            return []
        tiers = {variant.when[TIER] for variant in model.price_variants or () if set(variant.when) == {TIER}}
        now = dt.datetime.now(dt.UTC)
        standard = quotes_of(name, DEFAULT_TIER, model.get_prices(now))
        quotes = list(standard)
        for tier in sorted(tiers - {DEFAULT_TIER}):
            served = quotes_of(name, tier, model.get_prices(now, {TIER: tier}))
            if [msgspec.structs.replace(quote, service_tier=DEFAULT_TIER) for quote in served] != standard:
                quotes += served
        return quotes

    def _names_of(self, provider: str) -> list[str]:
        try:
            return [model.id for model in self._provider(provider).models]
        except LookupError:
            return []

    def _provider(self, name: str) -> Provider:
        """Return whose prices a provider of ours has, by its address, else by its name. Raises LookupError."""
        try:
            return self._snapshot.find_provider(None, None, self._settings.providers[name].base_url or "")
        except LookupError:
            return self._snapshot.find_provider(None, name, None)


def quotes_of(model: str, tier: str, price: ModelPrice) -> list[Quote]:
    """Return the rows that say what a price of the package says: one, and one for each threshold.

    None at all where it has no price a token for both prompt and completion.
    """
    values = {kind: getattr(price, name, None) for kind, name in KINDS.items()}
    if values["input"] is None:
        return []
    starts = {0} | {step.start for value in values.values() if isinstance(value, TieredPrices) for step in value.tiers}
    rows = []
    for start in sorted(starts):
        amounts = {kind: _micro(value, start) for kind, value in values.items() if value is not None}
        # Embeddings have no completion, so it costs nothing; what only speaks or draws costs that for all of it.
        amounts.setdefault("completion", max(amounts.get("image_completion", 0), amounts.get("audio_completion", 0)))
        amounts["above_prompt_tokens"] = start
        rows.append(msgspec.convert({"model": model, "service_tier": tier, **amounts}, Quote))
    return rows


def _micro(value: Decimal | TieredPrices, start: int) -> int:
    """Return dollars in micro-dollars, rounded up: what a price is for prompts above ``start`` tokens."""
    if isinstance(value, TieredPrices):
        value = next((step.price for step in reversed(value.tiers) if step.start <= start), value.base)
    return -int(-value * MILLION // 1)
