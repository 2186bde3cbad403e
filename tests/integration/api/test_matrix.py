"""Every route x every kind of key x own, a colleague's, another account's and nobody's things.

What is expected follows from the declarations (matrix.py, ``expected_status``), and every answer is held beside the
document: its status, its content type, its shape.
"""

import json
import re
from typing import Any

import pytest

from gateway.openapi.document import Served
from gateway.openapi.operation import Role
from tests.integration.api.asking import Api, Reply
from tests.integration.api.contract import described, require_declared, routes
from tests.integration.api.matrix import (
    ALLOWED,
    ASKS,
    Ask,
    Caller,
    Household,
    Target,
    Things,
    expected_status,
    make_household,
    nobodys_things,
)

BOOKS = ("accounts", "members", "packs", "entries", "events", "corrections", "trail")


@pytest.fixture
async def home(api: Api) -> Household:
    return await make_household(api, "home")


@pytest.fixture
async def abroad(api: Api) -> Household:
    return await make_household(api, "abroad")


async def ask(api: Api, route: Served, things: Things, keys: dict[str, str]) -> Reply:
    """Send a route its request, and hold the answer beside the document."""
    asked = ASKS[route.operation.id]
    content = described(route).get("requestBody", {}).get("content", {})
    body = asked.body or content.get("application/json", {}).get("example")
    reply = await api.ask(route.method, asked.path(route, things), body, headers=keys, **asked.query)
    require_declared(route, reply)
    return reply


async def books(api: Api, account_id: str | None = None) -> list[Any]:
    """Return everything that is kept of one account or of all; when a key was last used is no change."""
    where = "WHERE account_id = $1" if account_id else ""
    arguments = [account_id] if account_id else []
    async with api.deps.ledger.connection() as connection:
        tables = [
            await connection.fetch(f"SELECT t FROM {name} t {where} ORDER BY t", *arguments)  # noqa: S608 - our own
            for name in BOOKS
        ]
        keys = await connection.fetch(
            f"SELECT to_jsonb(t) - 'last_used_at' FROM api_keys t {where} ORDER BY key_id",  # noqa: S608 - our own
            *arguments,
        )
    return [*tables, keys]


def targets_of(asked: Ask) -> list[Target]:
    """Return whose things a route can be asked for."""
    if asked.noun in {"", "models"}:
        return [Target.OWN]
    return [target for target in Target if asked.is_personal or target is not Target.COLLEAGUES]


def test_every_route_is_asked() -> None:
    assert set(ASKS) == set(routes())


@pytest.mark.parametrize("name", ASKS)
async def test_nobody_reads_or_writes_what_is_not_theirs(
    api: Api, home: Household, abroad: Household, name: str
) -> None:
    route, asked = routes()[name], ASKS[name]
    await api.good("POST", "/admin/v1/audit")  # one has run
    things = {
        Target.OWN: home.own,
        Target.COLLEAGUES: home.colleagues,
        Target.FOREIGN: abroad.own,
        Target.NOBODYS: nobodys_things(),
    }
    combinations = [(caller, target) for caller in Caller for target in targets_of(asked)]
    before, foreign_before = await books(api), await books(api, abroad.own.account_id)
    refusals = {}
    for caller, target in combinations:
        expected = expected_status(route, caller, target)
        if expected >= 400:
            reply = refusals[caller, target] = await ask(api, route, things[target], home.keys[caller])
            assert reply.status == expected, (caller, target, reply)
    for (caller, target), reply in refusals.items():  # what is there and what is not: the same answer
        assert reply.body == refusals[caller, Target.NOBODYS if Target.NOBODYS in targets_of(asked) else target].body
    assert await books(api) == before
    for caller in ALLOWED[route.operation.role]:
        household = await make_household(api, f"{caller.name}-home") if route.writes else home
        reply = await ask(api, route, household.own, household.keys[caller])
        assert reply.status == route.operation.status, (caller, reply)
        if route.operation.role in {Role.ANYBODY, Role.MEMBER, Role.ACCOUNT_ADMIN}:
            text = json.dumps(reply.body)
            assert not [word for word in abroad.words if word in text], (caller, reply)
    assert await books(api, abroad.own.account_id) == foreign_before
    if route.operation.role is Role.PLATFORM_ADMIN and Target.FOREIGN in targets_of(asked):
        assert (await ask(api, route, abroad.own, home.keys[Caller.PLATFORM_ADMIN])).status == route.operation.status


FILTERED = [
    (name, parameter)
    for name, route in routes().items()
    if route.operation.role in {Role.MEMBER, Role.ACCOUNT_ADMIN}
    for parameter in (one["name"] for one in described(route)["parameters"] if one["in"] == "query")
    if hasattr(nobodys_things(), parameter) or parameter in {"actor", "object"}
]


@pytest.mark.parametrize(("name", "parameter"), FILTERED)
async def test_no_filter_leads_to_another_account(
    api: Api, home: Household, abroad: Household, name: str, parameter: str
) -> None:
    route = routes()[name]
    field = {"actor": "key_id", "object": "pack_id"}.get(parameter, parameter)
    own, foreign = getattr(home.own, field), getattr(abroad.own, field)
    for caller in ALLOWED[route.operation.role]:
        found = await api.ask("GET", route.path, headers=home.keys[caller], **{parameter: own})
        assert found.status == 200
        assert found.body["data"] or parameter == "actor"
        reply = await api.ask("GET", route.path, headers=home.keys[caller], **{parameter: foreign})
        assert (reply.status, reply.body["data"]) == (200, []), (caller, reply)


async def test_a_list_takes_exactly_the_parameters_that_are_described(api: Api, home: Household) -> None:
    for route in routes().values():
        if route.operation.query is None:
            continue
        caller = Caller.PLATFORM_ADMIN if route.operation.role is Role.PLATFORM_ADMIN else Caller.ACCOUNT_ADMIN
        path = ASKS[route.operation.id].path(route, home.own)
        reply = await api.ask(route.method, path, headers=home.keys[caller], nonsense="1")
        names = re.search(r"there are (.*)\.$", reply.error["message"])
        assert reply.status == 400
        assert names
        described_names = {one["name"] for one in described(route)["parameters"] if one["in"] == "query"}
        assert set(names[1].split(", ")) == described_names, route
