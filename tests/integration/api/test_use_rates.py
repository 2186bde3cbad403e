"""What use that is no model call is charged by: the rate of its feature, the price of a model's images, else one."""

from typing import Any

import pytest

from tests.conftest import settled
from tests.integration.api.asking import Api, Reply

FEATURES, PRICES = "/admin/v1/features", "/admin/v1/prices"
PRICE = {"model": "painter", "input": 1, "completion": 1, "images": 50_000_000}  # $50 for 10,000


async def use(api: Api, key: dict[str, str], body: Any, path: str = "usage") -> Reply:
    return await api.ask("POST", f"/api/v1/{path}", body, headers=key)


async def account(api: Api, unit: str = "tokens", **key: Any) -> tuple[str, dict[str, str]]:
    """Return an account with 1,000,000 of its unit, and a key."""
    account_id = await api.account(unit=unit)
    await api.pack(account_id, size=1_000_000)
    return account_id, await api.key(account_id, **key)


async def rate(api: Api, key: str = "ai_bots", **terms: Any) -> None:
    """Make a feature with a rate, or the next version of it."""
    await api.ask("POST", FEATURES, {"key": key, "name": key})
    await api.good("POST", f"{FEATURES}/{key}/rates", {"rate": 2.5, "base": "word", **terms})


async def rows(api: Api, account_id: str) -> list[Any]:
    """Return what the ledger has of an account's events."""
    await settled(api.client)
    columns = "model, feature, charge, cost, rate_version, details"
    async with api.deps.ledger.connection() as connection:
        text = f"SELECT {columns} FROM events WHERE account_id = $1 ORDER BY request_id"  # noqa: S608 - our own names
        return list(await connection.fetch(text, account_id))


async def test_a_text_is_charged_by_the_rate_of_its_feature_in_its_base(api: Api) -> None:
    await rate(api)
    account_id, key = await account(api)
    hundred = {"text": "word " * 100, "feature": "ai_bots"}
    used = (await use(api, key, hundred)).body
    assert (used["base"], used["units"], used["charge"]) == ("word", 100, 250)  # as the seed document reckons
    counted = (await use(api, key, {"amount": 3, "feature": "ai_bots"})).body
    assert (counted["base"], counted["units"], counted["charge"]) == ("word", 3, 8)
    refused = await use(api, key, {"text": "a b", "base": "character", "feature": "ai_bots"})
    assert (refused.status, refused.error["param"]) == (400, "base")
    first, _ = await rows(api, account_id)
    assert (first["feature"], first["charge"], first["cost"]) == ("ai_bots", 250, None)
    assert first["rate_version"] == "feature:ai_bots:*:tokens@1"
    assert first["details"] == '{"base": "word", "units": 100}'


async def test_a_key_has_a_feature_for_use_too(api: Api) -> None:
    await rate(api)
    account_id, key = await account(api, feature="ai_bots")
    assert (await use(api, key, {"text": "one two"})).body["charge"] == 5
    await rate(api, "other", rate=10)
    assert (await use(api, key, {"text": "one two", "feature": "other"})).body["charge"] == 20
    assert [row["feature"] for row in await rows(api, account_id)] == ["ai_bots", "other"]


async def test_a_reservation_keeps_the_rate_that_it_began_with(api: Api) -> None:
    await rate(api)
    account_id, key = await account(api)
    opened = (await use(api, key, {"amount": 100, "feature": "ai_bots"}, "reservations")).body
    assert (opened["base"], opened["reserved"]) == ("word", 250)
    await rate(api, rate=9)
    ended = await use(api, key, {"text": "word " * 60}, f"reservations/{opened['id']}/settle")
    assert (ended.body["used_units"], ended.body["charge"]) == (60, 150)
    (event,) = await rows(api, account_id)
    assert (event["rate_version"], event["charge"]) == ("feature:ai_bots:*:tokens@1", 150)
    assert (await api.good("POST", "/admin/v1/audit"))["clean"]


async def test_credits_are_charged_by_the_feature_or_by_the_price_of_images(api: Api) -> None:
    await api.good("POST", PRICES, PRICE)
    await rate(api, unit="credits", rate=1.5, base="unit")
    account_id, key = await account(api, unit="credits")
    images = (await use(api, key, {"amount": 3, "model": "painter"})).body
    assert (images["resource"], images["units"], images["charge"]) == ("credits", 3, 15_000)
    assert (await use(api, key, {"amount": 3, "feature": "ai_bots"})).body["charge"] == 5
    assert (await use(api, key, {"amount": 700})).body["charge"] == 700  # an amount of credits
    opened = (await use(api, key, {"amount": 10, "model": "painter"}, "reservations")).body
    assert (opened["reserved"], opened["model"]) == (50_000, "painter")
    ended = await use(api, key, {"amount": 2}, f"reservations/{opened['id']}/settle")
    assert ended.body["charge"] == 10_000
    found = await rows(api, account_id)
    assert [(row["model"], row["charge"], row["cost"]) for row in found] == [
        ("painter", 15_000, 15_000),
        ("-", 5, 5),
        ("-", 700, 700),
        ("painter", 10_000, 10_000),
    ]
    assert found[0]["rate_version"].startswith("price:")


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"amount": 3, "model": "gpt-4o"}, "model", "model_not_priced"),
        ({"text": "one two"}, "feature", "invalid_request"),
        ({"amount": 3, "base": "word"}, "feature", "invalid_request"),
        ({"amount": 3, "base": "token", "feature": "a_name_only"}, "feature", "invalid_request"),
    ],
)
async def test_what_has_no_price_in_credits_is_refused_and_never_a_micro_dollar(
    api: Api, body: Any, param: str, code: str
) -> None:
    account_id, key = await account(api, unit="credits")
    for path in ("usage", "reservations"):
        reply = await use(api, key, body, path)
        assert (reply.status, reply.error["param"], reply.error["code"]) == (400, param, code)
    assert await rows(api, account_id) == []


async def test_a_key_may_not_use_other_models(api: Api) -> None:
    await api.good("POST", PRICES, PRICE)
    _, key = await account(api, unit="credits", models=["simulated"])
    assert (await use(api, key, {"amount": 1, "model": "painter"})).status == 403


async def test_a_pack_of_a_model_pays_for_use_of_that_model_alone(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=10, models=["painter"], resource="images")
    key = await api.key(account_id)
    assert (await use(api, key, {"resource": "images", "amount": 2, "model": "painter"})).status == 201
    refused = await use(api, key, {"resource": "images", "amount": 2})
    assert (refused.status, refused.error["code"]) == (402, "no_active_pack")
