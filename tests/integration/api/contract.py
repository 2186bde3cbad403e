"""What the document says of answers, beside what is answered."""

import json
from functools import cache
from typing import Any

import jsonschema_rs
from aiohttp import web

from gateway.openapi.document import Served
from gateway.openapi.serving import DOCUMENT, served_by
from gateway.routes import add_routes
from tests.integration.api.asking import Reply


@cache
def routes() -> dict[str, Served]:
    """Return every route by its operationId, with the shorter path left out."""
    app = web.Application()
    add_routes(app)
    return {route.operation.id: route for route in reversed(served_by(app)) if route.path in document()["paths"]}


@cache
def document() -> dict[str, Any]:
    """Return the document of a gateway."""
    app = web.Application()
    add_routes(app)
    found: dict[str, Any] = json.loads(app[DOCUMENT])
    return found


def described(route: Served) -> dict[str, Any]:
    """Return what the document says of a route."""
    found: dict[str, Any] = document()["paths"][route.path][route.method.lower()]
    return found


@cache
def closed() -> dict[str, Any]:
    """Return the components, objects closed: an answer's field that no schema has is a mistake of the document."""
    open_ones = {"ChatCompletion"}  # the provider's
    components = json.loads(json.dumps(document()["components"]))
    for name, schema in components["schemas"].items():
        if "properties" in schema and name not in open_ones:
            schema["additionalProperties"] = False
    found: dict[str, Any] = components
    return found


def require_declared(route: Served, reply: Reply) -> None:
    """Raise AssertionError or ValidationError unless the document has the status, the type and the shape."""
    answers = described(route)["responses"]
    assert str(reply.status) in answers, (route, reply)
    answer = answers[str(reply.status)]
    if "$ref" in answer:
        answer = closed()["responses"][answer["$ref"].rsplit("/", 1)[1]]
    if "content" not in answer:
        return
    media = reply.headers["content-type"].partition(";")[0]
    assert media in answer["content"], (route, reply)
    schema = {**answer["content"][media]["schema"], "components": closed()}
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(reply.body)
