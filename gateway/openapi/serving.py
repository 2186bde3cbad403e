"""/openapi.json: made once, when the routes are there."""

from collections.abc import Iterable

import msgspec
from aiohttp import web

from gateway.openapi.document import Served, build_document
from gateway.openapi.operation import Operation, operation, operation_of

DOCUMENT = web.AppKey("openapi_document", bytes)
REST = "/{path}"  # what no route takes is refused there


@operation("getOpenApi", "This document")
async def handle_document(request: web.Request) -> web.Response:
    """Serve GET /openapi.json."""
    return web.Response(body=request.app[DOCUMENT], content_type="application/json")


def declared_by(app: web.Application) -> list[tuple[str, str, Operation | None]]:
    """Return method, path and declaration (None: it has none) of every route."""
    return [
        (route.method, route.resource.canonical, operation_of(route.handler))
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD" and route.resource.canonical != REST
    ]


def served_by(app: web.Application) -> list[Served]:
    """Return every declared route."""
    return [Served(method, path, one) for method, path, one in declared_by(app) if one is not None]


def add_document(app: web.Application) -> None:
    """Describe what an application serves."""
    app[DOCUMENT] = msgspec.json.encode(build_document(served_by(app)))


def routes() -> Iterable[web.RouteDef]:
    """Return the route of the document."""
    return [web.get("/openapi.json", handle_document, allow_head=False)]
