"""A gateway cut off from Redis for longer than its holds' deadline: recovered by another, corrected when it is back."""

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from config.settings import Settings
from tests.fakes.tcp import Wire
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import PROMPT, SIZE, Line
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("single_redis")
OK = answer(completion("on on", usage(PROMPT, 2)))
LIMIT, SHOWN = 400, 20
SHORT = {"lease_seconds": 1.0, "renew_seconds": 0.3}


def through(settings: Settings, wire: Wire) -> Settings:
    """Return settings that reach Redis through a wire."""
    assert settings.redis.url
    port = urlsplit(settings.redis.url).port
    return replace(
        settings, redis=replace(settings.redis, url=settings.redis.url.replace(f":{port}/", f":{wire.port}/"))
    )


async def test_its_stream_is_charged_by_another_and_corrected_once_when_it_is_back(line: Line) -> None:
    direct = line.settings
    assert direct.redis.url
    parts = urlsplit(direct.redis.url)
    assert parts.hostname
    assert parts.port
    async with Wire(parts.hostname, parts.port) as wire:
        line.settings = replace(through(direct, wire), state_dir=direct.state_dir / "far")
        await line.start(meter=SHORT)
        gate, last = Gate(), Gate()
        line.upstream.play(
            stream(
                *(delta(" on") for _ in range(SHOWN)),
                gate,
                delta(" on"),
                last,
                delta(None, finish="stop"),
                usage_event(PROMPT, SHOWN + 1),
                DONE,
            )
        )
        running = asyncio.create_task(line.ask(stream=True, max_tokens=LIMIT))
        await asyncio.wait_for(gate.reached.wait(), 5)
        far = line.deps
        wire.cut()
        await eventually(lambda: not far.store.connected)

        line.settings = replace(direct, state_dir=direct.state_dir / "near")
        await line.start(size=None, meter=SHORT)  # a neighbour that reaches everything
        (event,) = await eventually(line.wallet.events)
        assert (event["source"], event["charge"] >= PROMPT) == ("recovered", True)
        assert far.meter.holds, "its owner relays on"
        gate.open()  # cut off, it relays what comes: a running stream does not need Redis
        await asyncio.wait_for(last.reached.wait(), 5)

        wire.mend()
        await eventually(lambda: far.store.connected)
        last.open()
        assert (await running).body.endswith(DONE)
        (correction,) = await eventually(lambda: line.wallet.rows("corrections"))
        assert correction["exact"] == PROMPT + SHOWN + 1
        await eventually(lambda: not far.meter.holds)
        assert (await line.at_rest()).balance == SIZE - (PROMPT + SHOWN + 1)


async def test_one_that_ends_while_it_is_cut_off_is_corrected_without_redis(line: Line) -> None:
    direct = line.settings
    assert direct.redis.url
    parts = urlsplit(direct.redis.url)
    assert parts.hostname
    assert parts.port
    async with Wire(parts.hostname, parts.port) as wire:
        line.settings = replace(through(direct, wire), state_dir=direct.state_dir / "far")
        await line.start(meter=SHORT)
        gate = Gate()
        line.upstream.play(stream(delta(" on"), gate, delta(None, finish="stop"), usage_event(PROMPT, 1), DONE))
        running = asyncio.create_task(line.ask(stream=True, max_tokens=LIMIT))
        await asyncio.wait_for(gate.reached.wait(), 5)
        far = line.deps
        wire.cut()
        line.settings = replace(direct, state_dir=direct.state_dir / "near")
        await line.start(size=None, meter=SHORT)
        await eventually(line.wallet.events)
        gate.open()
        assert (await running).body.endswith(DONE)
        (correction,) = await eventually(lambda: line.wallet.rows("corrections"))
        assert correction["exact"] == PROMPT + 1
        wire.mend()
        await eventually(lambda: not far.settler.open)
        assert (await line.at_rest()).balance == SIZE - (PROMPT + 1)
