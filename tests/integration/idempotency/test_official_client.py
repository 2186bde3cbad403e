"""The official client tries again by itself; with a key of its user's, that costs nothing more."""

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import PROMPT, SIZE, Line, on

KEY = {"Idempotency-Key": "order-7"}
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
CHARGE = PROMPT + 3
ANSWER = answer(completion(on(3), usage(PROMPT, 3), created=1, model="m"))


class LossyTransport(httpx2.AsyncHTTPTransport):
    """Loses the first answer on its way to the client."""

    lost = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if self.lost:
            return response
        self.lost = True
        await response.aread()
        await response.aclose()
        raise httpx2.ReadError("the line went dead")


def client_of(line: Line, *, lossy: bool = False, seconds: float = 20) -> openai.AsyncOpenAI:
    transport = LossyTransport() if lossy else httpx2.AsyncHTTPTransport()
    return openai.AsyncOpenAI(
        base_url=str(line.client.make_url("/v1")),
        api_key=line.wallet.key,
        max_retries=2,
        timeout=seconds,
        http_client=httpx2.AsyncClient(transport=transport),
    )


async def test_an_answer_that_was_lost_on_the_way_is_charged_once(line: Line) -> None:
    await line.start()
    line.upstream.play(ANSWER)
    async with client_of(line, lossy=True) as client:
        with pytest.raises(openai.ConflictError) as refused:
            await client.chat.completions.create(model="m", messages=MESSAGES, max_tokens=20, extra_headers=KEY)
    assert refused.value.code == "already_used"
    assert (await line.event())["charge"] == CHARGE
    assert (await line.view()).balance == SIZE - CHARGE


async def test_an_answer_that_was_lost_on_the_way_is_there_again_where_it_is_kept(line: Line) -> None:
    await line.change_account(replay=True)
    await line.start()
    line.upstream.play(ANSWER)
    async with client_of(line, lossy=True) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=MESSAGES, max_tokens=20, extra_headers=KEY
        )
    assert raw.parse().choices[0].message.content == on(3)
    assert (raw.headers["idempotency-replayed"], raw.retries_taken) == ("true", 1)
    assert (await line.event())["charge"] == CHARGE


async def test_a_stream_that_was_lost_on_the_way_is_there_again_where_it_is_kept(line: Line) -> None:
    await line.change_account(replay=True)
    await line.start()
    line.upstream.play(stream(delta(" on"), delta(on(2), finish="stop"), usage_event(PROMPT, 3), DONE))
    async with client_of(line, lossy=True) as client:
        answered = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True, extra_headers=KEY)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in answered])
    assert text == on(3)
    assert (await line.event())["charge"] == CHARGE


async def test_a_client_that_lost_its_patience_pays_for_what_it_began_and_no_more(line: Line) -> None:
    await line.start()
    line.upstream.play(Gate())
    async with client_of(line, seconds=0.5) as client:
        with pytest.raises(openai.ConflictError) as refused:
            await client.chat.completions.create(model="m", messages=MESSAGES, max_tokens=20, extra_headers=KEY)
    event = await line.event()
    assert (event["charge"], event["status"]) == (PROMPT, "client_gone")
    details = refused.value.body
    assert isinstance(details, dict)
    assert details["details"] == {"request_id": str(event["request_id"]), "charge": PROMPT, "unit": "tokens"}
    assert len(line.upstream.requests) == 1


async def test_an_upstream_that_failed_is_tried_again_and_charged_once(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(b"{}", status=503))
    line.upstream.play(answer(b"{}", status=500))
    line.upstream.play(ANSWER)
    async with client_of(line) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=MESSAGES, max_tokens=20, extra_headers=KEY
        )
    assert raw.retries_taken == 2
    assert (await line.event())["charge"] == CHARGE
