"""Clients whose HTTP is nonsense: sizes, times, paths, headers and keys."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.line import PATH, PROMPT, SIZE, Line, fields, reply_of
from tests.integration.raw import call, request_of, serving, split_reply
from tests.integration.refusing import OK, billed_or_refused, refused


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


@pytest.mark.parametrize(
    "path", ["/v1/embeddings", "/v1/chat/completions/x", "/v1/nothing", "/v2/chat/completions", "/v1/../v1/x"]
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
