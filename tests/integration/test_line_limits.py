"""Limits, as the official client of OpenAI meets them."""

import asyncio
import time

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from metering.metrics import METRICS
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import PROMPT, Line, on
from tests.waiting import eventually

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
ANSWER = answer(completion(on(3), usage(PROMPT, 3), created=1, model="m"))


async def limit(line: Line, limits: str) -> None:
    """Limit the wallet's only key, before the gateway has seen it."""
    await line.wallet.connection.execute(
        "UPDATE api_keys SET limits = $2::text::jsonb WHERE account_id = $1", line.wallet.account_id, limits
    )


def client_of(line: Line, *, retries: int = 0) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=str(line.client.make_url("/v1")),
        api_key=line.wallet.key,
        max_retries=retries,
        http_client=httpx2.AsyncClient(),
    )


async def next_minute() -> None:
    """Wait for another minute if this one is nearly over."""
    left = 60 - time.time() % 60
    if left < 5:
        await asyncio.sleep(left)


async def test_the_official_client_raises_its_rate_limit_error_and_can_read_why(line: Line) -> None:
    await limit(line, '{"requests_per_minute": 1, "tokens_per_minute": 1000}')
    await line.start()
    line.upstream.play(ANSWER)
    await next_minute()
    async with client_of(line) as client:
        raw = await client.chat.completions.with_raw_response.create(model="m", messages=MESSAGES, max_tokens=20)
        assert (raw.headers["x-ratelimit-limit-requests"], raw.headers["x-ratelimit-remaining-requests"]) == ("1", "0")
        assert (raw.headers["x-ratelimit-limit-tokens"], raw.headers["x-ratelimit-remaining-tokens"]) == (
            "1000",
            str(1000 - PROMPT - 20),
        )
        with pytest.raises(openai.RateLimitError) as refused:
            await client.chat.completions.create(model="m", messages=MESSAGES, max_tokens=20)
    error = refused.value
    assert (error.status_code, error.code, error.type, error.param) == (
        429,
        "rate_limit_exceeded",
        "requests",
        "requests_per_minute",
    )
    assert "requests_per_minute of this key is 1; 1 used, 1 requested. Try again in" in error.message
    assert 0 < int(error.response.headers["retry-after-ms"]) <= 60_000
    assert error.response.headers["x-should-retry"] == "true"
    assert len(line.upstream.requests) == 1


async def test_the_official_client_waits_for_a_place_and_gets_it(line: Line) -> None:
    await limit(line, '{"concurrent_requests": 1}')
    await line.start()
    gate, refused = Gate(), METRICS.limited.labels("key", "concurrent_requests")
    before = refused._value.get()
    line.upstream.play(gate, ANSWER)
    line.upstream.play(ANSWER)
    async with client_of(line, retries=5) as client:
        first = asyncio.create_task(client.chat.completions.create(model="m", messages=MESSAGES, max_tokens=20))
        await gate.reached.wait()
        second = asyncio.create_task(
            client.chat.completions.with_raw_response.create(model="m", messages=MESSAGES, max_tokens=20)
        )
        await eventually(lambda: refused._value.get() > before)
        gate.open()
        assert (await first).choices[0].message.content == on(3)
        assert (await second).retries_taken >= 1
    await line.at_rest()


async def test_a_stream_shows_its_limits_and_ends_properly_where_its_spend_does(line: Line) -> None:
    await limit(line, '{"spend_per_day": 60, "requests_per_minute": 100}')
    await line.start(default_hold_tokens=20)
    line.upstream.play(stream(*[delta(on(10)) for _ in range(40)], delta("", finish="stop"), usage_event(8, 400), DONE))
    async with client_of(line) as client:
        raw = await client.chat.completions.with_raw_response.create(model="m", messages=MESSAGES, stream=True)
        assert raw.headers["x-ratelimit-limit-requests"] == "100"
        reasons = [chunk.choices[0].finish_reason async for chunk in raw.parse() if chunk.choices]
    assert reasons[-1] == "length"
    event = await line.event()
    assert event["status"] == "cut_off"
    assert event["charge"] < 60 + 2 * 10  # what arrives in one piece is charged


async def test_a_limit_of_spend_is_not_tried_again(line: Line) -> None:
    await limit(line, '{"spend_per_month": 20}')
    await line.start()
    async with client_of(line, retries=3) as client:
        with pytest.raises(openai.RateLimitError) as refused:
            await client.chat.completions.create(model="m", messages=MESSAGES, max_tokens=20)
    assert refused.value.type == "spend"
    assert "retry-after" not in refused.value.response.headers  # it alone is more than the limit
    assert refused.value.response.request.headers["x-stainless-retry-count"] == "0"
