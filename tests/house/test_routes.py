"""Every route is declared and documented, and what its declaration shows is right."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import web

from gateway.openapi.document import AREAS, TAGS
from gateway.openapi.operation import Role
from gateway.openapi.schemas import example_of
from gateway.openapi.serving import DOCUMENT, declared_by, served_by
from gateway.routes import add_routes

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
PREFIXES = {"For applications": "", "For members": "/api/v1", "For platform admins": "/admin/v1", "For operators": ""}
METHODS = "GET|POST|PUT|PATCH|DELETE"


def gateway() -> web.Application:
    """Return an application with all routes, which nobody starts."""
    app = web.Application()
    add_routes(app)
    return app


APP = gateway()
DOCUMENTED: dict[str, Any] = json.loads(APP[DOCUMENT])
SERVED = served_by(APP)
SCHEMAS = DOCUMENTED["components"]["schemas"]
OPERATIONS = {
    one["operationId"]: (method, path, one)
    for path, methods in DOCUMENTED["paths"].items()
    for method, one in methods.items()
}


def fits(schema: dict[str, Any], value: Any) -> None:
    """Check a value against a schema of the document."""
    whole = {**schema, "components": DOCUMENTED["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(value)


def test_no_route_is_without_a_declaration() -> None:
    assert [(method, path) for method, path, declared in declared_by(APP) if declared is None] == []


def test_operations_and_schemas_have_names_that_programs_can_use() -> None:
    ids = [one["operationId"] for methods in DOCUMENTED["paths"].values() for one in methods.values()]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name)] == []
    assert [name for name in SCHEMAS if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []


def test_only_paths_that_are_there_with_v1_too_are_left_out() -> None:
    served = {(route.method.lower(), route.path) for route in SERVED}
    shown = {(method, path) for method, path, _ in OPERATIONS.values()}
    assert shown <= served
    assert {(method, f"/v1{path}") for method, path in served - shown} <= shown


def test_roles_are_those_of_the_paths() -> None:
    for route in SERVED:
        platform = route.path.startswith("/admin/v1/")
        assert platform is (route.operation.role is Role.PLATFORM_ADMIN), route
        if route.path == "/api/v1/session":
            assert route.operation.role is (Role.ANYBODY if route.method == "POST" else Role.SESSION), route
        elif route.path.startswith(("/api/", "/v1/")):
            assert route.operation.role in {Role.MEMBER, Role.ACCOUNT_ADMIN}, route
    assert {tag for _, tag in AREAS} | {"operations"} == set(TAGS)


def test_every_reference_leads_somewhere() -> None:
    for reference in re.findall(r'"\$ref": "#/(.*?)"', json.dumps(DOCUMENTED)):
        found: Any = DOCUMENTED
        for part in reference.split("/"):
            found = found[part]


@pytest.mark.parametrize("name", SCHEMAS)
def test_examples_of_a_schema_fit_it(name: str) -> None:
    fits(SCHEMAS[name], example_of(SCHEMAS[name], SCHEMAS))
    for field in SCHEMAS[name].get("properties", {}).values():
        for example in field.get("examples", []):
            fits(field, example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_examples_of_an_operation_fit_its_schemas(name: str) -> None:
    one = OPERATIONS[name][2]
    parts = [one["requestBody"]] if "requestBody" in one else []
    for part in [*parts, *(answer for answer in one["responses"].values() if "content" in answer)]:
        for content in part["content"].values():
            if "example" in content:
                fits(content["schema"], content["example"])
    for parameter in one["parameters"]:
        for example in parameter["schema"].get("examples", []):
            fits(parameter["schema"], example)


def written_routes() -> Iterator[tuple[str, str]]:
    """Return method and path of every route that a table of docs/api.md has in its first column."""
    for heading, prefix in PREFIXES.items():
        section = API.partition(f"\n## {heading}")[2].partition("\n## ")[0]
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
            methods, complete = [], False
            for method, path in re.findall(rf"`({METHODS})?\s?(/[^`?]*)?[^`]*`", row):
                if method:
                    methods = [method] if complete else [*methods, method]
                    complete = False
                if path:
                    whole = path if not prefix or path.startswith(("/api/", "/dashboard/")) else prefix + path
                    yield from ((one, whole) for one in methods)
                    complete = True


def test_the_page_about_the_api_has_every_route_and_no_other() -> None:
    assert set(written_routes()) == {(method.upper(), path) for method, path, _ in OPERATIONS.values()}
