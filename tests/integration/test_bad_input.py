"""Clients that send nonsense: each gets a clear answer in bounded time, nothing is forwarded, nothing stays held."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.upstream import answer, completion, usage
from tests.integration.line import HELLO, PATH, PROMPT, SIZE, Line, Reply, fields, on, reply_of
from tests.integration.raw import call, request_of, serving, split_reply

OK = answer(completion(on(3), usage(PROMPT, 3)))


async def refused(line: Line, reply: Reply, status: int, code: str) -> dict[str, Any]:
    """Check an answer that cost nothing; return its error object."""
    error = reply.error
    assert (reply.status, error["code"]) == (status, code)
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-request-id"]
    assert error["message"]
    assert "Traceback" not in error["message"]
    assert line.upstream.requests == []
    await line.uncharged()
    return error


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
    started = time.monotonic()
    big = asyncio.create_task(line.ask(messages=[{"role": "user", "content": "a" * 10_000_000}]))
    lags = []
    while not big.done():
        before = time.monotonic()
        assert (await line.client.get("/v1/models", headers=line.wallet.auth)).status == 200
        lags.append(time.monotonic() - before)
    error = await refused(line, await big, 400, "context_length_exceeded")
    assert error["param"] == "messages"
    assert time.monotonic() - started < 10
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


def small(line: Line, **limits: Any) -> dict[str, Any]:
    """Return server settings with small limits."""
    return {"server": replace(line.settings.server, **limits)}


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_over_the_limit(line: Line, *, chunked: bool) -> None:
    await line.start(sections=small(line, body_bytes_max=100_000))
    body = json.dumps(fields(messages=[{"role": "user", "content": "a" * 200_000}])).encode()
    async with serving(line.settings) as address:
        reply = split_reply(await call(address, request_of(line.wallet.key, body, chunked=chunked)))
    error = await refused(line, reply, 413, "request_too_large")
    assert error["type"] == "invalid_request_error"


async def test_a_body_that_lies_about_its_length_is_refused_unread(line: Line) -> None:
    await line.start(sections=small(line, body_bytes_max=100_000))
    head = request_of(line.wallet.key, b"", length=10**15)
    async with serving(line.settings) as address:
        reply = split_reply(await call(address, head))
    await refused(line, reply, 413, "request_too_large")


@pytest.mark.parametrize(
    "headers", [{"X-Big": "b" * 20_000}, {f"X-{n}": "b" * 1000 for n in range(80)}], ids=["one", "many"]
)
async def test_a_header_bomb(line: Line, headers: dict[str, str]) -> None:
    await line.start()
    line.upstream.play(OK)
    async with serving(line.settings) as address:
        body = json.dumps(fields(max_tokens=5)).encode()
        reply = split_reply(await call(address, request_of(line.wallet.key, body, **headers)))
    assert reply.status in {400, 431}
    assert reply.error["message"]
    assert len(reply.body) < 2000, "it is not sent back"
    assert line.upstream.requests == []


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["tls", "garbage", "length"],
)
async def test_what_is_no_http(line: Line, head: bytes) -> None:
    await line.start()
    async with serving(line.settings) as address:
        reply = split_reply(await call(address, head))
    assert reply.status == 400
    assert reply.error["message"]


async def test_a_slow_loris_body(line: Line) -> None:
    await line.start(sections=small(line, body_seconds_max=0.3))
    head = request_of(line.wallet.key, b'{"model"', length=1000)
    async with serving(line.settings) as address:
        started = time.monotonic()
        reply = split_reply(await call(address, head))
        assert time.monotonic() - started < 5
    error = await refused(line, reply, 408, "request_timeout")
    assert error["type"] == "invalid_request_error"


async def test_a_body_that_is_never_finished_costs_nothing(line: Line) -> None:
    await line.start()
    async with serving(line.settings) as (host, port):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(request_of(line.wallet.key, b'{"model"', length=1000))
        await writer.drain()
        writer.transport.abort()
    await line.uncharged()


async def test_an_unknown_model(line: Line) -> None:
    await line.start()
    error = await refused(line, await line.ask(model="nobody"), 404, "model_not_found")
    assert (error["param"], "nobody" in error["message"]) == ("model", True)


@pytest.mark.parametrize(
    "path", ["/v1/embeddings", "/v1/chat/completions/x", "/v1/nothing", "/v2/chat/completions", "//", "/v1/../v1/x"]
)
async def test_an_unknown_path(line: Line, path: str) -> None:
    await line.start()
    response = await line.client.post(path, json=fields(), headers=line.wallet.auth)
    await refused(line, await reply_of(response), 404, "not_found")


async def test_an_unknown_method(line: Line) -> None:
    await line.start()
    reply = await reply_of(await line.client.get(PATH, headers=line.wallet.auth))
    await refused(line, reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("sql", ["revoked_at = now()", "expires_at = now() - interval '1 second'"])
async def test_a_key_that_is_over(line: Line, sql: str) -> None:
    await line.start()
    await line.wallet.connection.execute(f"UPDATE api_keys SET {sql}")  # noqa: S608 - a test's own text
    error = await refused(line, await line.ask(), 401, "invalid_api_key")
    assert error["type"] == "authentication_error"


async def test_a_revoked_key_stops_within_the_cache_time(line: Line) -> None:
    await line.start(sections={"auth": replace(line.settings.auth, cache_seconds=0.2)})
    line.upstream.always = (OK,)
    assert (await line.ask(max_tokens=5)).status == 200
    await line.wallet.connection.execute("UPDATE api_keys SET revoked_at = now()")
    started = time.monotonic()
    while (await line.ask(max_tokens=5)).status == 200:
        assert time.monotonic() - started < 3
    view = await line.at_rest()
    assert view.balance == SIZE - len(line.upstream.requests) * (PROMPT + 3)


@pytest.mark.parametrize(
    "value",
    [b"", b"Bearer", b"Bearer ", b"Basic Zm9vOmJhcg==", b"fbx_alone", b"Bearer fbx_nobody", b"Bearer " + b"x" * 5000,
     b"Bearer fbx_\xc3\xa9", b"Bearer fbx_\xff\xfe", b"Bearer \xed\xa0\xbd"],
    ids=["empty", "no key", "blank", "basic", "no scheme", "unknown", "long", "utf-8", "no utf-8", "surrogate"],
)  # fmt: skip
async def test_a_malformed_key(line: Line, value: bytes) -> None:
    await line.start()
    body = json.dumps(fields()).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + value
    async with serving(line.settings) as address:
        reply = split_reply(await call(address, head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    error = await refused(line, reply, 401, "invalid_api_key")
    assert error["type"] == "authentication_error"


async def test_no_key_at_all(line: Line) -> None:
    await line.start()
    reply = await reply_of(await line.client.post(PATH, json=fields()))
    await refused(line, reply, 401, "invalid_api_key")


@pytest.mark.parametrize("where", ["X-Session-Id", "X-Farebox-Reason", "X-Farebox-Feature"])
@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"\xed\xa0\xbd", b"x" * 5000, "é🚌".encode()], ids=["no utf-8", "surrogate", "long", "utf-8"]
)
async def test_headers_that_no_ledger_can_keep(line: Line, where: str, value: bytes) -> None:
    """Whatever they hold, a request is refused or billed; never a 500, never forwarded and forgotten."""
    await line.start()
    line.upstream.play(OK)
    body = json.dumps(fields(max_tokens=5)).encode()
    head = request_of(line.wallet.key, body).replace(b"\r\n", b"\r\n%s: %s\r\n" % (where.encode(), value), 1)
    async with serving(line.settings) as address:
        reply = split_reply(await call(address, head))
    await billed_or_refused(line, reply)


@pytest.mark.parametrize("changes", [{"metadata": {"session_id": "a\0b"}}, {"model": "a\0b"}], ids=["session", "model"])
async def test_a_null_character_is_billed_or_refused(line: Line, changes: dict[str, Any]) -> None:
    """Postgres can't keep one: a settlement with it would be refused, and its tokens unbilled."""
    rest = replace(line.settings.models["simulated"], name="*", provider="up", upstream_model="*")
    await line.start(models={"*": rest})
    line.upstream.play(OK)
    await billed_or_refused(line, await line.ask(max_tokens=5, **changes))


async def billed_or_refused(line: Line, reply: Reply) -> None:
    """Check that a request was either refused and not forwarded, or booked."""
    parked = await line.wallet.connection.fetchval("SELECT count(*) FROM parked_settlements")
    if reply.status == 200:
        row = await line.event()
        assert row["charge"] == PROMPT + 3
    else:
        await refused(line, reply, 400, "invalid_request")
    assert parked == 0


async def test_the_prompt_must_fit_the_model(line: Line) -> None:
    await line.start(context_tokens=100)
    error = await refused(
        line, await line.ask(messages=[{"role": "user", "content": on(100)}]), 400, "context_length_exceeded"
    )
    assert error["param"] == "messages"
    line.upstream.play(OK)
    assert (await line.ask(messages=HELLO)).status == 200
