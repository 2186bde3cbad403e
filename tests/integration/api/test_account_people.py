"""/api/v1/members and /keys: an account's admins over their own account, members over what is theirs."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.api.asking import Api, Reply


@dataclass(frozen=True, slots=True)
class Scene:
    """Two accounts with a key each of an admin, and of two members of the first."""

    api: Api
    boss: dict[str, str]
    stranger: dict[str, str]
    ann: dict[str, str]
    bob: dict[str, str]
    ids: dict[str, str]

    async def ask(self, who: dict[str, str], method: str, path: str, body: Any = None, **headers: str) -> Reply:
        return await self.api.ask(method, f"/api/v1{path}", body, headers={**who, **headers})


@pytest.fixture
async def scene(api: Api) -> Scene:
    account_id, other = await api.account(), await api.account()
    made: dict[str, dict[str, Any]] = {}
    for name, owner, fields in (
        ("boss", account_id, {"role": "admin"}),
        ("stranger", other, {"role": "admin"}),
        ("ann", account_id, {"user_id": "ann"}),
        ("bob", account_id, {"user_id": "bob"}),
    ):
        made[name] = await api.good("POST", f"/admin/v1/accounts/{owner}/keys", fields)
    secrets = {name: {"Authorization": f"Bearer {key['key']}"} for name, key in made.items()}
    ids = {"account": account_id, "other": other, **{name: key["id"] for name, key in made.items()}}
    return Scene(api=api, ids=ids, **secrets)


async def test_an_accounts_admin_manages_its_members(scene: Scene) -> None:
    made = await scene.ask(scene.boss, "POST", "/members", {"user_id": "ann", "name": "Ann"})
    assert (made.status, made.body["account_id"]) == (201, scene.ids["account"])
    changed = await scene.ask(scene.boss, "PATCH", "/members/ann", {"role": "admin"})
    assert changed.body["role"] == "admin"
    assert (await scene.ask(scene.ann, "GET", "/keys")).body["data"][-1]["id"] == scene.ids["boss"]  # an admin, at once
    assert (await scene.ask(scene.boss, "DELETE", "/members/ann")).body["status"] == "deactivated"
    assert (await scene.ask(scene.ann, "GET", "/balance")).status == 401
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert (await scene.ask(scene.stranger, method, "/members/ann", body)).status == 404
    assert (await scene.ask(scene.stranger, "GET", "/members")).body["data"] == []


async def test_a_member_sees_themselves_and_changes_nobody(scene: Scene) -> None:
    for user_id in ("ann", "bob"):
        await scene.ask(scene.boss, "POST", "/members", {"user_id": user_id})
    listed = (await scene.ask(scene.ann, "GET", "/members")).body["data"]
    assert [row["user_id"] for row in listed] == ["ann"]
    assert (await scene.ask(scene.ann, "GET", "/members/ann")).status == 200
    assert (await scene.ask(scene.ann, "GET", "/members/bob")).status == 404
    for method, path, body in (
        ("POST", "/members", {"user_id": "eve", "role": "admin"}),
        ("PATCH", "/members/ann", {"role": "admin"}),
        ("DELETE", "/members/bob", None),
        ("POST", "/keys", {}),
        ("PATCH", f"/keys/{scene.ids['ann']}", {"models": None}),
        ("GET", "/audit-trail", None),
    ):
        reply = await scene.ask(scene.ann, method, path, body)
        assert (reply.status, reply.error["code"]) == (403, "not_allowed"), path


async def test_an_accounts_admin_manages_its_keys_and_no_others(scene: Scene) -> None:
    made = await scene.ask(scene.boss, "POST", "/keys", {"name": "till", "user_id": "ann"})
    assert (made.status, made.body["account_id"], made.body["role"]) == (201, scene.ids["account"], "member")
    key = {"Authorization": f"Bearer {made.body['key']}"}
    assert (await scene.ask(key, "GET", "/balance")).status == 200
    path = f"/keys/{made.body['id']}"
    assert (await scene.ask(scene.boss, "PATCH", path, {"name": "shop"})).body["name"] == "shop"
    assert (await scene.ask(scene.boss, "GET", path)).body["name"] == "shop"
    assert (await scene.ask(scene.boss, "DELETE", path)).body["revoked_at"]
    assert (await scene.ask(key, "GET", "/balance")).status == 401
    foreign = f"/keys/{scene.ids['stranger']}"
    for method, where in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        reply = await scene.ask(scene.boss, method, foreign + where, {} if method != "GET" else None)
        assert reply.status == 404, method
    assert (await scene.ask(scene.stranger, "GET", "/balance")).status == 200
    listed = (await scene.ask(scene.boss, "GET", "/keys")).body["data"]
    assert {row["account_id"] for row in listed} == {scene.ids["account"]}
    assert len(listed) == 4


async def test_a_member_rotates_and_revokes_their_own_keys_only(scene: Scene) -> None:
    listed = (await scene.ask(scene.ann, "GET", "/keys")).body["data"]
    assert [row["id"] for row in listed] == [scene.ids["ann"]]
    for who in ("bob", "boss", "stranger"):
        for method, where in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
            assert (await scene.ask(scene.ann, method, f"/keys/{scene.ids[who]}{where}")).status == 404, who
    rotated = await scene.ask(scene.ann, "POST", f"/keys/{scene.ids['ann']}/rotate", {"overlap_seconds": 60})
    new = {"Authorization": f"Bearer {rotated.body['key']}"}
    assert (await scene.ask(new, "DELETE", f"/keys/{scene.ids['ann']}")).status == 200
    for key in (scene.ann, new):
        assert (await scene.ask(key, "GET", "/balance")).status == 401


async def test_nobody_hands_out_more_models_than_they_have(scene: Scene) -> None:
    account, path = scene.ids["account"], "/admin/v1/accounts/{}/keys"
    bound = await scene.api.key(account, role="admin", models=["a", "b"])
    for models in (None, ["c"], ["a", "c"]):
        assert (await scene.ask(bound, "POST", "/keys", {"models": models})).status == 403
    made = await scene.ask(bound, "POST", "/keys", {})
    assert made.body["models"] == ["a", "b"]
    one = f"/keys/{made.body['id']}"
    assert (await scene.ask(bound, "PATCH", one, {"models": None})).status == 403
    assert (await scene.ask(bound, "PATCH", one, {"models": ["b"]})).body["models"] == ["b"]
    # The secret of a key that may do more must not come into their hands.
    assert (await scene.ask(bound, "POST", f"/keys/{scene.ids['ann']}/rotate")).status == 403
    assert (await scene.ask(bound, "DELETE", f"/keys/{scene.ids['bob']}")).status == 200
    listed = await scene.api.good("GET", path.format(account), limit="100")
    assert len(listed["data"]) == 5


async def test_nobody_comes_by_a_role_through_another_key_of_theirs(scene: Scene) -> None:
    """Where there is no members row, the keys of one user_id may have different roles."""
    strong = await scene.api.good(
        "POST", f"/admin/v1/accounts/{scene.ids['account']}/keys", {"user_id": "ann", "role": "admin"}
    )
    reply = await scene.ask(scene.ann, "POST", f"/keys/{strong['id']}/rotate")
    assert (reply.status, reply.error["code"]) == (403, "not_allowed")


async def test_a_write_that_is_sent_again_happens_once_for_the_key_that_sent_it(scene: Scene) -> None:
    sent = {"Idempotency-Key": "once"}
    replies = [await scene.ask(scene.boss, "POST", "/keys", {"name": "k"}, **sent) for _ in range(2)]
    assert [reply.status for reply in replies] == [201, 201]
    assert replies[0].body["id"] == replies[1].body["id"]
    assert replies[1].body["key"] is None
    other = await scene.ask(scene.stranger, "POST", "/keys", {"name": "k"}, **sent)
    assert other.body["account_id"] == scene.ids["other"]
