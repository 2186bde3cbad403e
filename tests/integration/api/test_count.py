"""POST /v1/count: what a request would hold and cost, before it is sent."""

from typing import Any

import pytest

from tests.integration.api.asking import Api, Reply

PRICE = {"model": "simulated", "input": 2_500_000, "completion": 10_000_000}
BODY = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}
PROMPT = 8


async def count(api: Api, key: dict[str, str], path: str = "/v1/count", **changes: Any) -> Reply:
    """Ask what a request would hold and cost."""
    return await api.ask("POST", path, {**BODY, **changes}, headers=key)


@pytest.mark.parametrize("path", ["/v1/count", "/count"])
async def test_a_count_says_what_would_be_held_and_charged(api: Api, path: str) -> None:
    key = await api.key(await api.account())
    counted = (await count(api, key, path)).body
    assert (counted["prompt_tokens"], counted["completion_tokens_max"]) == (PROMPT, 20)
    assert (counted["hold"], counted["hold_least"], counted["worst_case"]) == (PROMPT + 20,) * 3
    assert counted["charge"] == {
        "prompt_only": {"amount": PROMPT, "cost": None},
        "usual": None,
        "longest": {"amount": PROMPT + 20, "cost": None},
    }
    assert counted["price"]["rates"] == {"prompt": 1, "cached": 1, "completion": 1}


async def test_what_is_counted_is_what_is_held_and_nothing_is_charged(api: Api) -> None:
    account = await api.account()
    await api.pack(account, size=1000)
    key = await api.key(account, role="admin")
    counted = (await count(api, key)).body
    assert (await api.ask("GET", "/api/v1/balance", headers=key)).body["available"] == 1000
    reply = await api.ask("POST", "/v1/chat/completions", BODY, headers=key)
    await api.deps.meter.drain(10)
    (event,) = (await api.ask("GET", "/api/v1/events", headers=key)).body["data"]
    charged = int(reply.headers["x-farebox-charged"])
    assert counted["charge"]["prompt_only"]["amount"] <= charged == event["charge"] <= counted["hold"]


async def test_credits_are_counted_by_the_price_table(api: Api) -> None:
    await api.good("POST", "/admin/v1/prices", PRICE)
    key = await api.key(await api.account(unit="credits"))
    counted = (await count(api, key)).body
    assert (counted["unit"], counted["hold"]) == ("credits", 220)
    assert counted["charge"]["prompt_only"] == {"amount": 20, "cost": 20}
    assert counted["charge"]["longest"] == {"amount": 220, "cost": 220}
    assert counted["price"]["rates"]["prompt"] == 2.5


async def test_accounts_in_tokens_are_told_the_cost_too(api: Api) -> None:
    await api.good("POST", "/admin/v1/prices", PRICE)
    counted = (await count(api, await api.key(await api.account()))).body
    assert counted["charge"]["longest"] == {"amount": PROMPT + 20, "cost": 220}


async def test_a_feature_is_counted_by_its_rate(api: Api) -> None:
    await api.good("POST", "/admin/v1/features", {"key": "ai_bots", "name": "AI Bots"})
    await api.good("POST", "/admin/v1/features/ai_bots/rates", {"rate": 2.5})
    key = {**await api.key(await api.account()), "X-Farebox-Feature": "ai_bots"}
    counted = (await count(api, key)).body
    assert (counted["feature"], counted["hold"], counted["price"]["base"]) == ("ai_bots", 50, "word")


async def test_a_reply_as_usual_is_reckoned_by_what_was_asked_before(api: Api) -> None:
    account = await api.account()
    await api.pack(account, size=1000)
    key = await api.key(account, user_id="u1")
    reply = await api.ask("POST", "/v1/chat/completions", BODY, headers=key)
    await api.deps.meter.drain(10)
    usual = (await count(api, key)).body["charge"]["usual"]
    assert usual["completion_tokens"] == reply.body["usage"]["completion_tokens"]
    assert usual["amount"] == PROMPT + usual["completion_tokens"]


async def test_boundaries_are_bytes_of_each_text(api: Api) -> None:
    key = await api.key(await api.account())
    text = "naïve tokens, 你好 👩‍🚀"
    parts = [{"type": "text", "text": "one two"}, {"type": "text", "text": text}]
    counted = (await count(api, key, boundaries=True, messages=[{"role": "user", "content": parts}])).body
    assert counted["boundaries_complete"] is True
    first, second = counted["boundaries"]
    assert (first["message"], first["part"], second["part"]) == (0, 0, 1)
    assert [token["text"] for token in first["tokens"]] == ["one", " two"]
    ends = [token["end"] for token in second["tokens"]]
    assert [0, *ends[:-1]] == [token["start"] for token in second["tokens"]]
    assert ends[-1] == len(text.encode())


async def test_boundaries_are_bounded(api: Api) -> None:
    key = await api.key(await api.account())
    long = [{"role": "user", "content": " on" * 12_000}]
    counted = (await count(api, key, boundaries=True, messages=long)).body
    assert counted["boundaries_complete"] is False
    assert sum(len(shown["tokens"]) for shown in counted["boundaries"]) == 10_000


async def test_a_count_is_for_those_who_may_send_the_request(api: Api) -> None:
    account = await api.account()
    assert (await count(api, {})).status == 401
    assert (await count(api, await api.key(account, models=["other"]))).status == 403
    key = await api.key(account)
    assert (await count(api, key, model="other")).status == 404
    refused = await count(api, key, boundaries="yes")
    assert (refused.status, refused.error["param"]) == (400, "boundaries")
    assert (await api.ask("POST", "/v1/count", b"[", headers=key)).status == 400
