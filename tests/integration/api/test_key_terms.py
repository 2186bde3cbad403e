"""What a key is bound to: limits, addresses, and a secret that can be replaced."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession

from config.settings import Settings
from tests.conftest import Start, Wallet
from tests.integration.api.asking import Api, Reply
from tests.waiting import eventually

LIMITS = {
    "requests_per_minute": 60,
    "tokens_per_minute": 100_000,
    "concurrent_requests": 4,
    "spend_per_day": 5_000,
    "spend_per_month": 100_000,
}
CHAT = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


async def make(api: Api, account_id: str, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await api.good("POST", f"/admin/v1/accounts/{account_id}/keys", fields)
    return made


def bearer(key: dict[str, Any], **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}", **more}


async def test_limits_are_kept_as_they_were_written(api: Api) -> None:
    key = await make(api, await api.account(), limits=LIMITS)
    path = f"/admin/v1/keys/{key['id']}"
    assert key["limits"] == LIMITS
    assert (await api.good("PATCH", path, {"name": "x"}))["limits"] == LIMITS
    some = {"limits": {"spend_per_day": 7, "tokens_per_minute": None}}
    assert (await api.good("PATCH", path, some))["limits"] == {"spend_per_day": 7}
    assert (await api.good("PATCH", path, {"limits": None}))["limits"] == {}
    assert (await api.good("GET", path))["limits"] == {}


async def test_limits_and_ranges_that_can_not_be_are_refused_by_name(api: Api) -> None:
    cases: list[tuple[Any, str]] = [
        ({"limits": {"rpm": 1}}, "limits"),
        ({"limits": {"requests_per_minute": 0}}, "limits"),
        ({"limits": {"requests_per_minute": 1.5}}, "limits"),
        ({"limits": []}, "limits"),
        ({"ip_ranges": []}, "ip_ranges"),
        ({"ip_ranges": ["10.0.0.1/8"]}, "ip_ranges"),
        ({"ip_ranges": ["nowhere"]}, "ip_ranges"),
        ({"ip_ranges": "10.0.0.0/8"}, "ip_ranges"),
    ]
    await api.refused("POST", f"/admin/v1/accounts/{await api.account()}/keys", cases)


async def both_ways(api: Api, headers: dict[str, str]) -> tuple[Reply, Reply]:
    """Send a chat request that the doorway takes (the first of a connection), and one that aiohttp does."""
    async with ClientSession() as fresh:
        url = api.client.make_url("/v1/chat/completions")
        async with fresh.post(url, json=CHAT, headers=headers) as response:
            assert "server" not in {
                name.lower() for name in response.headers
            }  # aiohttp tells its name, the doorway not
            plain = Reply(response.status, await response.json(), dict(response.headers))
    return plain, await api.ask("POST", "/v1/chat/completions", CHAT, headers=headers, unusual="1")


@pytest.mark.parametrize(("ranges", "status"), [(["127.0.0.0/8"], 200), (["203.0.113.7", "2001:db8::/32"], 403)])
async def test_a_key_is_obeyed_from_its_addresses_only(api: Api, ranges: list[str], status: int) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    key = await make(api, account_id, ip_ranges=ranges)
    for reply in (*await both_ways(api, bearer(key)), await api.ask("GET", "/api/v1/balance", headers=bearer(key))):
        assert reply.status == status, reply
        assert status == 200 or reply.error["code"] == "not_allowed"


async def test_nobody_may_say_by_themselves_where_they_come_from(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    key = await make(api, account_id, ip_ranges=["203.0.113.0/24"])
    for reply in await both_ways(api, bearer(key, **{"X-Forwarded-For": "203.0.113.9"})):
        assert reply.status == 403


async def test_a_trusted_proxy_is_believed(settings: Settings, start: Start) -> None:
    server = replace(settings.server, trusted_proxies=("127.0.0.0/8", "10.0.0.0/8"))
    api = Api(await start(replace(settings, server=server)))
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    key = await make(api, account_id, ip_ranges=["203.0.113.0/24"])
    cases = {"203.0.113.9": 200, "198.51.100.1, 203.0.113.9, 10.1.2.3": 200, "203.0.113.9, 198.51.100.1": 403, "x": 403}
    for forwarded, status in cases.items():
        for reply in await both_ways(api, bearer(key, **{"X-Forwarded-For": forwarded})):
            assert reply.status == status, forwarded
    assert (await api.ask("GET", "/api/v1/balance", headers=bearer(key))).status == 403


async def test_a_rotated_keys_old_secret_is_good_until_its_overlap_ends(api: Api, wallet: Wallet) -> None:
    key = await make(api, await api.account(), name="k")
    path = f"/admin/v1/keys/{key['id']}/rotate"
    new = await api.good("POST", path, {"overlap_seconds": 3600})
    assert new["id"] == key["id"]
    assert new["key"] != key["key"]
    assert new["key"].startswith(new["prefix"])
    left = datetime.fromisoformat(new["previous_valid_until"]) - datetime.now(UTC)
    assert 3500 < left.total_seconds() <= 3600
    for one in (key, new):
        assert (await api.ask("GET", "/api/v1/balance", headers=bearer(one))).status == 200
    await wallet.connection.execute("UPDATE retired_secrets SET valid_until = clock_timestamp()")
    await api.deps.effects.changed(await digests(wallet))
    assert (await api.ask("GET", "/api/v1/balance", headers=bearer(key))).status == 401
    assert (await api.ask("GET", "/api/v1/balance", headers=bearer(new))).status == 200


async def digests(wallet: Wallet) -> list[bytes]:
    return [bytes(row[0]) for row in await wallet.connection.fetch("SELECT digest FROM retired_secrets")]


async def test_without_an_overlap_every_older_secret_ends_at_once(api: Api) -> None:
    first = await make(api, await api.account())
    path = f"/admin/v1/keys/{first['id']}/rotate"
    second = await api.good("POST", path, {"overlap_seconds": 600})
    assert (await api.ask("GET", "/api/v1/balance", headers=bearer(first))).status == 200
    third = await api.good("POST", path)
    assert third["previous_valid_until"] is None
    for key, status in ((first, 401), (second, 401), (third, 200)):
        assert (await api.ask("GET", "/api/v1/balance", headers=bearer(key))).status == status


async def test_revoking_a_rotated_key_ends_all_of_its_secrets(api: Api) -> None:
    old = await make(api, await api.account())
    new = await api.good("POST", f"/admin/v1/keys/{old['id']}/rotate", {"overlap_seconds": 600})
    for key in (old, new):
        assert (await api.ask("GET", "/api/v1/balance", headers=bearer(key))).status == 200
    await api.good("DELETE", f"/admin/v1/keys/{old['id']}")
    for key in (old, new):
        assert (await api.ask("GET", "/api/v1/balance", headers=bearer(key))).status == 401
    assert (await api.ask("POST", f"/admin/v1/keys/{old['id']}/rotate")).status == 400


async def test_a_change_made_elsewhere_is_obeyed_within_the_cache(settings: Settings, start: Start) -> None:
    short = replace(settings, auth=replace(settings.auth, cache_seconds=0.1))
    here, elsewhere = Api(await start(short)), Api(await start(short))
    key = await make(here, await here.account())
    assert (await elsewhere.ask("GET", "/api/v1/balance", headers=bearer(key))).status == 200
    await here.good("DELETE", f"/admin/v1/keys/{key['id']}")

    async def refused() -> bool:
        return (await elsewhere.ask("GET", "/api/v1/balance", headers=bearer(key))).status == 401

    await eventually(refused)


async def test_the_last_use_is_noted(api: Api) -> None:
    key = await make(api, await api.account())
    await api.ask("GET", "/api/v1/balance", headers=bearer(key))
    await api.deps.auth.flush()
    assert (await api.good("GET", f"/admin/v1/keys/{key['id']}"))["last_used_at"]
