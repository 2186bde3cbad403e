"""Limits through the API: set, obeyed, seen, begun again; by the platform, by an account's admins, by nobody else."""

import asyncio
from typing import Any

import pytest

from gateway.deps import Deps
from tests.conftest import Start
from tests.integration.api.asking import Api, Reply
from tests.integration.api.contract import require_declared, routes

BODY = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


class Shop:
    """An account with a pack, a member's key and an admin's key."""

    def __init__(self, api: Api, account_id: str, key: dict[str, Any], boss: dict[str, Any]) -> None:
        self.api, self.account_id, self.key_id = api, account_id, str(key["id"])
        self.key = {"Authorization": f"Bearer {key['key']}"}
        self.boss = {"Authorization": f"Bearer {boss['key']}"}
        self.path = f"/admin/v1/accounts/{account_id}/limits"

    async def put(self, scope: str, subject: str = "", *, headers: Any = None, **limits: int) -> Reply:
        path = "/api/v1/limits" if headers else self.path
        return await self.api.ask("PUT", path, {"scope": scope, "subject": subject, "limits": limits}, headers=headers)

    async def limit(self, scope: str, subject: str = "", **limits: int) -> None:
        reply = await self.put(scope, subject, **limits)
        assert reply.status == 200, reply
        assert reply.body["limits"] == limits

    async def chat(self, headers: dict[str, str] | None = None, **changes: Any) -> Reply:
        return await self.api.ask("POST", "/v1/chat/completions", {**BODY, **changes}, headers=headers or self.key)

    async def seen(self, **query: str) -> list[Any]:
        await self.api.deps.meter.drain(5)
        return list((await self.api.good("GET", self.path, **query))["data"])


@pytest.fixture
async def shop(api: Api) -> Shop:
    account_id = await api.account()
    await api.pack(account_id, size=1_000_000)
    key, boss = [
        await api.good("POST", f"/admin/v1/accounts/{account_id}/keys", fields)
        for fields in ({"user_id": "u1"}, {"user_id": "boss", "role": "admin"})
    ]
    return Shop(api, account_id, key, boss)


def subject_of(shop: Shop, scope: str) -> str:
    return {"account": "", "member": "u1", "key": shop.key_id, "model": "simulated"}[scope]


@pytest.mark.parametrize("scope", ["account", "member", "key", "model"])
@pytest.mark.parametrize(
    ("name", "most", "kind"),
    [
        ("requests_per_minute", 1, "requests"),
        ("tokens_per_minute", 20, "tokens"),
        ("spend_per_day", 20, "spend"),
        ("spend_per_month", 20, "spend"),
    ],
)
async def test_a_limit_is_obeyed_at_once_and_says_which_it_is(
    shop: Shop, scope: str, name: str, most: int, kind: str
) -> None:
    assert (await shop.chat()).status == 200
    await shop.limit(scope, subject_of(shop, scope), **{name: most})
    replies = [await shop.chat() for _ in range(3)]
    while replies[-1].status == 200:  # a minute may have turned
        replies.append(await shop.chat())
    reply = replies[-1]
    assert reply.status == 429
    assert (reply.error["code"], reply.error["type"], reply.error["param"]) == ("rate_limit_exceeded", kind, name)
    details = reply.error["details"]
    assert (details["scope"], details["subject"]) == (scope, subject_of(shop, scope) or None)
    assert (details["limit"], details["size"]) == (name, most)
    assert details["used"] + details["requested"] > most
    assert details["resets_at"].endswith("Z")
    assert 1 <= int(reply.headers["retry-after"]) <= (60 if name.endswith("minute") else 31 * 86_400)
    assert reply.headers["x-should-retry"] == ("true" if name.endswith("minute") else "false")
    await shop.limit(scope, subject_of(shop, scope))
    assert (await shop.chat()).status == 200


async def test_answers_of_limited_keys_show_how_much_is_left(shop: Shop) -> None:
    plain = await shop.chat()
    assert not [name for name in plain.headers if name.startswith("x-ratelimit-")]
    await shop.limit("account", requests_per_minute=500, tokens_per_minute=40_000)
    await shop.limit("key", shop.key_id, requests_per_minute=60)
    for stream in (False, True):
        headers = (await shop.chat(stream=stream)).headers
        assert headers["x-ratelimit-limit-requests"] == "60"
        assert headers["x-ratelimit-remaining-requests"] in {"59", "58"}
        assert headers["x-ratelimit-reset-requests"].endswith("s")
        assert headers["x-ratelimit-limit-tokens"] == "40000"
        assert 39_900 < int(headers["x-ratelimit-remaining-tokens"]) < 40_000
    await shop.limit("key", shop.key_id, requests_per_minute=1)
    replies = [await shop.chat() for _ in range(3)]
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-ratelimit-limit-requests"] == "1"
    milliseconds = int(refused.headers["retry-after-ms"])
    assert int(refused.headers["retry-after"]) == -(-milliseconds // 1000)


async def test_use_is_seen_beside_each_limit(shop: Shop) -> None:
    await shop.limit("account", spend_per_month=1000)
    await shop.limit("member", "u1", concurrent_requests=3, spend_per_day=100)
    await shop.limit("member", "u2", requests_per_minute=7)
    await shop.limit("key", shop.key_id, tokens_per_minute=1000)
    await shop.chat()
    charged = (await shop.api.good("GET", "/admin/v1/events", account_id=shop.account_id))["data"]
    account, key, u1, u2 = await shop.seen()
    spent = charged[0]["charge"] if charged else (await shop.seen())[0]["usage"]["spend_per_month"]["used"]
    assert [row["scope"] for row in (account, key, u1, u2)] == ["account", "key", "member", "member"]
    assert (account["subject"], key["subject"], u1["subject"]) == (None, shop.key_id, "u1")
    month = account["usage"]["spend_per_month"]
    assert (month["used"], month["remaining"]) == (spent, 1000 - spent)
    assert u1["usage"]["spend_per_day"]["used"] == spent
    assert u1["usage"]["concurrent_requests"] == {"used": 0, "remaining": 3, "resets_at": None}
    assert u2["usage"]["requests_per_minute"]["used"] == 0
    assert key["usage"]["tokens_per_minute"]["used"] in {0, spent}  # 0: the minute has turned
    assert [row["subject"] for row in await shop.seen(scope="member", subject="u2")] == ["u2"]


async def test_lists_of_limits_come_page_by_page(shop: Shop) -> None:
    for number in range(5):
        await shop.limit("member", f"u{number}", requests_per_minute=1)
    found, cursor = [], {}
    while cursor is not None:
        page = await shop.api.good("GET", shop.path, limit="2", **cursor)
        found += [row["subject"] for row in page["data"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert found == ["u0", "u1", "u2", "u3", "u4"]
    for name, value in (("colour", "red"), ("scope", "planet"), ("cursor", "x"), ("limit", "0")):
        reply = await shop.api.get(shop.path, **{name: value})
        assert (reply.status, reply.error["param"]) == (400, name)


async def test_a_reset_lets_people_begin_again(shop: Shop) -> None:
    names = {"requests_per_minute": 1, "tokens_per_minute": 20, "spend_per_day": 20, "spend_per_month": 20}
    await shop.limit("key", shop.key_id, **names)
    assert (await shop.chat()).status == 200
    await shop.api.deps.meter.drain(5)
    assert (await shop.chat()).status == 429
    body = {"scope": "key", "subject": shop.key_id}
    reset = await shop.api.good("POST", f"{shop.path}/reset", body)
    assert reset == {**body, "reset": sorted(names)}
    assert {use["used"] for use in (await shop.seen())[0]["usage"].values()} == {0}
    assert (await shop.chat()).status == 200
    await shop.api.deps.meter.drain(5)
    some = {**body, "limits": ["spend_per_day", "requests_per_minute", "tokens_per_minute"]}
    await shop.api.good("POST", f"{shop.path}/reset", some)
    assert (await shop.chat()).error["param"] == "spend_per_month"
    line = (await shop.api.good("GET", "/admin/v1/audit-trail", action="reset"))["data"][0]
    assert (line["object"], line["object_id"], line["after"]["spend_per_day"]) == ("limits", f"key:{shop.key_id}", 0)
    assert line["before"]["spend_per_day"] > 0


async def test_what_is_running_stays_counted_through_a_reset(shop: Shop) -> None:
    await shop.limit("account", concurrent_requests=2)
    reply = await shop.api.ask("POST", f"{shop.path}/reset", {"scope": "account"})
    assert (reply.status, reply.error["param"]) == (400, "limits")


async def test_an_accounts_admin_limits_members_and_keys_of_their_own(shop: Shop) -> None:
    api = shop.api
    assert (await shop.put("member", "u1", headers=shop.boss, requests_per_minute=9)).status == 200
    assert (await shop.put("key", shop.key_id, headers=shop.boss, spend_per_day=90)).status == 200
    for scope, subject in (("account", ""), ("model", "simulated")):
        assert (await shop.put(scope, subject, headers=shop.boss, requests_per_minute=9)).status == 403
    assert (await shop.put("member", "u1", headers=shop.key, requests_per_minute=9)).status == 403
    reset = {"scope": "account"}
    assert (await api.ask("POST", "/api/v1/limits/reset", reset, headers=shop.boss)).status == 403
    other = await api.account()
    foreign = (await api.good("POST", f"/admin/v1/accounts/{other}/keys", {}))["id"]
    assert (await shop.put("key", foreign, headers=shop.boss, requests_per_minute=1)).status == 404
    assert (await shop.put("key", foreign, requests_per_minute=1)).status == 404
    await shop.limit("account", spend_per_month=5000)
    await shop.limit("member", "u2", spend_per_month=5000)
    every = await api.ask("GET", "/api/v1/limits", headers=shop.boss)
    assert [row["scope"] for row in every.body["data"]] == ["account", "key", "member", "member"]
    own = await api.ask("GET", "/api/v1/limits", headers=shop.key)
    assert [(row["scope"], row["subject"]) for row in own.body["data"]] == [("key", shop.key_id), ("member", "u1")]


async def test_bodies_that_are_wrong_are_told_what_to_write(shop: Shop) -> None:
    good = {"scope": "member", "subject": "u1", "limits": {}}
    await shop.api.refused(
        "PUT",
        shop.path,
        [
            ({**good, "scope": "planet"}, "scope"),
            ({**good, "subject": ""}, "subject"),
            ({**good, "scope": "account"}, "subject"),
            ({"scope": "member", "subject": "u1"}, "limits"),
            ({**good, "limits": {"requests_per_minute": 0}}, "limits"),
            ({**good, "limits": {"requests_per_year": 5}}, "limits"),
            ({**good, "color": "red"}, "color"),
        ],
    )
    await shop.api.refused(
        "POST",
        f"{shop.path}/reset",
        [
            ({"scope": "member", "subject": "u1"}, "limits"),
            ({"scope": "member", "subject": "u1", "limits": ["concurrent_requests"]}, "limits"),
            ({"scope": "member", "subject": "u1", "limits": ["spend_per_day"]}, "limits"),
        ],
    )
    nobody = "/admin/v1/accounts/0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3c/limits"
    assert (await shop.api.get(nobody)).status == 404
    assert (await shop.api.ask("PUT", nobody, good)).status == 404
    assert (await shop.put("key", "no-id", requests_per_minute=1)).status == 404


async def test_reservations_and_one_shot_usage_count_too(shop: Shop) -> None:
    await shop.limit("key", shop.key_id, spend_per_day=100)
    api = shop.api
    held = await api.ask("POST", "/api/v1/reservations", {"amount": 60}, headers=shop.key)
    assert held.status == 201
    used = await api.ask("POST", "/api/v1/usage", {"amount": 30}, headers=shop.key)
    assert used.status == 201
    refused = await api.ask("POST", "/api/v1/usage", {"amount": 11}, headers=shop.key)
    assert (refused.status, refused.error["details"]["used"]) == (429, 90)
    require_declared(routes()["recordUsage"], refused)
    refused = await api.ask("POST", "/api/v1/reservations", {"amount": 11}, headers=shop.key)
    assert refused.status == 429
    require_declared(routes()["openReservation"], refused)
    settled = await api.ask("POST", f"/api/v1/reservations/{held.body['id']}/settle", {"amount": 20}, headers=shop.key)
    assert settled.status == 200
    assert (await api.ask("POST", "/api/v1/usage", {"amount": 50}, headers=shop.key)).status == 201
    assert (await api.ask("POST", "/api/v1/usage", {"amount": 1}, headers=shop.key)).status == 429
    assert (await shop.seen())[0]["usage"]["spend_per_day"]["used"] == 100


async def test_an_admin_who_meters_for_a_member_obeys_the_members_limits(shop: Shop) -> None:
    await shop.limit("member", "u9", spend_per_day=100)
    body = {"amount": 60, "user_id": "u9"}
    assert (await shop.api.ask("POST", "/api/v1/usage", body, headers=shop.boss)).status == 201
    refused = await shop.api.ask("POST", "/api/v1/usage", body, headers=shop.boss)
    assert (refused.status, refused.error["details"]["subject"]) == (429, "u9")
    assert (await shop.api.ask("POST", "/api/v1/usage", {"amount": 60}, headers=shop.boss)).status == 201


async def test_two_gateways_obey_one_limit(api: Api, shop: Shop, start: Start) -> None:
    await shop.limit("key", shop.key_id, concurrent_requests=1, spend_per_day=200)
    other = Shop(Api(await start()), shop.account_id, {"id": shop.key_id, "key": ""}, {"key": ""})
    other.key = shop.key
    charged = 0
    for _ in range(30):
        replies = await asyncio.gather(shop.chat(), other.chat())
        charged += sum(reply.body["usage"]["total_tokens"] for reply in replies if reply.status == 200)
    await other.api.deps.meter.drain(5)
    await api.deps.meter.drain(5)
    row = (await shop.seen())[0]
    assert row["usage"]["spend_per_day"]["used"] == charged <= 200
    assert charged > 200 - 13


async def test_refusals_are_counted_by_whose_limit_it_was(shop: Shop) -> None:
    await shop.limit("model", "simulated", spend_per_day=5)
    assert (await shop.chat()).status == 429
    deps: Deps = shop.api.deps
    assert deps
    text = (await shop.api.get("/metrics")).body
    assert 'farebox_limited_total{limit="spend_per_day",scope="model"}' in text
    assert 'farebox_denied_total{reason="rate_limit_exceeded"}' in text
