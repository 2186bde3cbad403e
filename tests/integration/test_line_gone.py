"""Whoever goes away, and whenever: charged are the prompt and the tokens in what was read, and no hold stays."""

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from tests.fakes.upstream import (
    CLOSE,
    CUT,
    DONE,
    STREAM_HEAD,
    Gate,
    answer,
    completion,
    delta,
    event,
    part,
    stream,
    usage,
    usage_event,
)
from tests.integration.line import HELLO, PATH, PROMPT, SIZE, Line, on, texts_of
from tests.waiting import eventually

ROLE = event({"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]})
EVENTS = (ROLE, delta(" on"), delta(" on"), delta(" on"), delta(None, finish="stop"))
USAGE = usage_event(PROMPT, 3)
# Every place in a stream where it can stand still, and what has been produced by then.
PLACES = {"role": (1, 0), "first token": (2, 1), "third token": (4, 3), "end of text": (5, 3)}


async def charged(line: Line) -> dict[str, Any]:
    """Return the only event, when there is one and everything is at rest."""
    await eventually(line.wallet.events)
    return await line.event()


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_client_gone_before_the_head_pays_the_prompt(line: Line, *, streamed: bool) -> None:
    await line.start()
    line.upstream.play(Gate())
    asking = asyncio.create_task(line.open(stream=streamed, max_tokens=50))
    request = await line.upstream.arrival()
    asking.cancel()
    await asyncio.wait_for(request.gone.wait(), 5)
    row = await charged(line)
    assert (row["charge"], row["status"], row["completion_tokens"]) == (PROMPT, "client_gone", 0)


@pytest.mark.parametrize("place", PLACES)
async def test_a_client_gone_in_mid_stream_pays_what_was_read(line: Line, place: str) -> None:
    events, tokens = PLACES[place]
    await line.start()
    line.upstream.play(stream(*EVENTS[:events], Gate(), *EVENTS[events:], USAGE, DONE))
    response = await line.open(stream=True)
    before = b"".join(EVENTS[:events])
    assert await response.content.readexactly(len(before)) == before
    response.close()
    await asyncio.wait_for(line.upstream.last.gone.wait(), 5)
    row = await charged(line)
    assert (row["charge"], row["source"], row["status"]) == (PROMPT + tokens, "tokenizer", "client_gone")


async def test_a_client_gone_when_all_was_sent_pays_all(line: Line) -> None:
    await line.start()
    line.upstream.play(stream(*EVENTS, USAGE, DONE))
    response = await line.open(stream=True)
    await eventually(line.wallet.events)
    response.close()
    row = await charged(line)
    assert (row["charge"], row["source"], row["status"]) == (PROMPT + 3, "upstream", "completed")


async def test_usage_that_was_read_counts_though_the_client_left_before_the_end(line: Line) -> None:
    """Reasoning is billed by the provider and seen by nobody: who leaves early must not get it for nothing."""
    await line.start()
    reasoning = usage_event(PROMPT, 500, completion_tokens_details={"reasoning_tokens": 497})
    line.upstream.play(stream(*EVENTS, reasoning, Gate(), DONE))
    response = await line.open(stream=True, stream_options={"include_usage": True})
    before = b"".join((*EVENTS, reasoning))
    assert await response.content.readexactly(len(before)) == before
    response.close()
    row = await charged(line)
    assert (row["charge"], row["reasoning_tokens"], row["source"]) == (PROMPT + 500, 497, "upstream")


async def test_a_client_gone_in_a_whole_answer_pays_what_was_read(line: Line) -> None:
    await line.start()
    body = completion(on(40), usage(PROMPT, 40))
    sent = answer(body)
    place = sent.index(b" on") + len(on(12))
    gate = Gate()
    line.upstream.play(sent[:place], gate, sent[place:])
    asking = asyncio.create_task(line.open(max_tokens=50))
    await asyncio.wait_for(gate.reached.wait(), 5)
    asking.cancel()
    await asyncio.wait_for(line.upstream.last.gone.wait(), 5)
    row = await charged(line)
    assert (row["charge"], row["status"], row["source"]) == (PROMPT + 12, "client_gone", "tokenizer")


async def test_an_upstream_gone_anywhere_in_a_stream(line: Line) -> None:
    """Charged is what the client got: an event that is not whole was not relayed."""
    await line.start()
    sent = b"".join((*EVENTS, USAGE))
    expected: dict[str, tuple[int, str]] = {}
    for place in range(len(sent) + 1):
        line.upstream.play(stream(*([sent[:place]] if place else []), CUT if place % 2 else CLOSE))
        reply = await line.ask(stream=True, max_tokens=50)
        assert reply.status == 200
        relayed, _, error = reply.body.partition(b'data: {"error"')
        assert sent.startswith(relayed), f"cut at {place}"
        assert b"upstream_error" in error, f"cut at {place}: it looks complete"
        assert b"[DONE]" not in reply.body
        if relayed:
            tokens = texts_of(relayed).get(0, "").count(" on")
            expected[reply.request_id] = (PROMPT + tokens, "upstream_gone")
    await line.at_rest()
    rows = {str(row["request_id"]): (row["charge"], row["status"]) for row in await line.wallet.events()}
    assert rows == expected


@pytest.mark.parametrize("how", [CUT, CLOSE])
async def test_an_upstream_gone_before_its_answer_costs_nothing(line: Line, how: Any) -> None:
    await line.start()
    for place in (0, 1, 12, len(STREAM_HEAD) - 1):
        line.upstream.play(*([STREAM_HEAD[:place]] if place else []), how)
        line.upstream.always = (*([STREAM_HEAD[:place]] if place else []), how)  # a stale connection is tried again
        reply = await line.ask(stream=True, max_tokens=50)
        assert (reply.status, reply.error["code"], reply.error["type"]) == (502, "upstream_error", "server_error")
    await line.uncharged()


async def test_an_upstream_gone_anywhere_in_a_whole_answer(line: Line) -> None:
    await line.start()
    body = completion(on(20), usage(PROMPT, 20))
    sent = answer(body)
    start = len(sent) - len(body)
    text_at = body.index(b" on")
    expected: dict[str, int] = {}
    for place in range(len(body)):
        line.upstream.play(sent[: start + place], CUT if place % 2 else CLOSE)
        reply = await line.ask(max_tokens=50)
        assert (reply.status, reply.error["code"]) == (502, "upstream_error"), f"cut at {place}"
        text = body[text_at : max(text_at, min(place, text_at + len(on(20))))].decode()
        if text:
            expected[reply.request_id] = PROMPT + line.deps.counter.encoder("o200k_base")(text)
    await line.at_rest()
    rows = {str(row["request_id"]): row["charge"] for row in await line.wallet.events()}
    assert rows == expected


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_upstreams_refusal_is_relayed_and_costs_nothing(line: Line, status: int, *, streamed: bool) -> None:
    await line.start()
    body = b'{"error": {"message": "no", "type": "x", "param": null, "code": "y", "new": 1}}'
    line.upstream.play(answer(body, status=status, retry_after="7", openai_organization="org", x_ratelimit_limit="1"))
    reply = await line.ask(stream=streamed, max_tokens=5)
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (status, body, "7")
    assert "openai-organization" not in reply.headers
    assert "x-ratelimit-limit" not in reply.headers
    assert reply.headers["x-request-id"]
    await line.uncharged()


async def test_an_upstream_that_nobody_serves_is_a_502(line: Line) -> None:
    await line.start()
    async with asyncio.timeout(5):
        await line.upstream.__aexit__(None, None, None)
    reply = await line.ask(max_tokens=5)
    assert (reply.status, reply.error["code"]) == (502, "upstream_error")
    assert "127.0.0.1" not in reply.error["message"], "internal addresses are nobody's business"
    await line.uncharged()
    await line.upstream.__aenter__()


async def test_an_upstream_that_says_nothing_is_a_504(line: Line) -> None:
    await line.start(sections={"upstream": replace(line.settings.upstream, idle_seconds_max=0.2)})
    line.upstream.play(Gate())
    reply = await line.ask(max_tokens=5)
    assert (reply.status, reply.error["code"]) == (504, "upstream_timeout")
    await line.uncharged()


async def test_an_upstream_that_falls_silent_in_mid_stream_is_paid_what_it_sent(line: Line) -> None:
    await line.start(sections={"upstream": replace(line.settings.upstream, idle_seconds_max=0.2)})
    line.upstream.play(stream(*EVENTS[:3], Gate()))
    reply = await line.ask(stream=True, max_tokens=50)
    assert reply.body.startswith(b"".join(EVENTS[:3]) + b'data: {"error"')
    row = await charged(line)
    assert (row["charge"], row["status"]) == (PROMPT + 2, "upstream_gone")


async def test_clients_that_leave_in_a_crowd_leave_no_hold(line: Line) -> None:
    """All at every stage at once: whatever is interrupted, what is charged was forwarded, and nothing stays held."""
    await line.start()
    line.upstream.always = stream(*EVENTS, USAGE, DONE)
    assert (await line.ask(stream=True, max_tokens=50)).status == 200  # the key and the account are known then
    url = line.client.make_url(PATH)
    body = {"model": "m", "messages": HELLO, "stream": True, "max_tokens": 50}
    # A connection for each request: closing it is all that a client can do to leave.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:

        async def leave(place: int) -> None:
            try:
                async with asyncio.timeout(0.0005 * place):
                    async with session.post(url, json=body, headers=line.wallet.auth) as response:
                        await response.read()
            except TimeoutError:
                return

        await asyncio.gather(*(leave(place) for place in range(1, 120)))
    # Connections are taken in turn: when this one is served, all of those were, also by a machine with much to do.
    assert (await line.ask(stream=True, max_tokens=50)).status == 200
    view = await line.at_rest()
    rows = await line.wallet.events()
    assert view.balance == SIZE - sum(row["charge"] for row in rows)
    assert {row["charge"] for row in rows} <= {PROMPT, PROMPT + 1, PROMPT + 2, PROMPT + 3}
    await eventually(lambda: len(rows) <= len(line.upstream.requests))  # what was written to it, it may read later


async def test_a_piece_of_http_that_is_cut_is_no_end(line: Line) -> None:
    """Inside the frame of an HTTP chunk: the bytes of the body that came count, and the end is no proper end."""
    await line.start()
    whole = part(delta(" on") + delta(" on"))
    line.upstream.play(STREAM_HEAD, whole[:-5], CLOSE)
    reply = await line.ask(stream=True, max_tokens=50)
    assert reply.body.startswith(delta(" on"))
    assert b"upstream_error" in reply.body
    row = await charged(line)
    assert row["charge"] == PROMPT + texts_of(reply.body.partition(b'data: {"error"')[0])[0].count(" on")
