"""What a request asks of the meter, and how much of it is held (DESIGN 3.2, step 2)."""

from collections.abc import Mapping

import msgspec

from config.cards import PriceCard
from config.catalog import ModelSpec
from metering.ask import Ask, Claim
from metering.core.limits import Limited, LimitSet
from metering.core.rates import AMOUNT_MAX, MICRO, completion_for, hold_of


class Terms(msgspec.Struct, frozen=True, gc=False):
    """How much to hold, in the account's unit.

    ``want`` is asked for first, ``least`` would do, ``bound`` is the worst case of the whole request.
    """

    want: int
    least: int
    bound: int


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the meter sees it.

    ``candidates`` are the models that may answer, the one asked for first: the hold covers the dearest of them.
    ``limit`` is the completion limit that the client named, per choice. ``prices`` is the price table as it was when
    the request came, where there is one: what the request costs is noted by it.
    """

    request_id: str
    account_id: str
    user_id: str | None
    key_id: str | None
    resource: str
    endpoint: str
    model: str
    candidates: tuple[ModelSpec, ...]
    stream: bool
    prompt_tokens: int
    limit: int | None
    choices: int
    clamp: str
    min_completion_tokens: int
    orphan: str
    session_id: str | None
    reason: str
    feature: str | None
    claim: Claim | None = None
    limits: LimitSet | None = None
    service_tier: str | None = None
    prices: Mapping[str, PriceCard] | None = None

    @property
    def spec(self) -> ModelSpec:
        """The model that was asked for."""
        return self.candidates[0]

    def ask(self, facts: bytes, amount: int, claim: Claim | None = None, limited: Limited | None = None) -> Ask:
        """Return what asks admission for just so much; without ``limited`` whatever the limits say."""
        return Ask(
            request_id=self.request_id,
            account_id=self.account_id,
            resource=self.resource,
            user_id=self.user_id or "",
            model=self.model,
            want=amount,
            least=amount,
            facts=facts,
            claim=claim,
            limited=limited,
        )

    @property
    def limited(self) -> Limited | None:
        """What limits are asked; None: nothing is limited."""
        if self.limits is None:
            return None
        want = least = self.completion_max
        if self.limit is None and self.stream:
            want = least = min(self.candidates[0].default_hold_tokens, want)
        if self.clamp == "always" or (self.clamp == "unset" and self.limit is None):
            least = min(least, self.min_completion_tokens)
        tokens = [self.prompt_tokens + self.choices * most for most in (want, least)]
        return Limited(self.limits, self.model, self.user_id, *tokens)

    def tokens_for(self, amount: int) -> int:
        """Return the tokens that a hold of so much is for, where they count for limits; else 0."""
        if self.limits is None:
            return 0
        return self.prompt_tokens + self.choices * min(self.completion_max, self.limit_for(amount))

    @property
    def dearest(self) -> ModelSpec:
        """The candidate by whose rates an orphan is charged: nobody knows which one answered."""
        if len(self.candidates) == 1:
            return self.candidates[0]
        return max(self.candidates, key=_dearness)

    @property
    def completion_max(self) -> int:
        """The most completion tokens per choice that this request can produce."""
        if self.limit is not None:
            return self.limit
        spec = self.candidates[0]
        return max(1, min(spec.max_completion_tokens, spec.context_tokens - self.prompt_tokens))

    def terms(self) -> Terms:
        """Return how much to hold.

        A limit that the client named is held in full; with none, a stream starts with the model's default and
        grows. Less than what is wanted will do only where the clamp policy lets the limit be lowered.
        """
        most = self.completion_max
        bound = want = min(AMOUNT_MAX, self.worst(most))
        if self.limit is None and self.stream:
            want = min(bound, self.worst(min(self.candidates[0].default_hold_tokens, most)))
        if self.clamp == "never" or (self.clamp == "unset" and self.limit is not None):
            return Terms(want, want, bound)
        return Terms(want, min(want, self.worst(min(self.min_completion_tokens, most))), bound)

    def worst(self, completion_tokens: int) -> int:
        """Return the worst case with this completion limit per choice, in the account's unit."""
        if len(self.candidates) == 1:
            return self._worst_of(self.candidates[0], completion_tokens)
        return max([self._worst_of(spec, completion_tokens) for spec in self.candidates])

    def _worst_of(self, spec: ModelSpec, completion_tokens: int) -> int:
        return hold_of(
            spec.rates,
            prompt=self.prompt_tokens,
            safety_factor=spec.safety_factor,
            completion=self.choices * completion_tokens,
        )

    def limit_for(self, amount: int) -> int:
        """Return the highest completion limit per choice whose worst case is at most ``amount``."""
        return min(
            completion_for(
                spec.rates,
                amount=amount,
                prompt=self.prompt_tokens,
                safety_factor=spec.safety_factor,
                choices=self.choices,
            )
            for spec in self.candidates
        )


def _dearness(spec: ModelSpec) -> tuple[int, int]:
    """Return what a million completion tokens are held at, and the rate of a prompt token."""
    return hold_of(spec.rates, prompt=0, safety_factor=MICRO, completion=MICRO), spec.rates.prompt
