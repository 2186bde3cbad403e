"""Features and their rates: made by an admin, versioned, and read as the seed documents print them."""

from typing import Any

import pytest

from tests.integration.api.asking import Api

FEATURES = "/admin/v1/features"


async def make(api: Api, key: str = "ai_bots", **rate: Any) -> None:
    """Create a feature with one rate."""
    await api.good("POST", FEATURES, {"key": key, "name": "AI Bots"})
    await api.good("POST", f"{FEATURES}/{key}/rates", {"rate": 2.5, "base": "word", **rate})


async def test_a_feature_rate_reads_as_the_seed_document_prints_it(api: Api) -> None:
    await make(api)
    key = await api.key(await api.account())
    reply = await api.ask("GET", "/api/feature-rates/ai_bots", headers=key)
    assert reply.body == {
        "success": True,
        "data": {
            "feature_key": "ai_bots",
            "feature_name": "AI Bots",
            "tokens_per_unit": 2.5,
            "token_type": "word",
        },
    }


async def test_a_feature_rate_may_be_asked_for_a_model(api: Api) -> None:
    await make(api)
    await api.good("POST", f"{FEATURES}/ai_bots/rates", {"rate": 4, "base": "character", "model": "simulated"})
    await api.good("POST", FEATURES, {"key": "label", "name": "A name only"})
    key = await api.key(await api.account())
    found = await api.ask("GET", "/api/feature-rates/ai_bots", headers=key, model="simulated")
    assert (found.body["data"]["tokens_per_unit"], found.body["data"]["token_type"]) == (4, "character")
    plain = await api.ask("GET", "/api/feature-rates/label", headers=key)
    assert (plain.body["data"]["tokens_per_unit"], plain.body["data"]["token_type"]) == (1, "token")


async def test_a_feature_rate_is_for_callers_with_a_key_and_of_features_that_exist(api: Api) -> None:
    await make(api)
    key = await api.key(await api.account())
    assert (await api.ask("GET", "/api/feature-rates/ai_bots", headers={})).status == 401
    assert (await api.ask("GET", "/api/feature-rates/other", headers=key)).status == 404
    await api.good("DELETE", f"{FEATURES}/ai_bots")
    assert (await api.ask("GET", "/api/feature-rates/ai_bots", headers=key)).status == 404


async def test_a_rate_is_never_changed_in_place(api: Api) -> None:
    await make(api)
    newer = await api.good("POST", f"{FEATURES}/ai_bots/rates", {"rate": 3.000001, "base": "word"})
    assert (newer["version"], newer["rate"]) == (2, 3.000001)
    versions = (await api.good("GET", f"{FEATURES}/ai_bots/rates"))["data"]
    assert [(row["version"], row["rate"]) for row in versions] == [(2, 3.000001), (1, 2.5)]
    shown = await api.good("GET", f"{FEATURES}/ai_bots")
    assert [row["version"] for row in shown["rates"]] == [2]


async def test_an_ended_rate_is_no_longer_in_force(api: Api) -> None:
    await make(api)
    await api.good("POST", f"{FEATURES}/ai_bots/rates", {"rate": None})
    assert (await api.good("GET", f"{FEATURES}/ai_bots"))["rates"] == []


async def test_all_rates_are_those_of_models_and_features(api: Api) -> None:
    await make(api)
    rates = await api.good("GET", "/admin/v1/rates")
    (model,) = rates["models"]
    assert (model["model"], model["base"], model["rates"]) == (
        "simulated",
        "token",
        {"prompt": 1, "cached": 1, "completion": 1},
    )
    (feature,) = rates["features"]
    assert (feature["feature"], feature["model"], feature["base"], feature["rate"]) == ("ai_bots", None, "word", 2.5)


async def test_features_are_listed_changed_and_retired(api: Api) -> None:
    await make(api)
    await make(api, "ocr", rate=12, base="unit")
    changed = await api.good("PATCH", f"{FEATURES}/ocr", {"name": "OCR", "note": "by the page"})
    assert (changed["name"], changed["note"], changed["retired_at"]) == ("OCR", "by the page", None)
    retired = await api.good("DELETE", f"{FEATURES}/ocr")
    assert retired["retired_at"]
    assert [row["key"] for row in (await api.good("GET", FEATURES))["data"]] == ["ai_bots", "ocr"]
    back = await api.good("PATCH", f"{FEATURES}/ocr", {"retired": False})
    assert back["retired_at"] is None


async def test_a_key_may_have_a_feature(api: Api) -> None:
    await make(api)
    account_id = await api.account()
    keys = f"/admin/v1/accounts/{account_id}/keys"
    created = await api.good("POST", keys, {"feature": "ai_bots"})
    assert created["feature"] == "ai_bots"
    changed = await api.good("PATCH", f"/admin/v1/keys/{created['id']}", {"feature": None})
    assert changed["feature"] is None
    await api.refused("POST", keys, [({"feature": "other"}, "feature")])


async def test_what_makes_no_sense_is_refused(api: Api) -> None:
    await make(api)
    await api.refused(
        "POST",
        FEATURES,
        [
            ({"key": "ai_bots", "name": "again"}, "key"),
            ({"key": "Not a key", "name": "x"}, "key"),
            ({"key": "x"}, "name"),
        ],
    )
    await api.refused(
        "POST",
        f"{FEATURES}/ai_bots/rates",
        [
            ({"rate": 0.0000001}, "rate"),
            ({"rate": -1}, "rate"),
            ({"rate": 1_000_001}, "rate"),
            ({}, "rate"),
            ({"rate": 1, "base": "page"}, "base"),
            ({"rate": 1, "base": "word", "prompt_rate": 1}, "prompt_rate"),
            ({"rate": None, "prompt_rate": 1}, "prompt_rate"),
            ({"rate": 1, "unit": "Not a unit"}, "unit"),
        ],
    )


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rates")])
async def test_a_feature_that_does_not_exist_is_not_found(api: Api, method: str, path: str) -> None:
    body = {"rate": 1} if path else {}
    assert (await api.ask(method, f"{FEATURES}/none{path}", body)).status == 404
