"""What an account reads of prices, and how far its balance goes."""

from typing import Any

from tests.integration.api.asking import Api

PRICE = {"model": "simulated", "input": 2_500_000, "cached_input": 1_250_000, "completion": 10_000_000}
HELLO = [{"role": "user", "content": "hello"}]


async def chat(api: Api, key: dict[str, str], **fields: Any) -> None:
    """Ask the simulated model something, and wait until it is booked."""
    body = {"model": "simulated", "messages": HELLO, "max_tokens": 20, **fields}
    reply = await api.ask("POST", "/v1/chat/completions", body, headers=key)
    assert reply.status == 200, reply
    await api.deps.meter.drain(10)


async def test_pricing_shows_prices_rates_and_features_of_what_a_key_may_use(api: Api) -> None:
    row = await api.good("POST", "/admin/v1/prices", {**PRICE, "images": 20_000_000})
    await api.good("POST", "/admin/v1/prices", {**PRICE, "model": "other"})
    await api.good("POST", "/admin/v1/features", {"key": "ai_bots", "name": "AI Bots"})
    await api.good("POST", "/admin/v1/features/ai_bots/rates", {"rate": 2.5})
    key = await api.key(await api.account(unit="credits"), models=["simulated"])
    pricing = (await api.ask("GET", "/api/v1/pricing", headers=key)).body
    assert (pricing["unit"], pricing["prices"], pricing["updated_at"]) == ("credits", [row], row["valid_from"])
    assert pricing["prices_per"] == {"tokens": 1_000_000, "images": 10_000, "currency": "micro-dollars"}
    assert [rates["model"] for rates in pricing["rates"]] == ["simulated"]
    (feature,) = pricing["features"]
    assert (feature["feature"], feature["rate"], feature["base"]) == ("ai_bots", 2.5, "word")


async def test_an_estimate_is_made_from_the_accounts_own_mix(api: Api) -> None:
    account = await api.account()
    await api.pack(account, size=1000)
    key = await api.key(account, role="admin")
    await chat(api, key)
    estimate = (await api.ask("GET", "/api/v1/estimate", headers=key)).body
    mix, left = estimate["mix"], estimate["left"]
    used = mix["charge"]
    assert (mix["requests"], estimate["available"]) == (1, 1000 - used)
    assert left["requests"] == (1000 - used) // used
    assert left["completion_tokens"] == (1000 - used) * mix["completion_tokens"] // used
    assert [model["model"] for model in estimate["left_by_model"]] == ["simulated"]
    empty = estimate["time_to_empty"]
    assert (empty["window"], empty["spent"]) == ("24h", used)
    assert empty["seconds"] == (1000 - used) * empty["over_seconds"] // used


async def test_an_account_that_has_used_nothing_has_no_estimate_but_prices(api: Api) -> None:
    await api.good("POST", "/admin/v1/prices", {**PRICE, "images": 20_000_000})
    account = await api.account(unit="credits")
    await api.pack(account, size=5_000_000)
    estimate = (await api.ask("GET", "/api/v1/estimate", headers=await api.key(account))).body
    assert (estimate["left"], estimate["left_by_model"], estimate["time_to_empty"]) == (None, [], None)
    assert estimate["left_by_price"] == [
        {
            "model": "simulated",
            "input_tokens": 2_000_000,
            "cached_tokens": 4_000_000,
            "completion_tokens": 500_000,
            "images": 2500,
        }
    ]


async def test_an_unlimited_account_is_never_empty(api: Api) -> None:
    account = await api.account()
    await api.pack(account, unlimited=True)
    key = await api.key(account, role="admin")
    await chat(api, key)
    estimate = (await api.ask("GET", "/api/v1/estimate", headers=key)).body
    assert (estimate["unlimited"], estimate["left"], estimate["time_to_empty"]) == (True, None, None)
    assert estimate["mix"]["requests"] == 1


async def test_a_members_mix_is_their_own(api: Api) -> None:
    account = await api.account()
    await api.pack(account, size=100_000)
    one, other = await api.key(account, user_id="u1"), await api.key(account, user_id="u2")
    await chat(api, one)
    estimate = (await api.ask("GET", "/api/v1/estimate", headers=other)).body
    assert estimate["mix"]["requests"] == 0
    assert (await api.ask("GET", "/api/v1/estimate", headers=one)).body["mix"]["requests"] == 1
