"""/metrics: what this gateway counts, and how the accounts stand that were active last.

The families of requests are declared here, the meter's in metering/metrics.py; docs/metrics.md has them all. Counters
and histograms are each process's own, and summed over the workers of one machine. What is said of accounts is read
from Postgres and Redis at the scrape, so it is the same on every replica, and is never summed.
"""

import asyncio
import hmac
import os
from ipaddress import IPv6Address, ip_address

import structlog
from aiohttp import web
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.account_metrics import account_metrics
from gateway.auth import key_of
from gateway.deps import DEPS
from gateway.errors import unauthorized
from gateway.exchange import Exchange
from gateway.openapi.operation import Role, operation
from metering.metrics import FAST, METRICS, SECONDS, drain, observe_many

log = structlog.get_logger()

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FLUSH_SECONDS = 1.0
# A proxy on the same machine speaks for others: they are not on loopback.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each, which nobody asks for

REQUESTS = Counter("farebox_requests", "Requests answered.", ("endpoint", "model", "provider", "status"))
OVERHEAD = Histogram("farebox_overhead_seconds", "Time that Farebox adds to a request.", buckets=FAST)
FIRST_BYTE = Histogram(
    "farebox_time_to_first_byte_seconds", "From a request's arrival to the first byte of its answer.", buckets=SECONDS
)


class RequestCounts:
    """Counts of requests on their way to the metrics: a metric's update for each would cost the line too much."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, int], int] = {}
        self._overhead: list[float] = []
        self._first_byte: list[float] = []

    def add(self, endpoint: str, model: str, provider: str, status: int) -> None:
        """Count one request."""
        if not self._counts:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        key = (endpoint, model, provider, status)
        self._counts[key] = self._counts.get(key, 0) + 1

    def time(self, *, overhead: float, first_byte: float) -> None:
        """Note the times of one answered request, in seconds."""
        self._overhead.append(overhead)
        self._first_byte.append(first_byte)

    def flush(self) -> None:
        """Move the counts into the metrics: once a second, and before each scrape."""
        counts, self._counts = self._counts, {}
        for (endpoint, model, provider, status), count in counts.items():
            REQUESTS.labels(endpoint, model, provider, str(status)).inc(count)
        observe_many(OVERHEAD, drain(self._overhead))
        observe_many(FIRST_BYTE, drain(self._first_byte))


COUNTS = RequestCounts()


def observe_request(request: web.Request, status: int) -> None:
    """Count a request that was answered. All labels are from closed sets: routes, the configuration, statuses."""
    resource = request.match_info.route.resource
    path = resource.canonical if resource else "/{path}"
    COUNTS.add("other" if path == "/{path}" else path, "", "", status)


def observe_chat(exchange: Exchange, status: int, started: float, ended: float) -> None:
    """Count a chat request.

    ``started`` and ``ended`` are readings of time.perf_counter. The overhead is what passes before the first byte
    goes upstream, and after the last one came from there.
    """
    relay = exchange.relay
    if relay is None:
        COUNTS.add(exchange.path, "", "", status)
        return
    hold = relay.hold
    COUNTS.add(hold.order.endpoint, hold.spec.label, hold.spec.provider, status)
    if relay.first_byte_at and relay.last_byte_at:
        overhead = hold.forwarded_at - started + ended - relay.last_byte_at
        COUNTS.time(overhead=overhead, first_byte=relay.first_byte_at - started)


@operation("getMetrics", "Metrics for Prometheus", media="text/plain", role=Role.SCRAPER)
async def handle_metrics(request: web.Request) -> web.Response:
    """Serve GET /metrics."""
    deps = request.app[DEPS].now
    require_scraper(request, deps.settings.metrics.token)
    accounts = await account_metrics(deps)
    COUNTS.flush()
    METRICS.flush()
    return web.Response(body=await asyncio.to_thread(render, accounts), headers={"Content-Type": CONTENT_TYPE})


def require_scraper(request: web.Request, token: str | None) -> None:
    """Raise ApiError (401) unless the caller is on this machine, or has the token."""
    if token is not None:
        key = key_of(request.headers)
        if key is not None and hmac.compare_digest(key.encode(), token.encode()):
            return
    if on_loopback(request):
        return
    raise unauthorized("Metrics are open on loopback only; elsewhere send metrics.token as a bearer token.")


def on_loopback(request: web.Request) -> bool:
    """Return whether the caller itself is on this machine."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not isinstance(peer, tuple) or any(name in request.headers for name in FORWARDED):
        return False
    address = ip_address(peer[0].partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


def render(accounts: CollectorRegistry) -> bytes:
    """Return all metrics as text: off the loop, since many workers and accounts take milliseconds."""
    own = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        own = CollectorRegistry()
        MultiProcessCollector(own)  # type: ignore[no-untyped-call] # the library has no types here
    return generate_latest(own) + generate_latest(accounts)


def routes() -> list[web.RouteDef]:
    """Return the route of metrics."""
    return [web.get("/metrics", handle_metrics, allow_head=False)]
