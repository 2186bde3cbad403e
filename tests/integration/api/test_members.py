"""Members as rows: who is who inside an account, and what their keys may do."""

import asyncio
from typing import Any

import pytest

from gateway.auth import LOADS_MAX
from metering.ids import new_id
from tests.integration.api.asking import Api

FIELDS = ["id", "account_id", "user_id", "name", "email", "role", "status", "created_at"]


async def member(api: Api, account_id: str, user_id: str, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await api.good(
        "POST", f"/admin/v1/accounts/{account_id}/members", {"user_id": user_id, **fields}
    )
    return made


async def test_a_member_is_made_read_and_changed(api: Api) -> None:
    account_id = await api.account()
    path = f"/admin/v1/accounts/{account_id}/members"
    made = await member(api, account_id, "team/{ann} ä", name="Ann", email="ann@example.com")
    assert list(made) == FIELDS
    assert (made["role"], made["status"]) == ("member", "active")
    one = f"{path}/team%2F%7Bann%7D%20%C3%A4"
    assert await api.good("GET", one) == made
    changed = await api.good("PATCH", one, {"role": "admin", "email": None})
    assert changed == {**made, "role": "admin", "email": None}
    assert await api.good("GET", path) == {"data": [changed], "next_cursor": None}


async def test_members_are_listed_newest_first_page_by_page(api: Api) -> None:
    account_id = await api.account()
    for number in range(5):
        await member(api, account_id, f"u{number}")
    await member(api, await api.account(), "u9")
    path = f"/admin/v1/accounts/{account_id}/members"
    first = await api.good("GET", path, limit="3")
    rest = await api.good("GET", path, limit="3", cursor=first["next_cursor"])
    assert sorted(row["user_id"] for row in first["data"] + rest["data"]) == [f"u{n}" for n in range(5)]
    assert rest["next_cursor"] is None


async def test_a_key_acts_with_its_members_role_and_with_its_own_where_there_is_no_member(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    await api.booking(account_id).charge(1, user_id="u1")
    await api.booking(account_id).charge(2, user_id="u2")

    async def seen(headers: dict[str, str]) -> list[int]:
        reply = await api.ask("GET", "/api/v1/events", headers=headers)
        return sorted(row["charge"] for row in reply.body["data"])

    boss = await api.key(account_id, user_id="u1", role="admin")
    assert await seen(boss) == [1, 2]  # a user_id without a row: the key's own role
    await member(api, account_id, "u1")
    assert await seen(boss) == [1]  # at once, though the key was in use
    await api.good("PATCH", f"/admin/v1/accounts/{account_id}/members/u1", {"role": "admin"})
    assert await seen(boss) == [1, 2]
    listed = (await api.good("GET", f"/admin/v1/accounts/{account_id}/keys"))["data"]
    assert [key["role"] for key in listed] == ["admin"]


async def test_the_role_of_a_members_key_is_the_members(api: Api) -> None:
    account_id = await api.account()
    await member(api, account_id, "u1")
    path = f"/admin/v1/accounts/{account_id}/keys"
    refused = await api.ask("POST", path, {"user_id": "u1", "role": "admin"})
    assert (refused.status, refused.error["param"]) == (400, "role")
    key = await api.good("POST", path, {"user_id": "u1"})
    assert key["role"] == "member"
    refused = await api.ask("PATCH", f"/admin/v1/keys/{key['id']}", {"role": "admin"})
    assert (refused.status, refused.error["param"]) == (400, "role")


async def test_a_deactivated_members_keys_are_good_for_nothing_and_the_history_stays(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    await member(api, account_id, "u1")
    key = await api.key(account_id, user_id="u1")
    await api.booking(account_id).charge(5, user_id="u1")
    assert (await api.ask("GET", "/api/v1/balance", headers=key)).status == 200
    one = f"/admin/v1/accounts/{account_id}/members/u1"
    assert (await api.good("DELETE", one))["status"] == "deactivated"
    assert (await api.ask("GET", "/api/v1/balance", headers=key)).status == 401
    assert (await api.ask("POST", "/v1/chat/completions", {}, headers=key)).status == 401
    (event,) = (await api.good("GET", "/admin/v1/events", user_id="u1"))["data"]
    assert event["charge"] == 5
    assert (await api.good("GET", one))["name"] == ""
    await api.good("PATCH", one, {"status": "active"})
    assert (await api.ask("GET", "/api/v1/balance", headers=key)).status == 200


async def test_all_keys_of_a_member_are_obeyed_at_once_and_read_some_at_a_time(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = await api.account()
    await member(api, account_id, "u1")
    keys = [await api.key(account_id, user_id="u1") for _ in range(3 * LOADS_MAX)]
    read, reading, most = api.deps.ledger.rows, 0, 0

    async def count(name: str, *arguments: Any) -> Any:
        nonlocal reading, most
        reading += 1
        most = max(most, reading) if name == "find_key" else most
        rows = await read(name, *arguments)
        reading -= 1
        return rows

    for status, answer in (("deactivated", 401), ("active", 200)):
        await asyncio.gather(*(api.ask("GET", "/api/v1/balance", headers=key) for key in keys))  # cached
        monkeypatch.setattr(api.deps.ledger, "rows", count)
        await api.good("PATCH", f"/admin/v1/accounts/{account_id}/members/u1", {"status": status})
        monkeypatch.undo()
        assert {(await api.ask("GET", "/api/v1/balance", headers=key)).status for key in keys} == {answer}
    assert most == LOADS_MAX


async def test_who_is_not_there_is_404(api: Api) -> None:
    account_id, other = await api.account(), await api.account()
    await member(api, other, "u1")
    for path in (f"{account_id}/members/u1", f"{new_id()}/members/u1", "nothing/members/u1"):
        for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
            assert (await api.ask(method, f"/admin/v1/accounts/{path}", body)).status == 404
    for method, body in (("GET", None), ("POST", {"user_id": "u1"})):
        assert (await api.ask(method, f"/admin/v1/accounts/{new_id()}/members", body)).status == 404


async def test_what_can_not_be_is_refused_by_name(api: Api) -> None:
    account_id = await api.account()
    await member(api, account_id, "u1")
    cases: list[tuple[Any, str]] = [
        ({}, "user_id"),
        ({"user_id": "u1"}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": ".."}, "user_id"),
        ({"user_id": "x" * 129}, "user_id"),
        ({"user_id": "u2", "role": "root"}, "role"),
        ({"user_id": "u2", "email": "nobody"}, "email"),
        ({"user_id": "u2", "colour": 1}, "colour"),
    ]
    await api.refused("POST", f"/admin/v1/accounts/{account_id}/members", cases)
