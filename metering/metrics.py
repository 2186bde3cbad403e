"""Every metric of the meter, declared once. Docs: docs/metrics.md.

Label sets are closed: models and providers from the configuration, reasons and sources from enumerations; never a
key, a member or a request. With several workers the values are summed over them (PROMETHEUS_MULTIPROC_DIR).
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram

from metering.core.settlement import Outcome

T = TypeVar("T")
KINDS = ("prompt", "completion", "cached", "reasoning")

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
FAST = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1)


def _buffer() -> "Buffer":
    return Buffer()


def _tokens() -> Counter:
    return Counter(
        "farebox_tokens",
        "Tokens charged, by kind: prompt, cached, completion, reasoning.",
        ("model", "provider", "kind"),
    )


@dataclass(frozen=True, slots=True)
class MeterMetrics:
    """The meter's own metrics."""

    tokens: Counter = field(default_factory=_tokens)
    denied: Counter = field(
        default_factory=lambda: Counter("farebox_denied", "Requests refused by the meter.", ("reason",))
    )
    settled: Counter = field(default_factory=lambda: Counter("farebox_settled", "Settlements booked in Postgres."))
    parked: Counter = field(
        default_factory=lambda: Counter("farebox_parked", "Settlements that Postgres refused, set aside.")
    )
    recovered: Counter = field(
        default_factory=lambda: Counter("farebox_recovered", "Requests settled for a gateway that died.")
    )
    corrected: Counter = field(
        default_factory=lambda: Counter("farebox_corrected", "Recovered requests whose exact usage came later.")
    )
    reservations_expired: Counter = field(
        default_factory=lambda: Counter(
            "farebox_reservations_expired", "Reservations that nobody ended in time.", ("on_expiry",)
        )
    )
    distrusted: Counter = field(
        default_factory=lambda: Counter("farebox_usage_distrusted", "Usage reports that were not believed.", ("model",))
    )
    reserve: Histogram = field(
        default_factory=lambda: Histogram("farebox_reserve_seconds", "Time to take a hold.", buckets=FAST)
    )
    settle_lag: Histogram = field(
        default_factory=lambda: Histogram(
            "farebox_settle_lag_seconds", "From the end of a request to its booking.", buckets=SECONDS
        )
    )
    settle: Histogram = field(
        default_factory=lambda: Histogram("farebox_settle_seconds", "Time of one settle batch.", buckets=SECONDS)
    )
    drift: Histogram = field(
        default_factory=lambda: Histogram(
            "farebox_count_drift_ratio",
            "Tokens counted here divided by tokens reported.",
            ("model",),
            buckets=(0.5, 0.8, 0.9, 0.95, 0.99, 1, 1.01, 1.05, 1.1, 1.2, 1.5, 2),
        )
    )
    holds_open: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_holds_open", "Holds that this gateway owns.", multiprocess_mode="livesum"
        )
    )
    unsettled: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_unsettled", "Requests finished and not booked yet.", multiprocess_mode="livesum"
        )
    )
    seal_lag: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_seal_lag_seconds",
            "Age of the oldest entry that was due for a seal at the last look.",
            multiprocess_mode="livemax",
        )
    )
    redis_weak: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_redis_weak", "1 where Redis may forget what it has answered.", multiprocess_mode="livemax"
        )
    )
    sweep_lag: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_sweep_lag_seconds",
            "How late the oldest hold is whose owner is gone, at most.",
            multiprocess_mode="livemax",
        )
    )
    drift_accounts: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_drift_accounts",
            "Accounts found to differ between Redis and Postgres in the last round.",
            multiprocess_mode="mostrecent",
        )
    )
    drift_tokens: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_drift_tokens",
            "By how much the amounts of these accounts differed.",
            multiprocess_mode="mostrecent",
        )
    )
    drift_repaired: Counter = field(
        default_factory=lambda: Counter("farebox_drift_repaired", "Fields in Redis that were put right.")
    )
    buckets_shut: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_buckets_shut",
            "Buckets of accounts, of 1,024, that admit nothing now.",
            multiprocess_mode="livemax",
        )
    )
    audit_broken: Gauge = field(
        default_factory=lambda: Gauge(
            "farebox_audit_broken", "Invariants broken in the last audit.", multiprocess_mode="mostrecent"
        )
    )

    buffer: "Buffer" = field(default_factory=_buffer)

    def flush(self) -> None:
        """Move what was buffered into the metrics: once a second, and before each scrape."""
        buffer = self.buffer
        observe_many(self.reserve, drain(buffer.reserve))
        observe_many(self.settle_lag, drain(buffer.settle_lag))
        ratios: dict[str, list[float]] = {}
        for model, ratio in drain(buffer.drift):
            ratios.setdefault(model, []).append(ratio)
        for model, values in ratios.items():
            observe_many(self.drift.labels(model), values)
        usage, buffer.usage = buffer.usage, {}
        for (model, provider), counts in usage.items():
            for kind, tokens in zip(KINDS, counts, strict=True):
                self.tokens.labels(model, provider, kind).inc(tokens)


@dataclass(slots=True)
class Buffer:
    """What requests add and ``flush`` takes: an append costs the line a tenth of a metric's update."""

    reserve: list[float] = field(default_factory=list)
    settle_lag: list[float] = field(default_factory=list)
    drift: list[tuple[str, float]] = field(default_factory=list)
    usage: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # tokens by KINDS

    def count(self, model: str, provider: str, outcome: Outcome) -> None:
        """Add the tokens of one request."""
        counts = self.usage.get((model, provider))
        if counts is None:
            counts = self.usage[model, provider] = [0, 0, 0, 0]
        counts[0] += outcome.prompt_tokens
        counts[1] += outcome.completion_tokens
        counts[2] += outcome.cached_tokens
        counts[3] += outcome.reasoning_tokens


def drain(values: list[T]) -> list[T]:
    """Return what a list holds, and empty it."""
    taken = values[:]
    values.clear()
    return taken


def observe_many(histogram: Histogram, values: list[float]) -> None:
    """Observe many values at once.

    prometheus_client has no call for it; its own observe looks for the bucket from the first one, each time. Sorted,
    the values of a bucket are two searches apart, however many they are.
    """
    if not values:
        return
    values = sorted(values)
    below = 0
    for bound, bucket in zip(histogram._upper_bounds, histogram._buckets, strict=True):  # noqa: SLF001 - see above
        upto = bisect_right(values, bound)
        if upto > below:
            bucket.inc(upto - below)
            below = upto
    histogram._sum.inc(sum(values))  # noqa: SLF001 - see above


METRICS = MeterMetrics()
