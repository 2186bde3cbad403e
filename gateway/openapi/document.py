"""The OpenAPI 3.1 document of all declared routes."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from gateway import VERSION
from gateway.openapi.operation import JSON, Operation, Role
from gateway.openapi.schemas import REF, Schema, example_of, schemas_of
from gateway.openapi.shapes import Error
from gateway.openapi.words import ID
from gateway.sessions import COOKIE, CSRF_HEADER

ABOUT = """\
Farebox meters tokens in front of large language models. Errors are the OpenAI error object everywhere; times are
RFC 3339 in UTC; ids are UUIDv7; amounts are integers in the account's unit. Paths under /v1 are also served without
that prefix. docs/api.md says more."""
TAGS: Mapping[str, str] = {
    "applications": "What an OpenAI client calls, with an account's key.",
    "account": "An account's own: a member sees what is theirs, an account admin all of the account.",
    "platform": "For platform admins, with the admin key.",
    "operations": "For operators and their tools.",
}
AREAS = (("/v1/", "applications"), ("/admin/v1/", "platform"), ("/api/", "account"), ("/dashboard/", "account"))
UUID_FORM: Schema = {"type": "string", "format": "uuid", "examples": [ID]}
PATH_FORMS: Mapping[str, Schema] = {
    "id": UUID_FORM,
    "request_id": UUID_FORM,
    "user_id": {"type": "string", "minLength": 1, "maxLength": 128, "examples": ["ada"]},
    "model": {"type": "string", "minLength": 1, "examples": ["simulated"]},
    "name": {"type": "string", "minLength": 1, "examples": ["images"]},
    "key": {"type": "string", "minLength": 1, "examples": ["search"]},
    "path": {"type": "string", "minLength": 1, "examples": ["packs"]},
}
ACCOUNT_KEYS: list[dict[str, list[str]]] = [{"accountKey": []}, {"apiKeyHeader": []}, {"xApiKeyHeader": []}]
SECURITY: Mapping[Role, list[dict[str, list[str]]]] = {
    Role.ANYBODY: [],
    Role.MEMBER: ACCOUNT_KEYS,
    Role.ACCOUNT_ADMIN: ACCOUNT_KEYS,
    Role.PLATFORM_ADMIN: [{"adminKey": []}],
    Role.SESSION: [],
    Role.SCRAPER: [{}, {"metricsToken": []}],
}
SCHEMES: Mapping[str, Schema] = {
    "accountKey": {"type": "http", "scheme": "bearer", "description": "A key of an account, fbx_…"},
    "apiKeyHeader": {"type": "apiKey", "in": "header", "name": "api-key", "description": "The same."},
    "xApiKeyHeader": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same."},
    "adminKey": {"type": "http", "scheme": "bearer", "description": "The platform's admin key."},
    "sessionCookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "A session of the dashboard."},
    "csrfToken": {"type": "apiKey", "in": "header", "name": CSRF_HEADER, "description": "The session's csrf_token."},
    "metricsToken": {"type": "http", "scheme": "bearer", "description": "metrics.token; not needed on loopback."},
}
# By a session: what changes something needs its token too. The paths under /v1, which cost money, take keys alone.
READS: dict[str, list[str]] = {"sessionCookie": []}
CHANGES: dict[str, list[str]] = {"sessionCookie": [], "csrfToken": []}
IDEMPOTENCY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again with the same body, the request has one effect and the same answer.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
RESPONSES = "#/components/responses/"
ABOUT_REFUSALS: Mapping[int, str] = {
    400: "The request is wrong; `param` says where, the message what to write.",
    401: "The key is missing, unknown, revoked or expired, or its member is deactivated.",
    402: "The account may not spend this; `details` say why.",
    403: "The key may not do this, or not from this address; the account is suspended; or `X-CSRF-Token` is missing.",
    404: "There is no such thing, or it is not the caller's to see.",
    408: "The body did not arrive in time.",
    409: "The Idempotency-Key is taken.",
    413: "The body is too large.",
    422: "The Idempotency-Key was used with another body.",
    429: "A limit is reached, or too many sign-ins have failed; `Retry-After` says when to try again.",
    431: "The headers are too large.",
    502: "The provider failed before its first byte.",
    503: "It can't be decided now; `Retry-After` says when to ask again.",
    504: "The provider did not answer in time.",
}
BODY_REFUSED = (400, 408, 413)
KEY_REFUSED = (400, 422)


class Served(NamedTuple):
    """A method and a path as they are served, and what is declared of them."""

    method: str
    path: str
    operation: Operation

    @property
    def writes(self) -> bool:
        """Whether it changes the books, as one transaction."""
        return self.operation.writes and self.method != "GET"


def build_document(served: Sequence[Served]) -> dict[str, Any]:
    """Return the document. Paths without /v1 that are there with it too are left out: they are the same."""
    paths = {route.path for route in served}
    shown = [route for route in served if f"/v1{route.path}" not in paths]
    operations = [route.operation for route in shown]
    types = [kind for one in operations for kind in (one.body, one.query, one.answer) if kind is not None]
    types = list(dict.fromkeys([*types, Error]))
    found, components = schemas_of(types)
    schemas = dict(zip(types, found, strict=True))
    queries = {one.query for one in operations if one.query is not None}
    parameters = {kind: _parameters(components[_name(schemas[kind])]) for kind in queries}
    for kind in queries:
        del components[_name(schemas[kind])]
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Farebox",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {},
        "components": {
            "schemas": components,
            "responses": {_phrase(status): _refusal(status) for status in ABOUT_REFUSALS},
            "securitySchemes": dict(SCHEMES),
        },
    }
    for route in shown:
        described = _operation(route, schemas, parameters, components)
        document["paths"].setdefault(route.path, {})[route.method.lower()] = described
    return document


def _name(schema: Schema) -> str:
    name: str = schema["$ref"].removeprefix(REF)
    return name


def _operation(
    route: Served,
    schemas: Mapping[Any, Schema],
    parameters: Mapping[Any, list[Schema]],
    components: Mapping[str, Schema],
) -> Schema:
    one = route.operation
    keyed = [IDEMPOTENCY] if route.writes or one.repeatable else []
    made: Schema = {
        "operationId": one.id,
        "summary": one.summary,
        **({"description": one.details} if one.details else {}),
        "tags": [next((tag for start, tag in AREAS if route.path.startswith(start)), "operations")],
        "security": security_of(route),
        "parameters": [*_path_parameters(route.path), *(parameters[one.query] if one.query else []), *keyed],
    }
    if one.body is not None:
        schema = schemas[one.body]
        example = one.example or example_of(schema, components)
        made["requestBody"] = {
            "required": one.body_required,
            "content": {JSON: {"schema": schema, "example": example}},
        }
    made["responses"] = {
        **{str(status): _success(one, schemas, components) for status in (one.status, one.status_again) if status},
        **{str(status): {"$ref": f"{RESPONSES}{_phrase(status)}"} for status in refusals_of(route)},
    }
    return made


def security_of(route: Served) -> list[dict[str, list[str]]]:
    """Return by which keys a route may be called, each of which is enough."""
    role = route.operation.role
    if role in {Role.ANYBODY, Role.SCRAPER} or route.path.startswith("/v1/"):
        return SECURITY[role]
    return [*SECURITY[role], READS if route.method == "GET" else CHANGES]


def _path_parameters(path: str) -> list[Schema]:
    names = re.findall(r"{(\w+)}", path)
    return [
        {"name": name, "in": "path", "required": True, "schema": PATH_FORMS.get(name, {"type": "string"})}
        for name in names
    ]


def _parameters(component: Schema) -> list[Schema]:
    """Return the fields of a query's type as parameters."""
    made = []
    for name, schema in component["properties"].items():
        form = {key: value for key, value in schema.items() if key != "description"}
        about = {"description": schema["description"]} if "description" in schema else {}
        made.append({"name": name, "in": "query", **about, "required": name in component["required"], "schema": form})
    return made


def _success(one: Operation, schemas: Mapping[Any, Schema], components: Mapping[str, Schema]) -> Schema:
    about = HTTPStatus(one.status).phrase
    if not one.media:
        return {"description": about}
    content: Schema = {one.media: {"schema": {"type": "string"}}}
    if one.answer is not None:
        schema = schemas[one.answer]
        content = {JSON: {"schema": schema, "example": example_of(schema, components)}}
    elif one.media == JSON:
        content = {JSON: {"schema": {"type": "object"}}}
    if one.streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    headers = {"x-request-id": {"description": "What the log calls this request.", "schema": {"type": "string"}}}
    return {"description": about, "headers": headers, "content": content}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _refusal(status: int) -> Schema:
    return {"description": ABOUT_REFUSALS[status], "content": {JSON: {"schema": {"$ref": REF + "Error"}}}}


def refusals_of(route: Served) -> list[int]:
    """Return every status but its success that a route may answer."""
    one = route.operation
    found = {431, *one.refuses}
    if one.role is not Role.ANYBODY:
        found |= {401, 503}
    if one.role not in {Role.ANYBODY, Role.SCRAPER}:
        found.add(403)
    if "{" in route.path:
        found.add(404)
    if one.query is not None:
        found.add(400)
    if one.body is not None or route.writes:
        found.update(BODY_REFUSED)
    if route.writes or one.repeatable:
        found.update(KEY_REFUSED)
    return sorted(found)
