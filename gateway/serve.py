"""`farebox serve`: from settings to a gateway that answers, and back to nothing left running.

The order: bind the port, start the embedded servers, migrate, make the demo account, start the workers. Whatever
fails before the last step is one line, and what was started is stopped.
"""

import json
import os
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog
import uvloop
from aiohttp import web

from config.settings import Settings
from gateway import logs
from gateway.app import PARTS, build_app
from gateway.demo import Demo, make_demo
from gateway.embedded import EmbeddedServers
from gateway.kept import keep, kept
from gateway.reloading import Reloader, Reread
from gateway.server import GatewayRunner
from gateway.signals import Signals, Terminal
from gateway.workers import Workers
from metering.migrate import migrate

log = structlog.get_logger()
TEND_SECONDS = 1.0


class ServeError(Exception):
    """The gateway can't start; the text is one line for the operator."""


def say(text: str) -> None:
    """Tell a person what is going on; stdout belongs to the log."""
    print(f"farebox: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the terminal is the place for it


def serve(settings: Settings, reread: Reread) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP asks ``reread`` anew. Raises ServeError, EmbeddedError, MeteringError."""
    started = settings
    logs.configure(log_requests=settings.server.log_requests)
    bound = bind(settings)
    try:
        embedded = EmbeddedServers(
            state_dir=settings.state_dir,
            database_url=settings.postgres.url,
            redis_url=settings.redis.url,
            say=say,
        )
        with embedded as endpoints:
            settings = replace(
                settings,
                postgres=replace(settings.postgres, url=endpoints.database_url),
                redis=replace(settings.redis, url=endpoints.redis_url),
                auth=replace(settings.auth, admin_key=admin_key(settings)),
            )
            demo = uvloop.run(prepare(settings))
            ready = partial(announce, settings, demo)
            terminal, tending = Terminal(), partial(tend, embedded)
            reloader = Reloader(settings, started=started, reread=reread)
            if settings.server.workers == 1:
                uvloop.run(run_gateway(reloader, bound, terminal=terminal, ready=ready, tend=tending))
            else:
                workers = Workers(partial(work_on, reloader), tending, reloader, terminal)
                workers.run(settings.server.workers, ready)
    finally:
        bound.close()


def bind(settings: Settings) -> socket.socket:
    """Return the listening socket. Raises ServeError: the port is in use, or not ours to take."""
    server = settings.server
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if server.workers > 1:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((server.host, server.port))
    except OSError as error:
        bound.close()
        raise ServeError(
            f"{server.host}:{server.port} can't be used: {error.strerror or error}; choose another with --port"
        ) from error
    bound.setblocking(False)
    return bound


def admin_key(settings: Settings) -> str:
    """Return the admin key: the configured one, or the one made at the first start and kept."""
    path = settings.state_dir / "admin.key"
    return settings.auth.admin_key or kept(path) or keep(path, "fbx_admin_" + secrets.token_urlsafe(32))


async def prepare(settings: Settings) -> Demo | None:
    """Migrate, and make the demo account at the first start."""
    assert settings.postgres.url
    applied = await migrate(settings.postgres.url)
    if applied:
        say(f"migrated the database: {', '.join(applied)}")
    return await make_demo(settings)


def announce(settings: Settings, demo: Demo | None) -> None:
    """Print how to call the gateway."""
    url = f"http://{settings.server.host}:{settings.server.port}"
    say(f"ready on {url} (dashboard: {url}/dashboard)")
    if demo is None:
        return
    body = {"model": demo.model, "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}
    say(f"admin key: {settings.auth.admin_key}")
    say(f"demo key: {demo.key}; try it:")
    print(  # noqa: T201 - the terminal is the place for it
        f"curl -N {url}/v1/chat/completions -H 'Authorization: Bearer {demo.key}'"
        f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'",
        file=sys.stderr,
        flush=True,
    )


def tend(embedded: EmbeddedServers) -> None:
    """Start embedded servers again that have died."""
    for name in embedded.tend():
        log.error("embedded_server_restarted", server=name)


def work_on(reloader: Reloader) -> None:
    """Be one of several gateways."""
    uvloop.run(run_gateway(reloader, bind(reloader.running)))


async def run_gateway(
    reloader: Reloader,
    bound: socket.socket,
    *,
    terminal: Terminal | None = None,
    ready: Callable[[], None] | None = None,
    tend: Callable[[], None] | None = None,
) -> None:
    """Serve on a socket until SIGTERM or SIGINT; the second one stops hard, and loses nothing. SIGHUP reloads."""
    settings, signals = reloader.running, Signals(terminal)
    signals.listen()
    app = build_app(settings)
    runner = GatewayRunner(app, settings.server)
    await runner.setup()
    try:
        await web.SockSite(runner, bound, backlog=1024).start()
        log.info("gateway_started", pid=os.getpid(), host=settings.server.host, port=settings.server.port)
        if ready:
            ready()
        while not signals.stopping:
            if tend:
                tend()
            if await signals.wait(TEND_SECONDS):
                await reloader.reload(app[PARTS].reload)
        say("stopping: finishing what runs (once more to stop at once)")
    finally:
        await runner.cleanup()
        logs.REQUESTS.write()
        log.info("gateway_stopped", pid=os.getpid())
