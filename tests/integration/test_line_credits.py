"""Accounts in credits: micro-dollars, by the price table; and what requests of accounts in tokens would cost."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from config.settings import PriceSettings
from metering.keys import keys_of
from metering.recovery import settlement_of_hold
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import ADMIN, PROMPT, Line, Reply, on

PRICE = {"model": "m", "input": 2_500_000, "cached_input": 1_250_000, "completion": 10_000_000}
FUNDS = 10_000_000


async def add_price(line: Line, **changes: Any) -> dict[str, Any]:
    """Add a row to the price table."""
    added = await line.client.post("/admin/v1/prices", json={**PRICE, **changes}, headers=ADMIN)
    assert added.status == 201, await added.text()
    row: dict[str, Any] = await added.json()
    return row


async def start_credits(line: Line, funds: int = FUNDS, **model: Any) -> None:
    """Start a gateway for an account in credits."""
    await line.wallet.connection.execute("UPDATE accounts SET unit = 'credits'")
    await line.wallet.grant(funds, resource="credits")
    await line.start(size=None, **model)


def charged(reply: Reply) -> int:
    """Return what a reply says that it was charged."""
    assert reply.status == 200, reply.body
    return int(reply.headers["x-farebox-charged"])


async def test_credits_are_charged_by_the_price_table_rounded_up_once(line: Line) -> None:
    await start_credits(line)
    row = await add_price(line)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3, prompt_tokens_details={"cached_tokens": 3}))))
    reply = await line.ask(max_tokens=20)
    assert charged(reply) == 47  # 5 at 2.5, 3 at 1.25, 3 at 10: 46.25
    event = await line.event()
    assert (event["resource"], event["charge"], event["cost"]) == ("credits", 47, 47)
    assert event["reserved"] == PROMPT * 5 // 2 + 200
    assert event["rate_version"] == f"price:{row['id']}"
    assert event["rates"][:3] == [2_500_000, 1_250_000, 10_000_000]


async def test_every_kind_of_token_has_its_price(line: Line) -> None:
    await start_credits(line)
    await add_price(line, reasoning=20_000_000, audio=40_000_000, audio_completion=80_000_000, cache_write=3_000_000)
    details = {
        "prompt_tokens_details": {"audio_tokens": 2, "cached_tokens": 1, "cache_write_tokens": 1},
        "completion_tokens_details": {"audio_tokens": 1, "reasoning_tokens": 1},
    }
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3, **details))))
    parts = 2 * 40 + 1.25 + 3 + 4 * 2.5 + 80 + 20 + 10
    assert charged(await line.ask(max_tokens=20)) == int(parts) + 1
    event = await line.event()
    assert event["reserved"] == PROMPT * 40 + 20 * 80  # the dearest kinds
    said = json.loads(event["details"])
    assert (said["audio_tokens"], said["cache_write_tokens"], said["audio_completion_tokens"]) == (2, 1, 1)


async def test_a_long_prompt_costs_its_price_for_the_whole_request(line: Line) -> None:
    await start_credits(line)
    await add_price(line)
    await add_price(line, above_prompt_tokens=PROMPT - 1, input=5_000_000, cached_input=None, completion=20_000_000)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    line.upstream.play(answer(completion(on(3), usage(PROMPT - 1, 3))))
    assert charged(await line.ask(max_tokens=20)) == PROMPT * 5 + 60
    assert charged(await line.ask(max_tokens=20)) == 48  # reported as shorter: 7 at 2.5, 3 at 10
    await line.at_rest()
    assert {event["reserved"] for event in await line.wallet.events()} == {PROMPT * 5 + 400}


@pytest.mark.parametrize(
    ("asked", "served", "reserved", "charge"),
    [
        ("priority", "priority", 2 * 220, 2 * 50),
        ("priority", "default", 2 * 220, 50),  # the provider had no room for it
        ("flex", "flex", 220, 25),
        ("flex", None, 220, 25),
        (None, "default", 220, 50),
        (None, None, 220, 50),
        (None, "priority", 220, 2 * 50),  # what it says counts, whatever was held
        ("default", "standard", 220, 50),
    ],
)
async def test_service_tiers_are_held_at_the_dearest_and_charged_as_served(
    line: Line, asked: str | None, served: str | None, reserved: int, charge: int
) -> None:
    await start_credits(line)
    await add_price(line)
    await add_price(line, service_tier="priority", input=5_000_000, completion=20_000_000)
    await add_price(line, service_tier="flex", input=1_250_000, completion=5_000_000)
    extra = {} if served is None else {"service_tier": served}
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3), **extra)))
    reply = await line.ask(max_tokens=20, **({} if asked is None else {"service_tier": asked}))
    assert charged(reply) == charge
    assert (await line.event())["reserved"] == reserved


async def test_a_stream_in_credits_grows_and_is_charged_by_the_price_table(line: Line) -> None:
    await start_credits(line, default_hold_tokens=4)
    await add_price(line)
    chunks = [delta(on(8), service_tier="default") for _ in range(4)]
    line.upstream.play(*stream(*chunks, delta(finish="stop"), usage_event(PROMPT, 32), DONE))
    reply = await line.ask(stream=True)
    assert b": farebox charged=340 available=%d" % (FUNDS - 340) in reply.body
    event = await line.event()
    assert (event["charge"], event["source"]) == (340, "upstream")
    assert event["reserved"] > PROMPT * 5 // 2 + 40


async def test_a_limit_is_lowered_to_what_the_credits_pay_for(line: Line) -> None:
    await start_credits(line, funds=420)
    await add_price(line)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask()
    assert reply.headers["x-farebox-clamped-to"] == "40"  # 400 micro-dollars at 10
    assert line.upstream.last.json["max_completion_tokens"] == 40


async def test_the_dearest_fallback_is_held_and_the_one_that_answers_is_charged(line: Line) -> None:
    second = replace(line.settings.models["simulated"], name="second", provider="up", upstream_model="second-up")
    await start_credits(line, fallbacks=("second",), models={"second": second})
    await add_price(line)
    await add_price(line, model="second-up", input=25_000_000, cached_input=None, completion=100_000_000)
    line.upstream.play(answer(b'{"error": {"message": "busy"}}', status=503))
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    assert charged(await line.ask(max_tokens=20)) == 500
    assert (await line.event())["reserved"] == 2200


async def test_a_model_without_a_price_is_refused_and_not_forwarded(line: Line) -> None:
    await start_credits(line)
    refused = await line.ask(max_tokens=20)
    assert (refused.status, refused.error["code"], refused.error["param"]) == (400, "model_not_priced", "model")
    await add_price(line)
    refused = await line.ask(max_tokens=20, service_tier="scale")
    assert (refused.status, refused.error["param"]) == (400, "service_tier")
    assert not line.upstream.requests


async def test_a_model_without_a_price_may_cost_the_dear_default(line: Line) -> None:
    prices = PriceSettings(unknown="charge", default_prompt=100_000_000, default_completion=200_000_000)
    await start_credits(line, sections={"prices": prices})
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    assert charged(await line.ask(max_tokens=20)) == PROMPT * 100 + 600
    assert (await line.event())["rate_version"] == "price:unknown"


async def test_a_running_request_keeps_the_price_that_it_began_with(line: Line) -> None:
    await start_credits(line)
    await add_price(line)
    gate = Gate()
    line.upstream.play(gate, answer(completion(on(3), usage(PROMPT, 3))))
    running = asyncio.create_task(line.ask(max_tokens=20))
    await gate.reached.wait()
    await add_price(line, input=250_000_000, completion=1_000_000_000)
    gate.open()
    assert charged(await running) == 50


async def test_a_recovered_request_is_charged_by_the_card_that_its_hold_carries(line: Line) -> None:
    await start_credits(line)
    await add_price(line)
    gate = Gate()
    line.upstream.play(gate, answer(completion(on(3), usage(PROMPT, 3))))
    running = asyncio.create_task(line.ask(max_tokens=20))
    await gate.reached.wait()
    (hold,) = line.deps.meter.holds.values()
    packed = await line.deps.store.call(b"HGET", keys_of(line.wallet.account_id).holds, hold.request_id)
    assert isinstance(packed, bytes)
    settlement = settlement_of_hold(msgspec.msgpack.decode(packed))
    row = json.loads(settlement.row)
    assert (row["source"], row["charge"], row["cost"]) == ("recovered", 220, 220)
    assert row["rates"] == [2_500_000, 2_500_000, 10_000_000]
    gate.open()
    await running


async def test_accounts_in_tokens_are_told_what_it_would_have_cost(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3), service_tier="priority")))
    assert charged(await line.ask(max_tokens=20)) == PROMPT + 3
    await add_price(line)
    await add_price(line, service_tier="priority", input=5_000_000, completion=20_000_000)
    assert charged(await line.ask(max_tokens=20)) == PROMPT + 3
    await line.at_rest()
    assert [event["cost"] for event in await line.wallet.events()] == [None, 100]
