"""The catalog: from the name that a client asks for to everything the meter must know about it."""

import re
from dataclasses import dataclass, replace

from config.cards import KindRates, Price, PriceCard, Rates
from config.errors import UnknownModelError
from config.settings import ModelSettings, Settings

NAME_CHARACTERS_MAX = 256
"""Longer names are never model names; the bound keeps what is remembered small."""

PASSED_NAMES_MAX = 1000
"""How many names that only ``"*"`` knows are remembered; building one takes some microseconds."""

# The resolver of tiktoken gets fine-tuned and prefixed names wrong, so the family is found here.
_PREFIX = re.compile(r"^(?:openai/|azure/)?(?:ft:)?")
_CL100K = re.compile(r"^(?:gpt-4(?!o|\.|1)|gpt-3\.5|gpt-35|text-embedding-(?:3|ada)|davinci-002|babbage-002)")
_SHORT_PRIMER = re.compile(r"^(?:gpt-[5-9]|gpt-oss|o3|o4)")
_STOP_TOKEN = re.compile(r"^(?:gpt-|chatgpt-|o\d)")


__all__ = ["Catalog", "ModelSpec", "Rates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model: who answers, how its tokens are counted, its limits and its price.

    ``reply_primer`` is the number of tokens that open the answer, counted in the
    prompt; ``stop_token``: the provider bills one more when the model stops by itself;
    ``label``: the name for metrics, ``"*"`` for all names that it passes on. ``rates`` is what a hold is taken at;
    with a ``card`` that is the dearest that can apply, and the charge is looked up there.
    """

    name: str
    provider: str
    upstream_model: str
    encoding: str
    reply_primer: int
    stop_token: bool
    context_tokens: int
    max_completion_tokens: int
    default_hold_tokens: int
    safety_factor: int
    rates: Rates
    rate_version: str
    fallbacks: tuple[str, ...]
    label: str
    card: PriceCard | None = None


class Catalog:
    """All models of one set of settings."""

    def __init__(self, settings: Settings) -> None:
        self._specs = {name: spec_of(model) for name, model in settings.models.items() if name != "*"}
        rest = settings.models.get("*")
        self._rest = None if rest is None else spec_of(rest)
        self._passed: dict[str, ModelSpec] = {}

    def names(self) -> list[str]:
        """Return the configured names in the order of the file, without ``"*"``."""
        return list(self._specs)

    def resolve(self, name: str) -> ModelSpec:
        """Return the model of this name, or one made from the ``"*"`` entry.

        Raises:
            UnknownModelError: nothing takes this name.
        """
        spec = self._specs.get(name) or self._passed.get(name)
        return spec if spec is not None else self._pass_through(name)

    def find(self, name: str) -> ModelSpec | None:
        """Return what ``resolve`` does, or None where nothing takes this name."""
        try:
            return self.resolve(name)
        except UnknownModelError:
            return None

    def _pass_through(self, name: str) -> ModelSpec:
        if self._rest is None or not 0 < len(name) <= NAME_CHARACTERS_MAX or name == "*":
            raise UnknownModelError(name)
        spec = passed_spec(self._rest, name)
        if len(self._passed) < PASSED_NAMES_MAX:
            self._passed[name] = spec
        return spec


def spec_of(model: ModelSettings) -> ModelSpec:
    """Return what the meter must know about a configured model."""
    rates, version, card = _rates_of(model)
    return ModelSpec(
        name=model.name,
        provider=model.provider,
        upstream_model=model.upstream_model,
        encoding=model.encoding,
        reply_primer=reply_primer_of(model.upstream_model),
        stop_token=has_stop_token(model.upstream_model, model.encoding),
        context_tokens=model.context_tokens,
        max_completion_tokens=model.max_completion_tokens,
        default_hold_tokens=model.default_hold_tokens,
        safety_factor=model.safety_factor,
        rates=rates,
        rate_version=version,
        fallbacks=model.fallbacks,
        label=model.name,
        card=card,
    )


def _rates_of(model: ModelSettings) -> tuple[Rates, str, PriceCard | None]:
    """Return the rates that a hold is taken at, their version, and a card where more than three kinds have a rate."""
    kinds = KindRates.of(model.rates)
    if kinds.is_plain:
        rates = Rates(prompt=kinds.prompt, cached=kinds.cached, completion=kinds.completion)
        return rates, rates.version, None
    return kinds.dearest(), kinds.version, PriceCard(model.name, (Price(rates=kinds, version=kinds.version),))


def passed_spec(rest: ModelSpec, name: str) -> ModelSpec:
    """Return the ``"*"`` entry under another name; the family of that name decides how it is counted."""
    encoding = "cl100k_base" if _CL100K.match(_PREFIX.sub("", name)) else rest.encoding
    return replace(
        rest,
        name=name,
        upstream_model=name,
        encoding=encoding,
        reply_primer=reply_primer_of(name),
        stop_token=has_stop_token(name, encoding),
    )


def reply_primer_of(upstream_model: str) -> int:
    """Return the tokens that open an answer: 2 in the harmony layout (gpt-5 and later, o3, o4), else 3."""
    return 2 if _SHORT_PRIMER.match(_PREFIX.sub("", upstream_model)) else 3


def has_stop_token(upstream_model: str, encoding: str) -> bool:
    """Tell whether OpenAI bills the stop token of this model: since gpt-4o it does."""
    return encoding == "o200k_base" and _STOP_TOKEN.match(_PREFIX.sub("", upstream_model)) is not None
