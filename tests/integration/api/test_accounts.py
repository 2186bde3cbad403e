"""/admin/v1/accounts and balances."""

from typing import Any

from gateway.admin import routes
from gateway.admin.members import USER
from metering.ids import new_id
from tests.integration.api.asking import Api
from tests.integration.metering.parts import ask_of

ACCOUNTS = "/admin/v1/accounts"
FIELDS = [
    "id", "name", "email", "plan", "domain", "unit", "time_zone", "min_reserve", "warning_threshold", "floor", "clamp",
    "orphan", "status", "replay", "created_at",
]  # fmt: skip
BALANCE = [
    "balance", "reserved", "available", "debt", "min_reserve", "warning_threshold", "state", "critical", "active_packs",
    "unit", "resource", "unlimited", "version",
]  # fmt: skip


async def test_an_account_is_created_read_changed_and_listed(api: Api) -> None:
    created = await api.ask("POST", ACCOUNTS, {"name": "acme", "plan": "pro", "min_reserve": 5})
    assert created.status == 201
    assert list(created.body) == FIELDS
    assert (created.body["name"], created.body["plan"], created.body["min_reserve"]) == ("acme", "pro", 5)
    path = f"{ACCOUNTS}/{created.body['id']}"
    assert (await api.good("GET", path)) == created.body
    changed = await api.good("PATCH", path, {"name": "ACME", "plan": None})
    assert changed == {**created.body, "name": "ACME", "plan": None}
    assert await api.good("GET", ACCOUNTS) == {"data": [changed], "next_cursor": None}


async def test_answers_are_kept_by_no_cache(api: Api) -> None:
    reply = await api.get(ACCOUNTS)
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-request-id"]


async def test_lists_go_on_by_cursor(api: Api) -> None:
    ids = sorted([await api.account() for _ in range(5)], reverse=True)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = await api.good("GET", ACCOUNTS, **query)
        seen += [account["id"] for account in page["data"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ids


async def test_an_account_that_is_not_there_is_404(api: Api) -> None:
    for account_id in (new_id(), "nobody", "0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3", "%00"):
        for path in ("", "/balance", "/packs", "/keys"):
            reply = await api.get(f"{ACCOUNTS}/{account_id}{path}")
            assert (reply.status, reply.error["code"]) == (404, "not_found"), (account_id, path)


async def test_nobody_but_the_admin_gets_in(api: Api) -> None:
    """Every route of the admin API, whatever noun it is in."""
    member = await api.key(await api.account(), role="admin")
    for route in routes():
        for headers in ({}, member, {"Authorization": "Bearer "}, {"Authorization": "Basic x"}, {"x-api-key": "fbx_x"}):
            path = route.path.replace(USER, "u1").replace("{id}", new_id()).replace("{request_id}", new_id())
            path = path.replace("{name}", "images").replace("{key}", "ai_bots")
            reply = await api.ask(route.method, path, {}, headers=headers)
            assert (reply.status, reply.error["code"]) == (401, "invalid_api_key"), route


async def test_a_balance_has_what_is_granted_and_what_is_held(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    balance = await api.good("GET", f"{ACCOUNTS}/{account_id}/balance")
    assert list(balance) == BALANCE
    assert (balance["balance"], balance["reserved"], balance["available"], balance["version"]) == (1000, 0, 1000, 1)
    assert (balance["state"], balance["critical"], balance["warning_threshold"]) == ("normal", False, 100)
    await api.deps.admission.reserve(ask_of(account_id, 300))
    balance = await api.good("GET", f"{ACCOUNTS}/{account_id}/balance")
    assert (balance["balance"], balance["reserved"], balance["available"]) == (1000, 300, 700)


async def test_a_balance_has_what_was_granted_a_moment_ago(api: Api) -> None:
    """Redis hears of a grant a moment later; who grants and then asks must not be told the old balance."""
    account_id = await api.account()
    for number in range(1, 30):
        await api.pack(account_id, size=10)
        balance = await api.good("GET", f"{ACCOUNTS}/{account_id}/balance")
        assert (balance["balance"], balance["version"]) == (10 * number, number)


async def test_a_balance_of_another_resource_is_apart(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=10)
    await api.pack(account_id, size=7, resource="images")
    images = await api.good("GET", f"{ACCOUNTS}/{account_id}/balance", resource="images")
    assert (images["balance"], images["resource"]) == (7, "images")
    none = await api.good("GET", f"{ACCOUNTS}/{account_id}/balance", resource="ocr_pages")
    assert (none["balance"], none["active_packs"], none["state"]) == (0, 0, "stopped")
    wrong = await api.get(f"{ACCOUNTS}/{account_id}/balance", unit="images")
    assert (wrong.status, wrong.error["param"]) == (400, "unit")


async def test_money_settings_are_obeyed_at_once(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=100)
    await api.deps.admission.view(account_id, "tokens")
    await api.good("PATCH", f"{ACCOUNTS}/{account_id}", {"min_reserve": 200})
    await api.deps.settler.drain()
    assert (await api.deps.admission.view(account_id, "tokens")).version == 2
    assert (await api.good("GET", f"{ACCOUNTS}/{account_id}/balance"))["state"] == "stopped"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "a\0b"}, "name"),
    ({"name": 5}, "name"),
    ({"min_reserve": -1}, "min_reserve"),
    ({"min_reserve": 1.5}, "min_reserve"),
    ({"min_reserve": "1"}, "min_reserve"),
    ({"min_reserve": True}, "min_reserve"),
    ({"min_reserve": 2**52 + 1}, "min_reserve"),
    ({"warning_threshold": 2**64}, "warning_threshold"),
    ({"floor": "drop"}, "floor"),
    ({"time_zone": "Mars/Base"}, "time_zone"),
    ({"time_zone": "'; DROP TABLE accounts"}, "time_zone"),
    ({"colour": "red"}, "colour"),
    ({"id": new_id()}, "id"),
]


async def test_what_can_not_be_is_refused_by_name(api: Api) -> None:
    account_id = await api.account()
    for method, path in (("POST", ACCOUNTS), ("PATCH", f"{ACCOUNTS}/{account_id}")):
        await api.refused(method, path, [({"name": "acme", **fields}, param) for fields, param in REFUSED])


async def test_a_body_that_is_no_form_is_refused(api: Api) -> None:
    for body in (b"", b"{", b"[]", b'"x"', b"null", b"\xff", b'{"name": "\\ud800"}', b"[" * 100_000):
        reply = await api.ask("POST", ACCOUNTS, body)
        assert (reply.status, reply.error["code"]) == (400, "invalid_request"), body


async def test_an_account_keeps_its_unit(api: Api) -> None:
    account_id = await api.account(unit="credits")
    reply = await api.ask("PATCH", f"{ACCOUNTS}/{account_id}", {"unit": "tokens"})
    assert (reply.status, reply.error["param"]) == (400, "unit")
