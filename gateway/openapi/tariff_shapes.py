"""Answers about features, rates, prices and estimates, as gateway/admin and gateway/account put them together."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from config.cards import Base
from metering.books.features import FeatureRow
from metering.books.prices import PriceRow
from metering.core.estimate import ByPrice, Empty, Left, Mix
from metering.core.quotes import Change
from providers.wire.chat import ChatBody


class FeatureRate(msgspec.Struct, kw_only=True):
    """A version of a rate; null: it has ended."""

    feature: str
    model: str | None
    unit: str
    version: int
    base: Base
    rate: float | None
    prompt_rate: float | None
    valid_from: str


class Feature(FeatureRow, frozen=True, kw_only=True):
    """A feature, with the rates in force."""

    rates: list[FeatureRate]


class ModelRates(msgspec.Struct, kw_only=True):
    """What a model is charged in tokens, by kind."""

    model: str
    unit: str
    base: Base
    rates: dict[str, float]
    version: str


class RatesNow(msgspec.Struct, kw_only=True):
    """What is charged now."""

    models: list[ModelRates]
    features: list[FeatureRate]


class ImportedPrices(msgspec.Struct, kw_only=True):
    """What an import would change, or has changed."""

    applied: bool
    source: str
    changes: list[Change]
    unknown: list[str]
    digest: str


class PublishedRate(msgspec.Struct, kw_only=True):
    """A feature's rate in the published form."""

    feature_key: str
    feature_name: str
    tokens_per_unit: float
    token_type: str


class FeatureRateFound(msgspec.Struct, kw_only=True):
    """The same, in its envelope."""

    success: bool
    data: PublishedRate


class PricedFeature(msgspec.Struct, kw_only=True):
    """What a feature costs for a model (null: any)."""

    feature: str
    name: str
    model: str | None
    unit: str
    base: Base
    rate: float
    version: int


class PricesPer(msgspec.Struct, kw_only=True):
    """What a price is for."""

    tokens: int
    images: int
    currency: str


class Pricing(msgspec.Struct, kw_only=True):
    """What this key's models and all features cost now."""

    unit: str
    prices: list[PriceRow]
    prices_per: PricesPer
    rates: list[ModelRates]
    features: list[PricedFeature]
    updated_at: str | None


class TimeToEmpty(Empty, frozen=True, kw_only=True):
    """The same, with the moment."""

    at: str


class Estimate(msgspec.Struct, kw_only=True):
    """How far the balance goes; amounts in ``unit``."""

    unit: str
    balance: int
    available: int
    unlimited: bool
    days: int
    since: str
    mix: Mix
    models: list[Mix]
    left: Left | None
    left_by_model: list[Left]
    left_by_price: list[ByPrice]
    time_to_empty: TimeToEmpty | None


class CountBody(ChatBody, frozen=True, gc=False):
    """A chat request as it would be sent."""

    boundaries: bool = False


class Charge(msgspec.Struct, kw_only=True):
    """An amount in the account's unit, and what it costs in micro-dollars (null: no price)."""

    amount: int
    cost: int | None


class UsualCharge(Charge, kw_only=True):
    """What a reply of the usual length is charged."""

    completion_tokens: int


class Charges(msgspec.Struct, kw_only=True):
    """What replies of three lengths are charged."""

    prompt_only: Charge
    usual: UsualCharge | None
    longest: Charge


class CountedPrice(msgspec.Struct, kw_only=True):
    """What one token, word, character or unit is held at."""

    base: Base
    rates: dict[str, float]
    version: str


class CountedToken(msgspec.Struct, kw_only=True):
    """One token: its place in the bytes of a text's UTF-8."""

    start: int
    end: int
    text: str


class CountedText(msgspec.Struct, kw_only=True):
    """The tokens of one text of the messages."""

    message: int
    part: int
    tokens: list[CountedToken]


class Count(msgspec.Struct, kw_only=True):
    """What a chat would hold and cost."""

    object: Literal["count"]
    model: str
    unit: str
    feature: str | None
    prompt_tokens: int
    completion_tokens_max: int
    hold: int
    hold_least: int
    worst_case: int
    charge: Charges
    price: CountedPrice
    boundaries: list[CountedText] | UnsetType = UNSET
    boundaries_complete: bool | UnsetType = UNSET
