"""One canonical line a request, and nothing in it that is the client's to keep."""

import io
import json
from collections.abc import Iterator

import pytest

from gateway import logs
from tests.conftest import Start, Wallet, settled


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
