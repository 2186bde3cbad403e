"""The HTTP server: aiohttp's, with two manners of our own.

What is no HTTP is answered with the OpenAI error object too, and all header lines together have a limit.
"""

from http import HTTPStatus

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from config.settings import ServerSettings
from providers.wire.error_body import error_body

HEADERS_TOTAL = 4  # all header lines together may be so many times the limit of one
KEEPALIVE_SECONDS = 75.0  # nginx's default: longer than what usual clients keep idle connections for


class _Handler(RequestHandler):
    """One connection."""

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
    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


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

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server  # aiohttp has no other way to name the handler
        return server


def headers_fit(request: web.Request, line_bytes_max: int) -> bool:
    """Return whether all header lines together are within their limit; aiohttp checks each of them alone."""
    return sum([len(name) + len(value) for name, value in request.raw_headers]) <= HEADERS_TOTAL * line_bytes_max
