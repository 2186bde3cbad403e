"""By which rates a request is charged."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from config.cards import KindRates, Price, PriceCard, Rates
from config.catalog import ModelSpec
from config.settings import FeatureSettings, PriceSettings
from metering.core.tariffs import Feature, FeatureRate, Tariffs
from metering.errors import UnknownFeatureError, UnpricedModelError

WORDS = Rates(prompt=0, cached=0, completion=2_500_000, base="word")
DEARER = Rates(prompt=0, cached=0, completion=3_000_000, base="word")
BOTS = Feature(
    key="ai_bots",
    name="AI Bots",
    rates=(
        FeatureRate(model=None, unit="tokens", version=1, rates=WORDS, name="any@1"),
        FeatureRate(model="gpt-4o", unit="tokens", version=4, rates=DEARER, name="4o@4"),
    ),
)
CHEAP = KindRates.of({"prompt": 2, "cached": 1, "completion": 8})
LONG = KindRates.of({"prompt": 4, "cached": 2, "completion": 12})
FAST = KindRates.of({"prompt": 9, "cached": 9, "completion": 20})
CARD = PriceCard(
    "gpt-4o",
    (
        Price(rates=CHEAP, version="price:1", images=50_000_000),
        Price(rates=LONG, version="price:2", above_prompt_tokens=1000),
        Price(rates=FAST, version="price:3", service_tier="priority"),
    ),
)


def tariffs(prices: PriceSettings = PriceSettings(), unknown: str = "pass") -> Tariffs:  # noqa: B008 - frozen
    return Tariffs(
        prices={"gpt-4o": CARD},
        features={"ai_bots": BOTS},
        price_settings=prices,
        feature_settings=FeatureSettings(unknown=unknown),  # type: ignore[arg-type]  # a choice
    )


def charged(
    spec: ModelSpec,
    found: Tariffs,
    *,
    unit: str = "tokens",
    feature: str | None = None,
    tier: str | None = None,
    prompt: int = 10,
) -> ModelSpec:
    (one,) = found.candidates((spec,), unit=unit, feature=feature, service_tier=tier, prompt_tokens=prompt)
    return one


def test_a_feature_is_charged_by_its_rate_for_the_model_else_for_any(spec_of: Callable[..., ModelSpec]) -> None:
    found = tariffs()
    assert charged(spec_of("gpt-4o"), found, feature="ai_bots").rates == DEARER
    other = charged(spec_of("gpt-4o-mini"), found, feature="ai_bots")
    assert (other.rates, other.rate_version, other.card) == (WORDS, "any@1", None)


def test_a_feature_without_a_rate_in_the_unit_is_a_name_only(spec_of: Callable[..., ModelSpec]) -> None:
    priced = charged(spec_of("gpt-4o"), tariffs(), unit="credits", feature="ai_bots")
    assert (priced.rate_version, priced.card) == ("price:1", CARD)


def test_an_unknown_feature_passes_or_is_refused(spec_of: Callable[..., ModelSpec]) -> None:
    spec = spec_of("gpt-4o")
    assert charged(spec, tariffs(), feature="other") is spec
    with pytest.raises(UnknownFeatureError):
        charged(spec, tariffs(unknown="refuse"), feature="other")


@pytest.mark.parametrize(
    ("tier", "prompt", "rates", "version"),
    [
        (None, 10, (2, 8), "price:1"),
        ("auto", 1000, (2, 8), "price:1"),
        (None, 1001, (4, 12), "price:1+price:2"),  # it may be reported shorter than it was counted
        ("priority", 10, (9, 20), "price:3+price:1"),
        ("flex", 10, (2, 8), "price:1"),  # has no price, and is never dearer
        ("standard", 10, (2, 8), "price:1"),
    ],
)
def test_credits_are_held_at_the_dearest_price_that_can_apply(
    spec_of: Callable[..., ModelSpec], tier: str | None, prompt: int, rates: tuple[int, int], version: str
) -> None:
    spec = charged(spec_of("gpt-4o"), tariffs(), unit="credits", tier=tier, prompt=prompt)
    assert (spec.rates.prompt, spec.rates.completion) == rates
    assert sorted(spec.rate_version.split("+")) == sorted(version.split("+"))


def test_the_safety_factor_may_take_a_prompt_above_a_threshold(spec_of: Callable[..., ModelSpec]) -> None:
    spec = replace(spec_of("gpt-4o"), safety_factor=1_500_000)
    assert charged(spec, tariffs(), unit="credits", prompt=700).rates.prompt == 4


def test_requests_without_a_tier_are_held_at_what_the_provider_makes_of_them(
    spec_of: Callable[..., ModelSpec],
) -> None:
    found = tariffs(PriceSettings(auto_tier="priority"))
    assert charged(spec_of("gpt-4o"), found, unit="credits").rates.prompt == 9
    assert charged(spec_of("gpt-4o"), found, unit="credits", tier="default").rates.prompt == 2


def test_what_has_no_price_is_refused(spec_of: Callable[..., ModelSpec]) -> None:
    with pytest.raises(UnpricedModelError) as model:
        charged(spec_of("gpt-9"), tariffs(), unit="credits")
    with pytest.raises(UnpricedModelError) as tier:
        charged(spec_of("gpt-4o"), tariffs(), unit="credits", tier="scale")
    assert (model.value.param, tier.value.param) == ("model", "service_tier")


def test_what_has_no_price_may_be_charged_at_the_dear_default(spec_of: Callable[..., ModelSpec]) -> None:
    spec = charged(spec_of("gpt-9"), tariffs(PriceSettings(unknown="charge")), unit="credits")
    assert (spec.rates.prompt, spec.rates.completion) == (150_000_000, 600_000_000)


def test_a_model_is_also_known_by_its_name_at_the_provider(spec_of: Callable[..., ModelSpec]) -> None:
    spec = replace(spec_of("gpt-4o"), name="ours")
    assert charged(spec, tariffs(), unit="credits").card == CARD


def test_what_was_worked_out_once_is_the_same_object(spec_of: Callable[..., ModelSpec]) -> None:
    found, spec = tariffs(), spec_of("gpt-4o")
    assert charged(spec, found, feature="ai_bots") is charged(spec, found, feature="ai_bots")
    assert charged(spec, found, unit="credits") is charged(spec, found, unit="credits")


def test_units_are_charged_by_their_feature_or_as_images() -> None:
    found = tariffs()
    words = found.unit_rate(feature="ai_bots", model=None, unit="tokens")
    assert words is not None
    assert (words.rate, words.base) == (WORDS.completion, "word")
    images = found.unit_rate(feature=None, model="gpt-4o", unit="credits")
    assert images is not None
    assert (images.rate, images.base) == (5_000_000_000, "unit")  # $50 for 10,000: 5,000 micro-dollars each
    assert found.unit_rate(feature=None, model="gpt-4o", unit="tokens") is None
