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
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.account_metrics import account_metrics
from gateway.auth import key_of
from gateway.deps import DEPS
from gateway.errors import unauthorized
from metering.hold import Hold
from metering.metrics import FAST, METRICS, SECONDS

log = structlog.get_logger()

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FLUSH_SECONDS = 1.0
# A proxy on the same machine speaks for others: they are not on loopback.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")

REQUESTS = Counter("farebox_requests", "Requests answered.", ("endpoint", "model", "provider", "status"))
OVERHEAD = Histogram("farebox_overhead_seconds", "Time that Farebox adds to a request.", buckets=FAST)
FIRST_BYTE = Histogram(
    "farebox_time_to_first_byte_seconds", "From a request's arrival to the first byte of its answer.", buckets=SECONDS
)


class RequestCounts:
    """Counts of requests on their way to the counter: a metric's update for each would cost the line too much."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, int], int] = {}

    def add(self, endpoint: str, model: str, provider: str, status: int) -> None:
        """Count one request."""
        if not self._counts:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        key = (endpoint, model, provider, status)
        self._counts[key] = self._counts.get(key, 0) + 1

    def flush(self) -> None:
        """Move the counts into the counter: once a second, and before each scrape."""
        counts, self._counts = self._counts, {}
        for (endpoint, model, provider, status), count in counts.items():
            REQUESTS.labels(endpoint, model, provider, str(status)).inc(count)


COUNTS = RequestCounts()


def observe_request(request: web.Request, hold: Hold | None, status: int, _elapsed: float) -> None:
    """Count a request that was answered. All labels are from closed sets: routes, the configuration, statuses."""
    if hold is not None:
        COUNTS.add(hold.order.endpoint, hold.spec.label, hold.spec.provider, status)
        return
    resource = request.match_info.route.resource
    path = resource.canonical if resource else "/{path}"
    COUNTS.add("other" if path == "/{path}" else path, "", "", status)


async def handle_metrics(request: web.Request) -> web.Response:
    """Serve GET /metrics."""
    deps = request.app[DEPS]
    require_scraper(request, deps.settings.metrics.token)
    audit = await account_metrics(deps)
    COUNTS.flush()
    METRICS.flush()
    return web.Response(body=await asyncio.to_thread(render, audit), headers={"Content-Type": CONTENT_TYPE})


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
