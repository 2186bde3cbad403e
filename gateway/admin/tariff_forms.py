"""What bodies about features, rates and prices may say. Rates are decimals of at most six places, prices integers."""

from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from config.cards import DEFAULT_TIER, Base
from gateway.admin.forms import FeatureKey, Form, Model, Moment, Name, Note, Resource
from gateway.errors import invalid

MICRO = 1_000_000
RATE_MAX = 1_000_000
PRICE_MAX = 10**12  # a million dollars for a million tokens

Rate = Annotated[Decimal, Meta(description=f"a number from 0 to {RATE_MAX} with at most six places, such as 2.5")]
PriceAmount = Annotated[
    int, Meta(ge=0, le=PRICE_MAX, description=f"micro-dollars for a million tokens, an integer from 0 to {PRICE_MAX}")
]
Tier = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_-]{0,31}\Z", description="a service tier such as default or flex")]
Threshold = Annotated[int, Meta(ge=0, le=10**9, description="tokens, an integer from 0 to 1000000000")]
PricedModel = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\A[^\x00]*\Z", description="a model's name")]
PricedModels = Annotated[list[PricedModel], Meta(max_length=1000, description="a list of model names")]


class NewFeature(Form):
    """POST /admin/v1/features."""

    key: FeatureKey
    name: Name
    note: Note = ""


class FeaturePatch(Form):
    """PATCH /admin/v1/features/{key}."""

    name: Name | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    retired: bool | UnsetType = UNSET


class NewRate(Form):
    """POST /admin/v1/features/{key}/rates; ``rate`` null ends it, and the next more general one holds."""

    rate: Rate | None
    base: Base = "word"
    model: Model | None = None
    unit: Resource = "tokens"
    prompt_rate: Rate | None = None


class NewPrice(Form):
    """POST /admin/v1/prices."""

    model: PricedModel
    service_tier: Tier = DEFAULT_TIER
    above_prompt_tokens: Threshold = 0
    input: PriceAmount | None = None
    cached_input: PriceAmount | None = None
    cache_write: PriceAmount | None = None
    completion: PriceAmount | None = None
    reasoning: PriceAmount | None = None
    image: PriceAmount | None = None
    audio: PriceAmount | None = None
    image_completion: PriceAmount | None = None
    audio_completion: PriceAmount | None = None
    images: PriceAmount | None = None
    ended: bool = False
    valid_from: Moment | None = None


class PriceImport(Form):
    """POST /admin/v1/prices/import: without ``apply`` only what would change, with it exactly that."""

    models: Annotated[list[PricedModel], Meta(max_length=1000, description="a list of model names")] = field(
        default_factory=list
    )
    everything: bool = False
    apply: Annotated[str, Meta(max_length=64, description="the digest of the plan that was shown")] | None = None


def micro_of(rate: Decimal | None, param: str) -> int | None:
    """Return a rate in millionths. Raises ApiError (400)."""
    if rate is None:
        return None
    scaled = rate * MICRO if rate.is_finite() and 0 <= rate <= RATE_MAX else None
    if scaled is None or scaled != int(scaled):
        raise invalid(f"{param} is not right; write a number from 0 to {RATE_MAX} with at most six places.", param)
    return int(scaled)


def decimal_of(micro: int) -> int | float:
    """Return millionths as the number that people write: 2500000 is 2.5."""
    return micro // MICRO if micro % MICRO == 0 else micro / MICRO
