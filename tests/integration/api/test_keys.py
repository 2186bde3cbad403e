"""/admin/v1/…/keys."""

from datetime import UTC, datetime, timedelta
from typing import Any

from metering.ids import new_id
from tests.integration.api.asking import Api

FIELDS = [
    "id", "account_id", "user_id", "name", "prefix", "role", "models", "limits", "ip_ranges", "expires_at",
    "previous_valid_until", "revoked_at", "last_used_at", "created_at",
]  # fmt: skip
PAST = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()


async def test_the_secret_is_in_the_first_answer_only(api: Api) -> None:
    account_id = await api.account()
    created = await api.ask("POST", f"/admin/v1/accounts/{account_id}/keys", {"name": "k", "user_id": "u1"})
    assert created.status == 201
    assert list(created.body) == [*FIELDS, "feature", "key"]
    secret = created.body.pop("key")
    listed = await api.good("GET", f"/admin/v1/accounts/{account_id}/keys")
    assert listed == {"data": [created.body], "next_cursor": None}
    assert secret not in str(listed)
    assert secret.startswith(created.body["prefix"])
    assert created.body["limits"] == {}


async def test_a_revoked_key_is_good_for_nothing_from_then_on(api: Api) -> None:
    account_id = await api.account()
    key = await api.key(account_id)
    assert (await api.ask("GET", "/api/v1/balance", headers=key)).status == 200
    (listed,) = (await api.good("GET", f"/admin/v1/accounts/{account_id}/keys"))["data"]
    revoked = await api.good("DELETE", f"/admin/v1/keys/{listed['id']}")
    assert revoked["revoked_at"]
    reply = await api.ask("GET", "/api/v1/balance", headers=key)
    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
    assert await api.good("DELETE", f"/admin/v1/keys/{listed['id']}") == revoked


async def test_a_changed_key_is_obeyed_at_once(api: Api) -> None:
    account_id = await api.account()
    key = await api.key(account_id)
    assert (await api.ask("GET", "/v1/models/simulated", headers=key)).status == 200
    (listed,) = (await api.good("GET", f"/admin/v1/accounts/{account_id}/keys"))["data"]
    changed = await api.good("PATCH", f"/admin/v1/keys/{listed['id']}", {"models": ["other"], "name": "new"})
    assert (changed["models"], changed["name"]) == (["other"], "new")
    assert (await api.ask("GET", "/v1/models/simulated", headers=key)).status == 404


async def test_a_key_that_is_not_there_is_404(api: Api) -> None:
    for key_id in (new_id(), "nothing"):
        for method in ("PATCH", "DELETE"):
            assert (await api.ask(method, f"/admin/v1/keys/{key_id}", {})).status == 404
        assert (await api.ask("POST", f"/admin/v1/accounts/{key_id}/keys", {})).status == 404


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"role": "root"}, "role"),
    ({"models": []}, "models"),
    ({"models": [""]}, "models"),
    ({"models": "m"}, "models"),
    ({"user_id": ""}, "user_id"),
    ({"user_id": "x" * 129}, "user_id"),
    ({"expires_at": PAST}, "expires_at"),
    ({"expires_at": "tomorrow"}, "expires_at"),
    ({"expires_at": "2027-01-31T00:00:00"}, "expires_at"),
    ({"limits": {"rpm": 1}}, "limits"),
]


async def test_what_can_not_be_is_refused_by_name(api: Api) -> None:
    await api.refused("POST", f"/admin/v1/accounts/{await api.account()}/keys", REFUSED)
