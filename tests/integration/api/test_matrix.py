"""Every route x every kind of key x own, a colleague's, another account's and nobody's things.

What is expected follows from the declarations (matrix.py, ``expected_status``), and every answer is held beside the
document: its status, its content type, its shape.
"""

import json
import re
from typing import Any

import jsonschema_rs
import pytest

from gateway.openapi.document import Served
from gateway.openapi.operation import Role
from tests.integration.api.asking import Api, Reply
from tests.integration.api.asks import ADMINS_ONLY, ASKS, OF_ALL, OPEN, Ask
from tests.integration.api.contract import described, require_declared, routes
from tests.integration.api.matrix import (
    ALLOWED,
    Caller,
    Household,
    Target,
    Things,
    expected_status,
    make_household,
    nobodys_things,
)

BOOKS = (
    "accounts", "members", "packs", "entries", "events", "corrections", "trail", "resource_settings", "reservations",
    "recurring_packs",
)  # fmt: skip
# Published, and asked by programs that are not ours: what they add to its query is left alone.
LENIENT = {"getTokenBalance"}


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
    reply = await api.ask(route.method, asked.path(route, things), body, headers=keys, **asked.query_of(things))
    require_declared(route, reply)
    return reply


async def books(api: Api, account_id: str | None = None) -> list[Any]:
    """Return everything that is kept of one account or of all; when a key was last used is no change."""
    await api.deps.meter.drain(10)  # what was charged before is booked
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
    if asked.noun in {"", *OF_ALL}:
        return [Target.OWN]
    return [target for target in Target if asked.is_personal or target is not Target.COLLEAGUES]


def things_of(home: Household, abroad: Household) -> dict[Target, Things]:
    """Return whose things are asked for, as callers of one household see it."""
    return {
        Target.OWN: home.own,
        Target.COLLEAGUES: home.colleagues,
        Target.FOREIGN: abroad.own,
        Target.NOBODYS: nobodys_things(),
    }


async def try_what_is_refused(api: Api, route: Served, home: Household, abroad: Household) -> None:
    """Ask for all that must be refused: it is, nothing changes, and what is there looks like what is not."""
    things, targets = things_of(home, abroad), targets_of(ASKS[route.operation.id])
    before = await books(api)
    for caller in Caller:
        refused: dict[Target, Reply] = {}
        for target in targets:
            expected = expected_status(route, caller, target)
            if expected >= 400:
                reply = refused[target] = await ask(api, route, things[target], home.keys[caller])
                assert reply.status == expected, (caller, target, reply)
        bodies = [reply.body for reply in refused.values()]
        assert all(body == bodies[0] for body in bodies), (caller, refused)
    assert await books(api) == before


async def do_what_is_allowed(api: Api, route: Served, home: Household, abroad: Household) -> None:
    """Ask for one's own: it is given, with nothing of another account in it, and nothing changes there."""
    role = route.operation.role
    before = await books(api, abroad.own.account_id)
    for caller in ALLOWED[role]:
        household = home if route.method == "GET" else await make_household(api, f"{caller.name}-home")
        reply = await ask(api, route, household.own, household.keys[caller])
        assert reply.status == route.operation.status, (caller, reply)
        if role in {Role.ANYBODY, Role.MEMBER, Role.ACCOUNT_ADMIN}:  # metrics are of all accounts, for their scraper
            text = json.dumps(reply.body)
            assert not [word for word in abroad.words if word in text], (caller, reply)
    assert await books(api, abroad.own.account_id) == before


def test_every_route_is_asked() -> None:
    assert set(ASKS) == set(routes())


def test_roles_are_the_ones_that_are_stated() -> None:
    for name, route in routes().items():
        role = route.operation.role
        assert (role is Role.ACCOUNT_ADMIN) is (name in ADMINS_ONLY), name
        assert (role in {Role.ANYBODY, Role.SCRAPER}) is (name in OPEN), name
        assert (role is Role.PLATFORM_ADMIN) is route.path.startswith("/admin/v1/"), name


@pytest.mark.parametrize("method", sorted({route.method for route in routes().values()}))
async def test_nobody_reads_or_writes_what_is_not_theirs(
    api: Api, home: Household, abroad: Household, method: str
) -> None:
    await api.good("POST", "/admin/v1/audit")  # one has run
    wrong = {}
    for name, route in routes().items():
        if route.method == method:
            try:
                await try_what_is_refused(api, route, home, abroad)
                await do_what_is_allowed(api, route, home, abroad)
            except (AssertionError, jsonschema_rs.ValidationError) as error:
                wrong[name] = str(error)
    assert wrong == {}


async def test_a_platform_admin_reads_and_writes_what_is_anybodys(api: Api, home: Household) -> None:
    for name, route in routes().items():
        if route.operation.role is Role.PLATFORM_ADMIN and ASKS[name].noun:
            household = home if route.method == "GET" else await make_household(api, "another")
            reply = await ask(api, route, household.colleagues, home.keys[Caller.PLATFORM_ADMIN])
            assert reply.status == route.operation.status, reply


async def test_no_filter_leads_to_another_account(api: Api, home: Household, abroad: Household) -> None:
    fields = {"actor": "key_id", "object": "pack_id"} | {name: name for name in Things.__dataclass_fields__}
    tried = 0
    for route in routes().values():
        for caller in ALLOWED[route.operation.role] & {Caller.MEMBER, Caller.ACCOUNT_ADMIN}:
            for parameter in [one["name"] for one in described(route)["parameters"] if one["in"] == "query"]:
                if parameter not in fields or route.operation.role is Role.ANYBODY:
                    continue
                foreign = getattr(abroad.own, fields[parameter])
                reply = await api.ask("GET", route.path, headers=home.keys[caller], **{parameter: foreign})
                assert reply.status in {200, 403}, (route, reply)
                rows = reply.body.splitlines()[1:] if isinstance(reply.body, str) else reply.body.get("data", [])
                assert rows == [], (route, parameter, reply)
                text = json.dumps(reply.body)
                assert not [word for word in abroad.words - {foreign} if word in text], (route, parameter, reply)
                tried += 1
    assert tried > 20


async def test_a_list_takes_exactly_the_parameters_that_are_described(api: Api, home: Household) -> None:
    for route in routes().values():
        if route.operation.query is None or route.operation.id in LENIENT:
            continue
        caller = Caller.PLATFORM_ADMIN if route.operation.role is Role.PLATFORM_ADMIN else Caller.ACCOUNT_ADMIN
        path = ASKS[route.operation.id].path(route, home.own)
        reply = await api.ask(route.method, path, headers=home.keys[caller], nonsense="1")
        names = re.search(r"there are (.*)\.$", reply.error["message"])
        assert reply.status == 400
        assert names
        described_names = {one["name"] for one in described(route)["parameters"] if one["in"] == "query"}
        assert set(names[1].split(", ")) == described_names, route
