"""What is charged by what: the price table and the rates of features as they are now, as one frozen value.

A request is charged, in this order, by the rate of its feature for its model, by that feature's rate for any model, by
the model's own rates (accounts in tokens) or by the price table (accounts in credits). A feature without a rate in
the account's unit is a name only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from config.cards import ALSO_DEFAULT, DEFAULT_TIER, Base, KindRates, Price, PriceCard, Rates, dearest_of
from config.catalog import ModelSpec
from config.settings import FeatureSettings, PriceSettings
from metering.core.settlement import CREDITS, PRICED
from metering.errors import UnknownFeatureError, UnpricedModelError

MICRO = 1_000_000
UNKNOWN_PRICE = f"{PRICED}unknown"
IMAGES = 10_000  # what a price of images is for
PRICED_MAX = 10_000
"""Names that only "*" knows are endless: what is worked out for more of them is not remembered."""
CHEAPER_TIERS = frozenset({"flex"})
"""Tiers that are never dearer than the default: without a price of their own, they are charged as that."""


class UnitRate(NamedTuple):
    """What one unit of a base costs, in millionths of the account's unit; ``version``: as events carry it."""

    rate: int
    base: Base
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRate:
    """One version of a feature's rate for one model (None: any), in one unit."""

    model: str | None
    unit: str
    version: int
    rates: Rates
    name: str  # of the version, as events carry it


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What requests may be made for."""

    key: str
    name: str
    rates: tuple[FeatureRate, ...] = ()

    def rate_for(self, model: str | None, unit: str) -> FeatureRate | None:
        """Return the rate of this feature for a model, else for any; None: it has none in this unit."""
        fitting = [rate for rate in self.rates if rate.unit == unit and rate.model in {model, None}]
        return max(fitting, key=lambda rate: rate.model is not None, default=None)


@dataclass(frozen=True, kw_only=True)
class Tariffs:
    """See the module. ``priced`` remembers what was worked out: a model at a price or feature rate."""

    prices: Mapping[str, PriceCard]
    features: Mapping[str, Feature]
    price_settings: PriceSettings
    feature_settings: FeatureSettings
    mark: str = ""
    priced: dict[tuple[object, ...], ModelSpec] = field(default_factory=dict)

    def require_feature(self, key: str) -> Feature | None:
        """Return a feature; None for one that is not known where those pass. Raises UnknownFeatureError."""
        feature = self.features.get(key)
        if feature is None and self.feature_settings.unknown == "refuse":
            raise UnknownFeatureError(key)
        return feature

    def candidates(
        self,
        specs: tuple[ModelSpec, ...],
        *,
        unit: str,
        feature: str | None,
        service_tier: str | None,
        prompt_tokens: int,
    ) -> tuple[ModelSpec, ...]:
        """Return models with the rates that this request is charged at.

        Raises UnknownFeatureError; UnpricedModelError: an account in credits asks for a model without a price.
        """
        known = None if feature is None else self.require_feature(feature)
        found = []
        for spec in specs:
            rate = None if known is None else known.rate_for(spec.name, unit)
            if rate is not None:
                found.append(self._at_rate(spec, rate))
            elif unit == CREDITS:
                found.append(self._at_price(spec, service_tier, prompt_tokens))
            else:
                found.append(spec)
        return tuple(found)

    def unit_rate(self, *, feature: str | None, model: str | None, unit: str) -> UnitRate | None:
        """Return the rate by which units that are no tokens of a model are charged (``charge_of_units``).

        That is the feature's, or for images in credits the price of the model; None: they have no rate in this unit.
        Raises UnknownFeatureError.
        """
        known = None if feature is None else self.require_feature(feature)
        rate = None if known is None else known.rate_for(model, unit)
        if rate is not None:
            return UnitRate(rate.rates.completion, rate.rates.base, rate.name)
        card = self.prices.get(model) if model is not None and unit == CREDITS else None
        price = None if card is None else card.price_of(service_tier=None, prompt_tokens=0)
        if price is None or price.images is None:
            return None
        return UnitRate(price.images * (MICRO // IMAGES), "unit", price.version)

    def card_of(self, spec: ModelSpec) -> PriceCard | None:
        """Return the prices of a model: by the name that clients ask for, else by its name at the provider."""
        return self.prices.get(spec.name) or self.prices.get(spec.upstream_model)

    def _at_rate(self, spec: ModelSpec, rate: FeatureRate) -> ModelSpec:
        key = (spec, rate.name)
        found = self.priced.get(key)
        if found is None:
            found = self._keep(key, replace(spec, rates=rate.rates, rate_version=rate.name, card=None))
        return found

    def _at_price(self, spec: ModelSpec, service_tier: str | None, prompt_tokens: int) -> ModelSpec:
        card = self.card_of(spec) or self._default_card(spec)
        tiers = self._tiers_of(card, service_tier)
        worst_prompt = -(-prompt_tokens * spec.safety_factor // MICRO)
        prices = card.applicable(service_tiers=tiers, prompt_tokens=worst_prompt)
        key = (spec, *(price.version for price in prices))
        found = self.priced.get(key)
        if found is None:
            version = "+".join(price.version for price in prices)
            found = self._keep(key, replace(spec, rates=dearest_of(prices), rate_version=version, card=card))
        return found

    def _tiers_of(self, card: PriceCard, named: str | None) -> tuple[str, ...]:
        """Return the tiers that a request may be served in: the one that it names, or what the provider makes of it."""
        if named is None or named == "auto":
            auto = self.price_settings.auto_tier
            return (auto, DEFAULT_TIER) if card.has_tier(auto) and auto != DEFAULT_TIER else (DEFAULT_TIER,)
        if named == DEFAULT_TIER or named in ALSO_DEFAULT:
            return (DEFAULT_TIER,)
        if not card.has_tier(named) and named not in CHEAPER_TIERS:
            raise UnpricedModelError(card.model, service_tier=named)
        return (named, DEFAULT_TIER)

    def _default_card(self, spec: ModelSpec) -> PriceCard:
        if self.price_settings.unknown == "refuse":
            raise UnpricedModelError(spec.name)
        given = {"prompt": self.price_settings.default_prompt, "completion": self.price_settings.default_completion}
        given["cached"] = given["prompt"]
        return PriceCard(spec.name, (Price(rates=KindRates.of(given), version=UNKNOWN_PRICE),))

    def _keep(self, key: tuple[object, ...], spec: ModelSpec) -> ModelSpec:
        if len(self.priced) < PRICED_MAX:
            self.priced[key] = spec
        return spec
