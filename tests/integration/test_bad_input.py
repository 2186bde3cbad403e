"""Clients whose JSON is nonsense: a clear answer in bounded time, nothing forwarded, nothing left held."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.upstream import answer, completion
from tests.integration.line import HELLO, PROMPT, Line, fields, on
from tests.integration.refusing import OK, billed_or_refused, refused


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b'{"model": "m", ',
        b"[]",
        b"1",
        b"null",
        b'{"model": "m", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
        b'{"a":' * 50_000,
        b"[" * 100_000,
        b'{"model": "m", "messages": [], "n": NaN}',
        b"\xef\xbb\xbf{}",
    ],
    ids=["empty", "text", "cut", "array", "number", "null", "no utf-8", "deep", "deep array", "nan", "bom"],
)
async def test_not_json(line: Line, body: bytes) -> None:
    await line.start()
    error = await refused(line, await line.post(body), 400, "invalid_request")
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"model": "m" * 1000}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [1]}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages"),
        ({"messages": [{"content": "no role"}]}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options"),
        ({"n": 0}, "n"),
        ({"n": -1}, "n"),
        ({"n": 1.5}, "n"),
        ({"n": "2"}, "n"),
        ({"n": 10**6}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": 2**53}, "max_tokens"),
        ({"max_tokens": 10**30}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": "many"}, "max_completion_tokens"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function", "function": "foo"}]}, "tools"),
        ({"response_format": "json"}, "response_format"),
        ({"metadata": {"session_id": 7}}, "metadata"),
        ({"Max_Tokens": 100_000}, "Max_Tokens"),
        ({"N": 100}, "N"),
    ],
    ids=str,
)
async def test_wrong_types(line: Line, changes: dict[str, Any], param: str) -> None:
    await line.start()
    error = await refused(line, await line.ask(**changes), 400, "invalid_request")
    assert (error["param"] or "").partition("[")[0].partition(".")[0] == param


@pytest.mark.parametrize("missing", ["model", "messages"])
async def test_missing_fields(line: Line, missing: str) -> None:
    await line.start()
    body = fields()
    del body[missing]
    error = await refused(line, await line.post(json.dumps(body)), 400, "invalid_request")
    assert error["param"] == missing


async def test_a_name_given_twice_means_the_same_to_us_and_to_the_upstream(line: Line) -> None:
    await line.start()
    line.upstream.play(OK)
    text = json.dumps(fields())[:-1]
    reply = await line.post(text + ', "max_tokens": 1000000000, "max_tokens": 12}')
    assert reply.status == 200
    assert line.upstream.last.body.count(b"max_tokens") == 1
    assert line.upstream.last.json["max_tokens"] == 12
    assert (await line.event())["reserved"] == PROMPT + 12


async def test_ten_megabytes_of_one_letter(line: Line) -> None:
    await line.start()
    started = time.process_time()  # of the processor: on a busy machine the clock tells of others
    big = asyncio.create_task(line.ask(messages=[{"role": "user", "content": "a" * 10_000_000}]))
    lags = []
    while not big.done():
        before = time.monotonic()
        assert (await line.client.get("/v1/models", headers=line.wallet.auth)).status == 200
        lags.append(time.monotonic() - before)
    error = await refused(line, await big, 400, "context_length_exceeded")
    assert error["param"] == "messages"
    assert time.process_time() - started < 10
    assert len(lags) > 5, "others were served meanwhile"
    assert sorted(lags)[len(lags) // 2] < 0.1


async def test_ten_megabytes_that_fit_the_model_are_held_in_full(line: Line) -> None:
    await line.start(context_tokens=10**8)
    reply = await line.ask(messages=[{"role": "user", "content": "a" * 10_000_000}], max_tokens=10)
    error = await refused(line, reply, 402, "insufficient_balance")
    assert error["details"]["required"] == 1_250_000 + 7 + 10


async def test_two_million_spaces(line: Line) -> None:
    """tiktoken itself panics on them."""
    await line.start()
    line.upstream.play(answer(completion(on(3), None)))
    reply = await line.ask(messages=[{"role": "user", "content": " " * 2_000_000}], max_tokens=10)
    assert reply.status == 200
    row = await line.event()
    assert (row["prompt_tokens"], row["charge"]) == (15_625 + 7, 15_625 + 7 + 3)
    assert len(line.upstream.last.json["messages"][0]["content"]) == 2_000_000


async def test_white_space_of_all_kinds(line: Line) -> None:
    await line.start(context_tokens=10**8)
    line.upstream.always = (answer(completion(on(3), None)),)
    for text in ("\t" * 1_100_000, "\u3000" * 400_000, " \n" * 700_000, "\r" * 1_100_000):
        reply = await line.ask(messages=[{"role": "user", "content": text}], max_tokens=10)
        assert reply.status in {200, 402}
    await line.at_rest()


@pytest.mark.parametrize("text", [r"\ud83d", r"\ude00\ud83d", r"a\udc00b"])
async def test_half_a_surrogate_pair(line: Line, text: str) -> None:
    await line.start()
    body = json.dumps(fields()).replace('"hello"', f'"{text}"')
    error = await refused(line, await line.post(body), 400, "invalid_request")
    assert "surrogate" in error["message"]


async def test_special_tokens_in_text_are_text(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion("<|endoftext|>", None)))
    reply = await line.ask(messages=[{"role": "user", "content": "<|endoftext|>"}], max_tokens=10)
    assert reply.status == 200
    row = await line.event()
    assert (row["prompt_tokens"], row["completion_tokens"]) == (PROMPT - 1 + 7, 7)


async def test_an_unknown_model(line: Line) -> None:
    await line.start()
    error = await refused(line, await line.ask(model="nobody"), 404, "model_not_found")
    assert (error["param"], "nobody" in error["message"]) == ("model", True)


@pytest.mark.parametrize("changes", [{"metadata": {"session_id": "a\0b"}}, {"model": "a\0b"}], ids=["session", "model"])
async def test_a_null_character_is_billed_or_refused(line: Line, changes: dict[str, Any]) -> None:
    """Postgres can't keep one: a settlement with it would be refused, and its tokens unbilled."""
    rest = replace(line.settings.models["simulated"], name="*", provider="up", upstream_model="*")
    await line.start(models={"*": rest})
    line.upstream.play(OK)
    await billed_or_refused(line, await line.ask(max_tokens=5, **changes))


async def test_the_prompt_must_fit_the_model(line: Line) -> None:
    await line.start(context_tokens=100)
    error = await refused(
        line, await line.ask(messages=[{"role": "user", "content": on(100)}]), 400, "context_length_exceeded"
    )
    assert error["param"] == "messages"
    line.upstream.play(OK)
    assert (await line.ask(messages=HELLO)).status == 200
