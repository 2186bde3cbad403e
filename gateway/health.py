"""/healthz: this process lives. /readyz: it can serve, since everything that it needs answers.

Each dependency registers its own ping; the page only asks them all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import web

from gateway.deps import DEPS, Deps
from gateway.errors import ApiError
from gateway.openapi.operation import operation
from gateway.openapi.shapes import Alive, Ready
from metering.errors import BarrierError, MeteringError

log = structlog.get_logger()

Ping = Callable[[], Awaitable[None]]
PING_SECONDS_MAX = 2.0


def pings_of(deps: Deps) -> dict[str, Ping]:
    """Return a ping for each dependency: it raises, or does not come back, when that can't be used."""
    return {"redis": deps.store.ping, "postgres": deps.ledger.ping, "epochs": lambda: _epochs_open(deps)}


async def _epochs_open(deps: Deps) -> None:
    """Raise BarrierError while accounts of any bucket have to wait for holds to be stated again."""
    if deps.epochs.waiting:
        raise BarrierError(f"{deps.epochs.waiting} buckets wait for holds to be stated again")


async def failing(pings: Mapping[str, Ping]) -> list[str]:
    """Return the names of the dependencies that do not answer in time, asked all at once."""

    async def fails(name: str, ping: Ping) -> bool:
        try:
            async with asyncio.timeout(PING_SECONDS_MAX):
                await ping()
        except (MeteringError, OSError) as error:  # TimeoutError is an OSError
            log.warning("not_ready", dependency=name, error=str(error))
            return True
        return False

    answers = await asyncio.gather(*(fails(name, ping) for name, ping in pings.items()))
    return [name for name, failed in zip(pings, answers, strict=True) if failed]


@operation("getLiveness", "Whether this process lives", answer=Alive)
async def handle_live(_: web.Request) -> web.Response:
    """Serve GET /healthz: whoever reads this knows all there is to know."""
    return web.json_response({"status": "ok"})


@operation("getReadiness", "Whether this gateway can serve", answer=Ready, refuses=(503,))
async def handle_ready(request: web.Request) -> web.Response:
    """Serve GET /readyz."""
    pings = pings_of(request.app[DEPS].now)
    failed = await failing(pings)
    if failed:
        raise ApiError(
            503,
            f"Not ready: {', '.join(failed)} can't be used now.",
            kind="server_error",
            code="not_ready",
            param=failed[0],
            headers={"Retry-After": "1"},
        )
    return web.json_response({"status": "ok", "checked": list(pings)})


def routes() -> list[web.RouteDef]:
    """Return the routes of health."""
    return [web.get("/healthz", handle_live), web.get("/readyz", handle_ready)]
