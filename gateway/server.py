"""The HTTP server: a doorway for chat requests, aiohttp's server for everything else, with two manners of our own.

What is no HTTP is answered with the OpenAI error object too, and all header lines together have a limit.
"""

import asyncio
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from config.settings import ServerSettings
from gateway.deps import DEPS
from gateway.doorway import Doorway
from gateway.exchange import Exchange
from gateway.pipeline import serve_chat
from providers.wire.error_body import error_body

KEEPALIVE_SECONDS = 75.0  # nginx's default: longer than what usual clients keep idle connections for


class _Handler(RequestHandler):
    """One connection of aiohttp's."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read as a request, and close the connection."""
        del message  # it quotes the client, and names our parser
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log_exception("Error handling request", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was already begun")
        text = "This is no HTTP request that can be read; a line of it may be too long."
        body = error_body(text, type="invalid_request_error", code="invalid_request")
        response = web.Response(status=status, body=body, content_type="application/json")
        response.force_close()
        return response


class _Server(web.Server):
    """Makes a doorway for each connection; it is the doorways' Gate."""

    doors: set[Doorway]
    closing: bool
    keepalive_seconds: float
    header_bytes_max: int
    body_bytes_max: int
    serve: Callable[[Exchange], Coroutine[Any, Any, None]]

    def __call__(self) -> asyncio.Protocol:  # type: ignore[override]  # aiohttp's own is a protocol too
        return Doorway(self)

    def handler(self) -> asyncio.Protocol:
        """Return aiohttp's own protocol, for one connection."""
        return _Handler(self, loop=self._loop, **self._kwargs)

    def pre_shutdown(self) -> None:
        """Close every connection that is idle; the others follow when their request is served."""
        self.closing = True
        for door in list(self.doors):
            door.retire()
        super().pre_shutdown()

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's signature
        """Wait for what is being served, at most so long; then cancel it."""
        await asyncio.gather(super().shutdown(timeout), self._close_doors(timeout))

    async def _close_doors(self, seconds: float | None) -> None:
        tasks = [door.task for door in self.doors if door.exchange is not None and door.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for door in list(self.doors):
            door.retire()


class GatewayRunner(web.AppRunner):
    """Runs the application as ``farebox serve`` does."""

    def __init__(self, app: web.Application, settings: ServerSettings, **_: object) -> None:
        super().__init__(
            app,
            handler_cancellation=True,  # a lost client is noticed at once, not at the next write
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=settings.drain_seconds,
            max_line_size=settings.header_bytes_max,
            max_field_size=settings.header_bytes_max,
        )
        self._settings = settings

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server  # aiohttp has no other way to name the protocol
        assert isinstance(server, _Server)
        current = self.app[DEPS]
        server.doors = set()
        server.closing = False
        server.keepalive_seconds = KEEPALIVE_SECONDS
        server.header_bytes_max = self._settings.header_bytes_max
        server.body_bytes_max = self._settings.body_bytes_max
        server.serve = lambda exchange: serve_chat(exchange, current.now, current.now.door)
        return server
