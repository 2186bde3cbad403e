"""What every refusal has in common."""

from typing import Any

from tests.fakes.upstream import answer, completion, usage
from tests.integration.line import PROMPT, Line, Reply, on

OK = answer(completion(on(3), usage(PROMPT, 3)))
"""An answer of three tokens."""


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


async def billed_or_refused(line: Line, reply: Reply) -> None:
    """Check that a request was either refused and not forwarded, or booked."""
    parked = await line.wallet.connection.fetchval("SELECT count(*) FROM parked_settlements")
    if reply.status == 200:
        row = await line.event()
        assert row["charge"] == PROMPT + 3
    else:
        await refused(line, reply, 400, "invalid_request")
    assert parked == 0
