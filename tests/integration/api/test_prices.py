"""The price table: rows that are added and never changed, and what genai-prices says."""

import datetime as dt
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from config.settings import Settings
from tests.conftest import Start, Wallet, deps_of
from tests.integration.api.asking import ADMIN, Api
from tests.integration.api.models import models_of_openai
from tests.waiting import eventually

PRICES = "/admin/v1/prices"
ROUNDS = 6  # of two gateways
PRICE = {"model": "simulated", "input": 2_500_000, "completion": 10_000_000}


async def test_a_price_is_a_row_that_is_valid_from_now(api: Api) -> None:
    row = await api.good("POST", PRICES, {**PRICE, "cached_input": 0, "images": 50_000_000})
    assert (row["input"], row["cached_input"], row["reasoning"], row["images"]) == (2_500_000, 0, None, 50_000_000)
    assert (row["service_tier"], row["above_prompt_tokens"], row["source"]) == ("default", 0, "admin")
    assert list(api.deps.tariff.now.prices) == ["simulated"]


async def test_a_newer_row_holds_and_the_old_one_stays(api: Api) -> None:
    await api.good("POST", PRICES, PRICE)
    await api.good("POST", PRICES, {**PRICE, "input": 3_000_000})
    current = (await api.good("GET", PRICES, current="true"))["data"]
    assert [row["input"] for row in current] == [3_000_000]
    rows = (await api.good("GET", PRICES))["data"]
    assert [row["input"] for row in rows] == [3_000_000, 2_500_000]
    first = await api.good("GET", PRICES, limit=1)
    rest = await api.good("GET", PRICES, limit=1, cursor=first["next_cursor"], model="simulated")
    assert [row["input"] for row in rest["data"]] == [2_500_000]


async def test_the_database_refuses_to_change_a_price(api: Api, wallet: Wallet) -> None:
    await api.good("POST", PRICES, PRICE)
    for statement in ("UPDATE prices SET input = 1", "DELETE FROM prices", "TRUNCATE prices"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await wallet.connection.execute(statement)


async def test_a_price_may_be_made_for_a_later_date_and_holds_from_then_on(settings: Settings, start: Start) -> None:
    quick = replace(settings, prices=replace(settings.prices, refresh_seconds=0.05))
    api = Api(await start(quick))
    await api.good("POST", PRICES, PRICE)
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)).isoformat()
    await api.good("POST", PRICES, {**PRICE, "input": 9_000_000, "valid_from": soon})

    def price() -> int:
        card = api.deps.tariff.now.prices["simulated"]
        return card.price_of(service_tier=None, prompt_tokens=1).rates.prompt

    assert price() == 2_500_000
    await eventually(lambda: price() == 9_000_000)


async def test_a_price_of_another_gateway_holds_here_soon(settings: Settings, start: Start) -> None:
    quick = replace(settings, prices=replace(settings.prices, refresh_seconds=0.05))
    here, there = await start(quick), Api(await start(quick))
    await there.good("POST", PRICES, PRICE)
    await eventually(lambda: "simulated" in deps_of(here).tariff.now.prices)


async def test_a_price_that_has_ended_is_none(api: Api) -> None:
    await api.good("POST", PRICES, PRICE)
    await api.good("POST", PRICES, {"model": "simulated", "ended": True})
    assert (await api.good("GET", PRICES, current="true"))["data"] == []
    assert not api.deps.tariff.now.prices


async def test_a_write_that_is_sent_again_makes_one_row(api: Api) -> None:
    headers = {**ADMIN, "Idempotency-Key": "one-price"}
    first = await api.ask("POST", PRICES, PRICE, headers=headers)
    again = await api.ask("POST", PRICES, PRICE, headers=headers)
    assert first.body == again.body
    assert len((await api.good("GET", PRICES))["data"]) == 1
    assert "simulated" in api.deps.tariff.now.prices


async def test_what_makes_no_price_is_refused(api: Api) -> None:
    await api.refused(
        "POST",
        PRICES,
        [
            ({**PRICE, "input": None}, "input"),
            ({**PRICE, "completion": -1}, "completion"),
            ({**PRICE, "input": 2.5}, "input"),
            ({**PRICE, "service_tier": "Very Fast"}, "service_tier"),
            ({**PRICE, "valid_from": "2020-01-01T00:00:00Z"}, "valid_from"),
            ({**PRICE, "ended": True}, "ended"),
            ({**PRICE, "video": 1}, "video"),
        ],
    )


async def shown(api: Api, **asked: Any) -> dict[str, Any]:
    """Return what an import would change, or has changed."""
    plan: dict[str, Any] = await api.good("POST", f"{PRICES}/import", asked)
    return plan


async def test_an_import_shows_what_it_would_change_and_changes_exactly_that(settings: Settings, start: Start) -> None:
    api = Api(await start(models_of_openai(settings, "gpt-4o", "nobody-knows-this")))
    plan = await shown(api)
    assert (plan["applied"], plan["unknown"]) == (False, ["nobody-knows-this"])
    assert {change["after"]["service_tier"] for change in plan["changes"]} >= {"default", "priority"}
    assert all(change["before"] is None for change in plan["changes"])
    assert (await api.good("GET", PRICES))["data"] == []
    assert (await shown(api, apply=plan["digest"]))["applied"]
    current = (await api.good("GET", PRICES, current="true", model="gpt-4o"))["data"]
    (default,) = [row for row in current if row["service_tier"] == "default"]
    assert (default["input"], default["cached_input"], default["completion"]) == (2_500_000, 1_250_000, 10_000_000)
    assert default["source"].startswith("genai-prices ")
    assert (await shown(api))["changes"] == []
    lines = (await api.good("GET", "/admin/v1/audit-trail", object="price"))["data"]
    assert {(line["action"], line["actor_kind"]) for line in lines} == {("create", "platform_admin")}
    assert len(lines) == len(plan["changes"])


async def test_an_import_of_something_else_than_was_shown_is_refused(settings: Settings, start: Start) -> None:
    api = Api(await start(models_of_openai(settings, "gpt-4o")))
    plan = await shown(api)
    await api.good("POST", PRICES, {**PRICE, "model": "gpt-4o"})
    refused = await api.ask("POST", f"{PRICES}/import", {"apply": plan["digest"]})
    assert (refused.status, refused.error["code"]) == (409, "plan_changed")
    assert len((await api.good("GET", PRICES))["data"]) == 1


async def test_long_prompts_and_all_of_a_providers_models_are_imported(settings: Settings, start: Start) -> None:
    known = models_of_openai(settings)
    rest = replace(settings.models["simulated"], name="*", upstream_model="*", provider="openai")
    api = Api(await start(replace(known, models={**known.models, "*": rest})))
    plan = await shown(api, everything=True)
    await shown(api, everything=True, apply=plan["digest"])
    card = api.deps.tariff.now.prices["gpt-5.4"]
    below = card.price_of(service_tier=None, prompt_tokens=272_000).rates
    above = card.price_of(service_tier=None, prompt_tokens=272_001).rates
    assert above.prompt == 2 * below.prompt
    assert len(api.deps.tariff.now.prices) > 50


async def test_an_update_by_schedule_makes_rows_and_says_so_once_for_all_gateways(
    settings: Settings, start: Start, aiohttp_server: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    provider = {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": "none",
        "models": [
            {"id": "gpt-4o", "match": {"equals": "gpt-4o"}, "prices": {"input_mtok": 3.5, "output_mtok": 11}},
        ],
    }

    fetched: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        fetched.append(request.path)
        return web.json_response([provider])

    site = web.Application()
    site.router.add_get("/data.json", serve)
    mirror = await aiohttp_server(site)
    known = models_of_openai(settings, "gpt-4o")
    prices = replace(known.prices, update_hours=0.0001, update_url=str(mirror.make_url("/data.json")))
    first = Api(await start(replace(known, prices=prices)))
    await start(replace(known, prices=prices))
    await eventually(lambda: "gpt-4o" in first.deps.tariff.now.prices)
    await eventually(lambda: len(fetched) >= ROUNDS)
    rows = (await first.good("GET", PRICES))["data"]
    assert [(row["input"], row["completion"], row["source"]) for row in rows] == [
        (3_500_000, 11_000_000, "genai-prices, fetched")
    ]
    assert "price_changed" in capfd.readouterr().out
    (line,) = (await first.good("GET", "/admin/v1/audit-trail", object="price"))["data"]
    assert (line["actor_kind"], line["actor"], line["after"]["input"]) == ("server", "prices", 3_500_000)


async def test_an_update_that_can_not_be_fetched_changes_nothing(settings: Settings, start: Start) -> None:
    known = models_of_openai(settings, "gpt-4o")
    prices = replace(known.prices, update_url="http://127.0.0.1:9/data.json")
    api = Api(await start(replace(known, prices=prices)))
    await api.deps.importer.update()
    assert (await api.good("GET", PRICES))["data"] == []
