"""Limits that only make sense together; a check is skipped when one of its settings was already refused."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from config.settings import Settings
from config.sources import Key

# Repeated requests are known for 30 days at most; journals are found again after days, rarely weeks.
EVENTS_MONTHS_MIN = 3


class Relation(NamedTuple):
    """Two settings, when they agree, and what to write when they do not."""

    first: Key
    second: Key
    holds: Callable[[Settings], bool]
    problem: str
    hint: str


RELATIONS = (
    Relation(
        ("meter", "renew_seconds"),
        ("meter", "lease_seconds"),
        lambda settings: settings.meter.renew_seconds < settings.meter.lease_seconds / 2,
        "must be below half of meter.lease_seconds, so that one lost prolongation loses no hold",
        "write a quarter of it",
    ),
    Relation(
        ("redis", "timeout_seconds"),
        ("meter", "renew_seconds"),
        lambda settings: settings.redis.timeout_seconds < settings.meter.renew_seconds,
        "must be below meter.renew_seconds, so that a prolongation ends before the next one",
        "write a smaller redis.timeout_seconds",
    ),
    Relation(
        ("meter", "lease_seconds"),
        ("meter", "request_seconds_max"),
        lambda settings: settings.meter.lease_seconds <= settings.meter.request_seconds_max,
        "must not be above meter.request_seconds_max, the life of a request",
        "write a smaller meter.lease_seconds",
    ),
    Relation(
        ("meter", "request_seconds_max"),
        ("meter", "idempotency_seconds"),
        lambda settings: settings.meter.request_seconds_max <= settings.meter.idempotency_seconds,
        "must not be above meter.idempotency_seconds, or a key would be forgotten while its request runs",
        "write a higher meter.idempotency_seconds",
    ),
    Relation(
        ("meter", "reservation_seconds"),
        ("meter", "reservation_seconds_max"),
        lambda settings: settings.meter.reservation_seconds <= settings.meter.reservation_seconds_max,
        "must not be above meter.reservation_seconds_max",
        "write a smaller meter.reservation_seconds",
    ),
    Relation(
        ("meter", "reservation_seconds_max"),
        ("meter", "idempotency_seconds"),
        lambda settings: settings.meter.reservation_seconds_max <= settings.meter.idempotency_seconds,
        "must not be above meter.idempotency_seconds, or a key would be forgotten while its reservation is open",
        "write a higher meter.idempotency_seconds",
    ),
    Relation(
        ("meter", "events_keep_months"),
        ("meter", "idempotency_seconds"),
        lambda settings: (
            settings.meter.events_keep_months == 0 or settings.meter.events_keep_months >= EVENTS_MONTHS_MIN
        ),
        f"must be 0 (for ever) or at least {EVENTS_MONTHS_MIN}: nobody may still ask for a request that is gone",
        f"write 0, or {EVENTS_MONTHS_MIN} or more",
    ),
    Relation(
        ("meter", "warning_threshold"),
        ("meter", "min_reserve"),
        lambda settings: (
            settings.meter.warning_threshold is None or settings.meter.warning_threshold > settings.meter.min_reserve
        ),
        "must be above meter.min_reserve: at the reserve everything has stopped already",
        "write a higher meter.warning_threshold, or leave it out",
    ),
    Relation(
        ("meter", "unsettled_account_max"),
        ("meter", "unsettled_total_max"),
        lambda settings: settings.meter.unsettled_account_max <= settings.meter.unsettled_total_max,
        "must not be above meter.unsettled_total_max, which is the cap of all accounts together",
        "write a smaller meter.unsettled_account_max",
    ),
    Relation(
        ("meter", "settle_lanes"),
        ("postgres", "pool_max"),
        lambda settings: settings.meter.settle_lanes < settings.postgres.pool_max,
        "must be below postgres.pool_max: each lane uses a connection, and one is left for the rest",
        "write a higher postgres.pool_max",
    ),
    Relation(
        ("redis", "barrier_seconds"),
        ("redis", "barrier_wait_seconds"),
        lambda settings: settings.redis.barrier_seconds <= settings.redis.barrier_wait_seconds,
        "must not be above redis.barrier_wait_seconds, which is how long a request waits for it",
        "write a higher redis.barrier_wait_seconds",
    ),
    Relation(
        ("auth", "cache_seconds"),
        ("auth", "stale_seconds_max"),
        lambda settings: settings.auth.cache_seconds <= settings.auth.stale_seconds_max,
        "must not be above auth.stale_seconds_max",
        "write a smaller auth.cache_seconds",
    ),
    Relation(
        ("server", "workers"),
        ("server", "port"),
        lambda settings: settings.server.workers == 1 or settings.server.port != 0,
        "above 1 needs a fixed server.port: with port 0 each worker would listen on another one",
        "write a port such as 8080",
    ),
)


def broken_relations(settings: Settings) -> Iterator[tuple[Key, Key, str, str]]:
    """Yield both keys, the problem of the first, and what to write."""
    for relation in RELATIONS:
        if not relation.holds(settings):
            yield relation.first, relation.second, relation.problem, relation.hint
    for name, model in settings.models.items():
        yield from _broken_model(settings, ("models", name), model.max_completion_tokens)


def _broken_model(settings: Settings, key: Key, limit_tokens: int) -> Iterator[tuple[Key, Key, str, str]]:
    model, limit = settings.models[key[1]], (*key, "max_completion_tokens")
    if model.default_hold_tokens > limit_tokens:
        hint = f"write at most {limit_tokens}"
        yield (*key, "default_hold_tokens"), limit, "must not be above max_completion_tokens", hint
    if limit_tokens > model.context_tokens:
        hint = f"write at most {model.context_tokens}"
        yield limit, (*key, "context_tokens"), "must not be above context_tokens", hint
    if limit_tokens < settings.meter.min_completion_tokens:
        hint = f"write at least {settings.meter.min_completion_tokens}"
        yield limit, ("meter", "min_completion_tokens"), "must not be below meter.min_completion_tokens", hint
