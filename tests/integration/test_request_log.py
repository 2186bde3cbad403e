"""One canonical line a request, and nothing in it that is the client's to keep."""

import asyncio
import io
import json
from collections.abc import Iterator

import pytest

from gateway import logs
from tests.conftest import Start, Wallet, settled
from tests.fakes.upstream import answer
from tests.integration.line import Line


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What goes to the log."""
    logs.REQUESTS.write()  # what the requests of other tests have left
    stream = io.StringIO()
    logs.configure(log_requests=True, stream=stream)
    yield stream
    logs.configure(log_requests=True)


async def test_a_request_leaves_one_line_without_its_text_or_key(
    start: Start, wallet: Wallet, written: io.StringIO
) -> None:
    await wallet.grant(1000)
    client = await start()
    body = {"model": "simulated", "max_tokens": 3, "messages": [{"role": "user", "content": "a secret"}]}
    answered = await client.post("/v1/chat/completions", json=body, headers=wallet.auth)
    await client.get("/healthz")
    await settled(client)
    logs.REQUESTS.write()
    lines = [json.loads(line) for line in written.getvalue().splitlines() if "request_finished" in line]
    (line,) = lines
    assert line["request_id"] == answered.headers["x-request-id"]
    assert (line["status"], line["account_id"], line["model"]) == (200, wallet.account_id, "simulated")
    assert line["charge"] == int(answered.headers["x-farebox-charged"])
    assert "secret" not in written.getvalue()
    assert wallet.key not in written.getvalue()


@pytest.mark.parametrize("first", ["", "GET /healthz HTTP/1.1\r\nHost: farebox\r\n\r\n"], ids=["doorway", "aiohttp"])
async def test_who_hangs_up_with_everything_in_hand_was_answered(
    start: Start, wallet: Wallet, written: io.StringIO, first: str
) -> None:
    await wallet.grant(1000)
    client = await start()
    reader, writer = await asyncio.open_connection(client.host, client.port)
    if first:
        writer.write(first.encode())
        await reader.readuntil(b"}")
    body = b'{"model":"simulated","max_tokens":3,"stream":true,"messages":[{"role":"user","content":"x"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: farebox\r\nAuthorization: {wallet.auth['Authorization']}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await reader.readuntil(b"[DONE]\n\n\r\n0\r\n\r\n")
    writer.transport.abort()
    await settled(client)
    logs.REQUESTS.write()
    (line,) = [json.loads(line) for line in written.getvalue().splitlines() if "request_finished" in line]
    assert line["status"] == 200


async def test_an_error_inside_a_200_is_logged_as_it_was_answered(line: Line, written: io.StringIO) -> None:
    await line.start()
    line.upstream.play(answer(b'{"error": {"message": "overloaded"}}'))
    assert (await line.ask()).status == 502
    logs.REQUESTS.write()
    (found,) = [json.loads(text) for text in written.getvalue().splitlines() if "request_finished" in text]
    assert found["status"] == 502
