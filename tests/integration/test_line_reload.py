"""Another configuration while requests run: each goes on with what it began with."""

import asyncio
from dataclasses import replace

import pytest

from gateway.app import PARTS
from metering.counter import VocabularyError
from tests.fakes.upstream import Gate, answer, completion, usage
from tests.integration.line import PROMPT, Line, on


async def test_a_request_keeps_the_fallbacks_and_the_rates_that_it_began_with(line: Line) -> None:
    """The model, its fallback and their provider are gone when the model fails; the fallback answers all the same."""
    double = {"prompt": 2_000_000, "cached": 2_000_000, "completion": 2_000_000}
    second = replace(line.settings.models["simulated"], name="second", provider="up", upstream_model="s", rates=double)
    without = line.settings
    await line.start(fallbacks=("second",), models={"second": second})
    gate = Gate()
    line.upstream.play(gate, answer(b'{"error": {"message": "busy"}}', status=503))
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    asked = asyncio.create_task(line.ask(max_tokens=10))
    await gate.reached.wait()
    await line.client.app[PARTS].reload(replace(line.settings, models=without.models, providers=without.providers))
    gate.open()
    assert (await asked).status == 200
    assert [request.json["model"] for request in line.upstream.requests] == ["m", "s"]
    assert (await line.event())["charge"] == 2 * (PROMPT + 3)
    assert (await line.ask(max_tokens=10)).error["code"] == "model_not_found"


async def test_accounts_without_a_policy_follow_the_new_one_at_once(line: Line) -> None:
    await line.start(size=PROMPT + 30)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    assert (await line.ask(max_tokens=500)).status == 402
    parts = line.client.app[PARTS]
    settings = parts.settings
    await parts.reload(replace(settings, meter=replace(settings.meter, clamp="always")))
    reply = await line.ask(max_tokens=500)
    assert (reply.status, reply.headers["x-farebox-clamped-to"]) == (200, "30")
    await parts.reload(settings)
    assert (await line.ask(max_tokens=500)).status == 402


async def test_a_reload_that_fails_changes_nothing(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    parts = line.client.app[PARTS]
    model = replace(parts.settings.models["m"], encoding="no_such_encoding")
    with pytest.raises(VocabularyError):
        await parts.reload(replace(parts.settings, models={"m": model}, providers={}))
    assert (await line.ask(max_tokens=10)).status == 200
