"""Settings: every limit of the system, as frozen values.

Units are in the names; the reasons are beside the defaults in ``farebox.toml``
and in ``docs/configuration.md``, and ``tests/house`` keeps the three equal. The
annotations say what the loader accepts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from config.constraints import Cidr, Micro, Range, Text, Url

Floor = Literal["cross", "keep"]
Clamp = Literal["unset", "never", "always"]
Orphan = Literal["bounded", "upper_bound", "checkpoint"]
Fsync = Literal["none", "group"]
Durability = Literal["warn", "strict"]
Pooling = Literal["session", "transaction"]
UnknownFeature = Literal["refuse", "pass"]
UnknownPrice = Literal["refuse", "charge"]
ProviderKind = Literal["openai", "simulated"]
Encoding = Literal["o200k_base", "cl100k_base"]

Name = Annotated[str, Text(256)]
Network = Annotated[str, Cidr()]
Secret = Annotated[str, Text(4096)]
HttpUrl = Annotated[str, Url(("http", "https"))]
PostgresUrl = Annotated[str, Url(("postgresql", "postgres"))]
RedisUrl = Annotated[str, Url(("redis", "rediss", "redis+cluster", "rediss+cluster", "unix"))]

Count = Annotated[int, Range(1, 10**9)]
Bytes = Annotated[int, Range(1024, 2**40)]
Seconds = Annotated[float, Range(0.01, 86_400)]
SecondsOrZero = Annotated[float, Range(0, 86_400)]
# Lua counts in doubles, and 2**53 is the last exact integer there.
Tokens = Annotated[int, Range(0, 2**53)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where Farebox listens, and what one client may ask of it."""

    host: Name = "127.0.0.1"
    port: Annotated[int, Range(0, 65_535)] = 8080
    workers: Annotated[int, Range(1, 256)] = 1
    body_bytes_max: Bytes = 16_777_216
    body_seconds_max: Seconds = 30.0
    header_bytes_max: Bytes = 16_384
    drain_seconds: SecondsOrZero = 30.0
    log_requests: bool = True
    trusted_proxies: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSettings:
    """The rules of the meter, and how long anything of it may wait."""

    min_reserve: Tokens = 0
    warning_threshold: Tokens | None = None
    credits_warning_threshold: Tokens = 1_000_000
    floor: Floor = "cross"
    clamp: Clamp = "unset"
    orphan: Orphan = "bounded"
    min_completion_tokens: Count = 16
    lease_seconds: Seconds = 60.0
    renew_seconds: Seconds = 15.0
    sweep_seconds: Seconds = 2.0
    request_seconds_max: Seconds = 1800.0
    extend_at_percent: Annotated[int, Range(1, 99)] = 75
    progress_tokens: Count = 256
    progress_seconds: Seconds = 1.0
    settle_lanes: Annotated[int, Range(1, 64)] = 4
    settle_batch_max: Annotated[int, Range(1, 512)] = 512
    unsettled_account_max: Tokens = 1_000_000_000
    unsettled_total_max: Tokens = 10_000_000_000
    charge_comment: bool = True
    expiry_seconds: Seconds = 5.0
    seal_seconds: Seconds = 600.0
    reconcile_seconds: Seconds = 10.0
    reconcile_accounts: Annotated[int, Range(1, 10_000)] = 200
    reservation_seconds: Annotated[int, Range(1, 2_592_000)] = 600
    reservation_seconds_max: Annotated[int, Range(1, 2_592_000)] = 86_400
    reservation_grace_seconds: SecondsOrZero = 60.0
    recurring_seconds: Seconds = 10.0
    rollup_seconds: Seconds = 30.0
    events_keep_months: Annotated[int, Range(0, 1200)] = 0
    holds_per_account_max: Annotated[int, Range(1, 10**6)] = 10_000
    count_inline_bytes_max: Annotated[int, Range(0, 2**20)] = 16_384
    idempotency_seconds: Annotated[int, Range(60, 2_592_000)] = 86_400
    idempotency_answer_bytes_max: Bytes = 1_048_576
    idempotency_admin_seconds: Annotated[int, Range(60, 31_536_000)] = 604_800


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """The gateway's own write-ahead copy."""

    fsync: Fsync = "none"
    segment_bytes_max: Annotated[int, Range(65_536, 2**32)] = 67_108_864


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """Admission control; without a URL an embedded Valkey is started."""

    url: RedisUrl | None = field(default=None, repr=False)
    timeout_seconds: Seconds = 2.0
    barrier_seconds: Annotated[float, Range(1, 3600)] = 1.0
    barrier_wait_seconds: Seconds = 2.0
    durability: Durability = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSettings:
    """The ledger; without a URL an embedded Postgres is started."""

    url: PostgresUrl | None = field(default=None, repr=False)
    pool_max: Annotated[int, Range(2, 1000)] = 8
    timeout_seconds: Seconds = 10.0
    chore_timeout_seconds: Seconds = 3600.0
    pooling: Pooling = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """The admin key, and how long a client's key is believed without asking Postgres."""

    admin_key: Annotated[str, Text(4096)] | None = field(default=None, repr=False)
    cache_seconds: SecondsOrZero = 5.0
    stale_seconds_max: SecondsOrZero = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """What ``/metrics`` may cost and who may read it."""

    max_accounts: Annotated[int, Range(0, 100_000)] = 200
    token: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """The patience and the buffers of the client side."""

    connect_seconds_max: Seconds = 10.0
    idle_seconds_max: Seconds = 300.0
    header_bytes_max: Bytes = 65_536
    body_bytes_max: Bytes = 67_108_864
    connections_per_origin_max: Annotated[int, Range(1, 100_000)] = 1000
    keepalive_seconds: SecondsOrZero = 60.0
    proxy: HttpUrl | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSettings:
    """What features do that nobody has made."""

    unknown: UnknownFeature = "pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSettings:
    """The price table; the two default prices are micro-dollars for a million tokens."""

    unknown: UnknownPrice = "refuse"
    default_prompt: Annotated[int, Micro(0, 1_000_000)] = 150_000_000
    default_completion: Annotated[int, Micro(0, 1_000_000)] = 600_000_000
    auto_tier: Name = "default"
    refresh_seconds: Seconds = 5.0
    update_hours: Annotated[float, Range(0, 8760)] = 0.0
    update_url: HttpUrl | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """The account that a first start creates, so that the first request works."""

    enabled: bool = True
    pack_tokens: Annotated[int, Range(1, 2**53)] = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """How long a session of the dashboard lasts, and what is shown there."""

    session_seconds: Annotated[float, Range(1, 2_592_000)] = 43_200.0
    idle_seconds: Annotated[float, Range(0.1, 2_592_000)] = 3600.0
    sign_ins_per_minute: Annotated[int, Range(1, 100_000)] = 10
    sign_ins_total_per_minute: Annotated[int, Range(1, 100_000)] = 300
    secure_cookie: bool = False
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One place that answers requests; ``api_key`` is read from the variable ``api_key_env``."""

    name: Name
    kind: ProviderKind = "openai"
    base_url: HttpUrl | None = None
    api_key_env: Name | None = None
    api_key: str | None = field(default=None, repr=False)
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One name that clients may ask for; ``rates`` and ``safety_factor`` are millionths."""

    name: Name
    provider: Name
    upstream_model: Name
    encoding: Encoding = "o200k_base"
    context_tokens: Count = 128_000
    max_completion_tokens: Count = 16_384
    default_hold_tokens: Count = 1024
    safety_factor: Annotated[int, Micro(1, 100)] = 1_000_000
    rates: Mapping[str, int] = field(
        default_factory=lambda: {"prompt": 1_000_000, "cached": 1_000_000, "completion": 1_000_000}
    )
    fallbacks: tuple[Name, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSettings:
    """One thing that packs may hold beside the unit of their account; amounts are in it."""

    name: Name
    label: Annotated[str, Text(40)] = "units"
    min_reserve: Tokens = 0
    warning_threshold: Tokens | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the operator decides; disabled and unreachable providers are already left out."""

    state_dir: Path
    top_up_url: HttpUrl | None = None
    server: ServerSettings = ServerSettings()
    meter: MeterSettings = MeterSettings()
    journal: JournalSettings = JournalSettings()
    redis: RedisSettings = RedisSettings()
    postgres: PostgresSettings = PostgresSettings()
    auth: AuthSettings = AuthSettings()
    metrics: MetricsSettings = MetricsSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    features: FeatureSettings = FeatureSettings()
    prices: PriceSettings = PriceSettings()
    dashboard: DashboardSettings = DashboardSettings()
    demo: DemoSettings = DemoSettings()
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict[str, ProviderSettings])
    models: Mapping[str, ModelSettings] = field(default_factory=dict[str, ModelSettings])
    resources: Mapping[str, ResourceSettings] = field(default_factory=dict[str, ResourceSettings])
