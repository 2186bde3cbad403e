"""Every path that is served. What is not here is refused: no path reaches an upstream unmetered."""

from aiohttp import web

from gateway import counting, health, metrics, playground
from gateway.account import limits, people, pools, reads, session, tariffs, uses
from gateway.admin import routes as admin_routes
from gateway.deps import DEPS
from gateway.middleware import guarded
from gateway.openapi import serving as openapi
from gateway.openapi.operation import Role, operation
from gateway.openapi.shapes import Model, ModelList
from gateway.pages import handle_dashboard, handle_file, handle_root
from gateway.pipeline import handle_aiohttp_chat

OWNED_BY = "farebox"
REST = "/{path}"  # every path that no other route has


@operation("listModels", "List the models that this key may use", answer=ModelList, role=Role.MEMBER)
async def handle_models(request: web.Request) -> web.Response:
    """Serve GET /v1/models: the models that this key may use."""
    deps = request.app[DEPS].now
    principal = await deps.auth.authenticate(request.headers, lambda: request.remote)
    names = [name for name in deps.catalog.names() if principal.models is None or name in principal.models]
    return web.json_response({"object": "list", "data": [_model(name) for name in names]})


@operation("getModel", "Read one of them", answer=Model, role=Role.MEMBER)
async def handle_model(request: web.Request) -> web.Response:
    """Serve GET /v1/models/{model}."""
    deps = request.app[DEPS].now
    principal = await deps.auth.authenticate(request.headers, lambda: request.remote)
    spec = deps.catalog.resolve(request.match_info["model"])
    if principal.models is not None and spec.name not in principal.models:
        raise web.HTTPNotFound
    return web.json_response(_model(spec.name))


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNED_BY}


async def refuse(request: web.Request) -> web.StreamResponse:
    """Refuse what no route takes: 405 where another method would do, else 404."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        if resource.canonical != REST:
            _, methods = await resource.resolve(request)
            allowed |= methods
    raise web.HTTPMethodNotAllowed(request.method, sorted(allowed)) if allowed else web.HTTPNotFound


def add_routes(app: web.Application) -> None:
    """Register everything, each handler inside the error boundary."""
    routes = [
        web.get("/", handle_root),
        web.get("/dashboard", handle_dashboard),
        web.get("/dashboard/{path:.*}", handle_file),
        *admin_routes(),
        *reads.routes(),
        *people.routes(),
        *limits.routes(),
        *pools.routes(),
        *uses.routes(),
        *tariffs.routes(),
        *session.routes(),
        *counting.routes(),
        *health.routes(),
        *metrics.routes(),
        *openapi.routes(),
    ]
    for prefix in ("/v1", ""):
        routes += [
            web.get(f"{prefix}/models", handle_models),
            web.get(f"{prefix}/models/{{model:.+}}", handle_model),
        ]
        app.router.add_post(f"{prefix}/chat/completions", handle_aiohttp_chat)  # it has an error boundary of its own
    for route in playground.lines():
        route.register(app.router)
    for route in routes:
        web.RouteDef(route.method, route.path, guarded(route.handler), route.kwargs).register(app.router)
    app.router.add_route("*", "/{path:.*}", guarded(refuse))
    openapi.add_document(app)
