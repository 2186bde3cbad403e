"""Refusals and failures of the meter.

MeteringError
├── RefusedError              the account may not spend this: 402, or 403 when suspended
│   └── LimitedError          a limit is reached: 429
├── RepeatedError             the Idempotency-Key is taken: 409, or 422 with another body
├── UnknownFeatureError       no feature has this key: 400
├── UnpricedModelError        the price table has no price for this model or service tier: 400
└── MeterUnavailableError     we do not know, so nothing is forwarded: 503
    ├── RedisDownError        no connection to Redis, or no answer in time
    ├── BarrierError          Redis may have forgotten; holds are being announced
    ├── LedgerDownError       Postgres does not answer
    └── BacklogError          too much waits for Postgres, or too many holds are open
"""

from dataclasses import dataclass
from enum import StrEnum

from metering.core.limits import Wall


class MeteringError(Exception):
    """Base of everything the meter raises."""


class Refusal(StrEnum):
    """Why an account may not spend, in the order in which it is checked."""

    SUSPENDED = "suspended"
    NO_ACTIVE_PACK = "no_active_pack"
    MIN_RESERVE_REACHED = "min_reserve_reached"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    BALANCE_HELD = "balance_held"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"

    @property
    def transient(self) -> bool:
        """Whether the same request may pass a moment later, with nothing granted."""
        return self is Refusal.BALANCE_HELD


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalDetails:
    """The numbers behind a refusal; amounts in ``unit``, ``next_expiry_ms`` 0 for none."""

    required: int
    balance: int
    reserved: int
    min_reserve: int
    next_expiry_ms: int
    unit: str

    @property
    def available(self) -> int:
        """Balance minus reserved."""
        return self.balance - self.reserved


class RefusedError(MeteringError):
    """The account may not spend what the request could cost."""

    def __init__(self, refusal: Refusal, details: RefusalDetails) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.details = details

    @property
    def reason(self) -> str:
        """What metrics call it."""
        return self.refusal.value


class LimitedError(RefusedError):
    """A limit of the account, the member, the key or the model is reached."""

    def __init__(self, wall: Wall, details: RefusalDetails) -> None:
        super().__init__(Refusal.RATE_LIMIT_EXCEEDED, details)
        self.wall = wall


class Repeat(StrEnum):
    """What became of the first request under an Idempotency-Key."""

    IN_PROGRESS = "request_in_progress"
    USED = "already_used"
    MISMATCH = "idempotency_mismatch"


class RepeatedError(MeteringError):
    """The Idempotency-Key is taken by another request. Nothing is held or forwarded.

    ``charge``, in ``unit``, is known when ``repeat`` is USED. ``replay``: whoever asks may have the first answer
    again, if it was kept.
    """

    def __init__(  # noqa: PLR0913 - what is known of the first request
        self, repeat: Repeat, request_id: str, *, account_id: str, charge: int = 0, unit: str = "", replay: bool = False
    ) -> None:
        super().__init__(repeat.value)
        self.repeat = repeat
        self.request_id = request_id
        self.account_id = account_id
        self.charge = charge
        self.unit = unit
        self.replay = replay

    @property
    def reason(self) -> str:
        """What metrics call it."""
        return self.repeat.value


class MeterUnavailableError(MeteringError):
    """The meter can't decide now. Nothing is forwarded."""

    retry_after_seconds = 1


class RedisDownError(MeterUnavailableError):
    """No connection to Redis, or no answer in time."""


class BarrierError(MeterUnavailableError):
    """Redis may have forgotten holds; admission waits until their owners have stated them again."""


class LedgerDownError(MeterUnavailableError):
    """Postgres does not answer."""


class BacklogError(MeterUnavailableError):
    """Too much is settled and not yet booked, or too many holds are open."""

    retry_after_seconds = 5


class UnknownFeatureError(MeteringError):
    """A request names a feature that does not exist."""

    def __init__(self, feature: str) -> None:
        super().__init__(f"There is no feature {feature!r}; ask for one of /admin/v1/features, or leave it out.")
        self.code, self.param = "invalid_request", "X-Farebox-Feature"


class UnpricedModelError(MeteringError):
    """An account in credits asks for what has no price."""

    def __init__(self, model: str, *, service_tier: str | None = None) -> None:
        what = f"The model {model}" if service_tier is None else f"The service tier {service_tier!r} of {model}"
        super().__init__(f"{what} has no price, so that it can't be charged; ask for one that /api/v1/pricing lists.")
        self.code = "model_not_priced"
        self.param = "model" if service_tier is None else "service_tier"
