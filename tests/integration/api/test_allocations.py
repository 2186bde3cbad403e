"""Allocations per model, and the balance in the published form (seed 002)."""

from dataclasses import replace
from typing import Any

import pytest

from config.settings import Settings
from tests.conftest import Start, settled
from tests.integration.api.asking import Api

BALANCE = "/dashboard/user/token-management/balance"


@pytest.fixture
async def shop(start: Start, settings: Settings) -> Api:
    """A gateway with the models "simulated", "gpt-5-nano" and "embed"."""
    simulated = settings.models["simulated"]
    more = {name: replace(simulated, name=name, upstream_model=name) for name in ("gpt-5-nano", "embed")}
    return Api(await start(replace(settings, models={**settings.models, **more})))


async def allocations(api: Api, headers: dict[str, str], **query: str) -> Any:
    """Return what a key sees."""
    await settled(api.client)
    reply = await api.ask("GET", "/api/v1/allocations", headers=headers, **query)
    assert reply.status == 200, reply
    return reply.body


def by_model(found: Any, field: str) -> dict[str, Any]:
    """Return one field of each model's allocation."""
    return {one["model"]: one[field] for one in found["allocations"]}


async def test_the_balance_is_answered_as_it_is_printed(shop: Api) -> None:
    account_id = await shop.account()
    await shop.pack(account_id, size=50_000, models=["gpt-5-nano"])
    key = await shop.key(account_id, user_id="u1", models=["gpt-5-nano"])
    reply = await shop.ask("GET", BALANCE, headers=key)
    assert reply.status == 200
    assert reply.body == {
        "success": True,
        "data": {
            "gpt-5-nano": {
                "credit": 50000,
                "isUnlimited": False,
                "entity_key": "gpt-5-nano",
                "engine": "simulated",
            }
        },
    }
    assert (await shop.ask("GET", BALANCE, headers={})).status == 401


async def test_a_credit_is_what_this_caller_could_spend(shop: Api) -> None:
    account_id = await shop.account()
    await shop.pack(account_id, size=100)
    await shop.pack(account_id, size=10, models=["embed"])
    await shop.pack(account_id, size=1, user_id="u1")
    await shop.pack(account_id, unlimited=True, models=["simulated"], user_id="u2")
    one = (await shop.ask("GET", BALANCE, headers=await shop.key(account_id, user_id="u1"))).body["data"]
    assert {name: entry["credit"] for name, entry in one.items()} == {"simulated": 101, "gpt-5-nano": 101, "embed": 111}
    two = (await shop.ask("GET", BALANCE, headers=await shop.key(account_id, user_id="u2"))).body["data"]
    assert two["simulated"] == {"credit": 0, "isUnlimited": True, "entity_key": "simulated", "engine": "simulated"}
    assert two["embed"]["credit"] == 110


async def test_what_is_held_or_owed_or_below_the_reserve_can_not_be_spent(shop: Api) -> None:
    account_id = await shop.account()
    await shop.pack(account_id, size=100)
    key = await shop.key(account_id, user_id="u1")
    await shop.ask("POST", "/api/v1/reservations", {"amount": 30}, headers=key)

    async def credit() -> int:
        found = await shop.ask("GET", BALANCE, headers=key)
        value: int = found.body["data"]["embed"]["credit"]
        return value

    assert await credit() == 70
    await shop.good("PATCH", f"/admin/v1/accounts/{account_id}", {"min_reserve": 60, "floor": "keep"})
    assert await credit() == 10
    refused = await shop.ask("POST", "/api/v1/usage", {"amount": 11}, headers=key)
    assert refused.status == 402
    assert (await shop.ask("POST", "/api/v1/usage", {"amount": 10}, headers=key)).status == 201
    await settled(shop.client)
    assert await credit() == 0


async def test_each_model_has_its_bar_and_its_expiration(shop: Api) -> None:
    account_id = await shop.account()
    await shop.pack(account_id, size=100, models=["embed"], expires_at="2999-05-01T00:00:00Z")
    await shop.pack(account_id, size=50, models=["embed"], expires_at="2999-04-01T00:00:00Z", user_id="u1")
    key = await shop.key(account_id, user_id="u1")
    await shop.booking(account_id).charge(50, user_id="u1", model="embed")
    found = await allocations(shop, key)
    assert by_model(found, "size") == {"simulated": 0, "gpt-5-nano": 0, "embed": 150}
    assert by_model(found, "remaining")["embed"] == 100
    assert by_model(found, "available")["embed"] == 100
    assert by_model(found, "expires_at")["embed"] == "2999-05-01T00:00:00.000000Z", "the other one is empty"
    assert by_model(found, "expires_at")["simulated"] is None
    assert by_model(found, "engine")["embed"] == "simulated"
    assert found["active_allocations"] == 1


async def test_the_summary_has_the_four_figures(shop: Api) -> None:
    account_id = await shop.account()
    await shop.pack(account_id, size=1000)
    await shop.pack(account_id, size=10, user_id="u1")
    booking = shop.booking(account_id)
    await booking.charge(30, user_id="u1")
    used = await booking.charge(200, user_id="u2")
    await shop.good("POST", f"/admin/v1/events/{used}/refund", {"amount": 50, "reason": "sorry"})
    await booking.recover(90, 40, user_id="u2")
    member = await shop.key(account_id, user_id="u1")
    boss = await shop.key(account_id, user_id="u3", role="admin")
    await shop.ask("POST", "/api/v1/reservations", {"amount": 5}, headers=member)
    one = await allocations(shop, member)
    left = 1000 - 20 - 150 - 40
    assert (one["total"], one["available"], one["used_this_month"], one["user_id"]) == (left, left - 5, 30, "u1")
    assert one["active_allocations"] == 3
    whole = await allocations(shop, boss)
    assert (whole["total"], whole["available"], whole["used_this_month"]) == (left, left - 5, 30 + 150 + 40)
    assert whole["user_id"] is None
    admins = await shop.good("GET", f"/admin/v1/accounts/{account_id}/allocations")
    assert admins == whole
    assert await allocations(shop, boss, user_id="u1") == one
    assert await shop.good("GET", f"/admin/v1/accounts/{account_id}/allocations", user_id="u1") == one
    refused = await shop.ask("GET", "/api/v1/allocations", headers=member, user_id="u2")
    assert refused.status == 403


async def test_last_month_is_not_this_month(shop: Api) -> None:
    account_id = await shop.account(time_zone="Pacific/Auckland")
    await shop.pack(account_id, size=1000)
    booking = shop.booking(account_id)
    for amount, at in (
        (1, "date_trunc('month', now(), 'Pacific/Auckland') - interval '1 second'"),
        (2, "date_trunc('month', now(), 'Pacific/Auckland')"),
        (4, "now()"),
    ):
        request_id = await booking.charge(amount)
        async with shop.deps.ledger.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(f"UPDATE events SET at = {at} WHERE request_id = $1", request_id)  # noqa: S608
    assert (await allocations(shop, await shop.key(account_id, role="admin")))["used_this_month"] == 6


async def test_the_last_uses_say_what_remained_after_each(shop: Api) -> None:
    account_id = await shop.account()
    await shop.pack(account_id, size=1000, models=["embed"])
    booking = shop.booking(account_id)
    await booking.charge(285, user_id="u1", model="embed")
    await shop.pack(account_id, size=7, user_id="u1")
    await booking.charge(15, user_id="u2", model="embed")
    await booking.charge(5, user_id="u1", model="-", feature="scan")
    found = await allocations(shop, await shop.key(account_id, role="admin"))
    assert [(one["generator"], one["amount"], one["remaining"], one["user_id"]) for one in found["recent"]] == [
        ("scan", 5, 2, "u1"),
        ("embed", 15, 700, "u2"),
        ("embed", 285, 715, "u1"),
    ]
    assert [one["at"] for one in found["recent"]] == sorted((one["at"] for one in found["recent"]), reverse=True)
    mine = await allocations(shop, await shop.key(account_id, user_id="u2"))
    assert [(one["amount"], one["remaining"]) for one in mine["recent"]] == [(15, 700)]


async def test_the_last_uses_are_fifty(shop: Api) -> None:
    account_id = await shop.account()
    await shop.pack(account_id, size=1000)
    booking = shop.booking(account_id)
    await booking.book(*(booking.row(1) for _ in range(30)))
    await booking.book(*(booking.row(1) for _ in range(30)))
    recent = (await allocations(shop, await shop.key(account_id, role="admin")))["recent"]
    assert len(recent) == 50
    assert sorted(one["remaining"] for one in recent) == list(range(940, 990))
