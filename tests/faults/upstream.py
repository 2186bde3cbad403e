"""The upstream: a model server that writes down what it produces before it sends it.

A request says in its metadata what to answer. Of each request the log has ``begin``, ``tokens`` for every chunk,
``end`` before the last bytes, or ``cut`` when the other side is gone; a killed process leaves it at what it had
produced.
"""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.faults.terms import HELLO_TOKENS, UNITS, Log

LOG = web.AppKey("log", Log)


class Work:
    """One request, and what is to be produced for it."""

    def __init__(self, body: dict[str, Any], log: Log) -> None:
        told = body["metadata"]
        self.body = body
        self.stream = bool(body.get("stream"))
        self.fail = told["fail"]
        self.pace = float(told["pace"])
        self.chunk = int(told["chunk"])
        self.reports = told["usage"] == "1"
        self.text, self.unit_tokens = UNITS[told["unit"]]
        self.prompt = HELLO_TOKENS + body["messages"][0]["content"].count(" on")
        limit = body.get("max_tokens", body.get("max_completion_tokens"))
        wanted = int(told["tokens"])
        self.total = wanted if limit is None else min(wanted, int(limit))
        self.total -= self.total % self.unit_tokens
        self._log, self._id = log, uuid4().hex
        log.add(
            e="begin", rid=told["rid"], id=self._id, model=body["model"], prompt=self.prompt, limit=limit,
            stream=self.stream, total=self.total,
        )  # fmt: skip

    def note(self, event: str, **fields: Any) -> None:
        """Write to the log what is about to be sent."""
        self._log.add(e=event, id=self._id, **fields)

    @property
    def usage(self) -> dict[str, int]:
        """What is billed."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.total,
            "total_tokens": self.prompt + self.total,
        }

    @property
    def finish(self) -> str:
        """Why it ended: a model that stops by itself may bill one token more, so only with a report."""
        return "stop" if self.reports else "length"

    def words(self, tokens: int) -> str:
        """Return a text of so many tokens."""
        return self.text * (tokens // self.unit_tokens)

    def steps(self) -> list[int]:
        """Return how many tokens each chunk has."""
        whole, rest = divmod(self.total, self.chunk)
        return [self.chunk] * whole + ([rest] if rest else [])


async def chat(request: web.Request) -> web.StreamResponse:
    """Serve POST /v1/chat/completions."""
    work = Work(await request.json(), request.app[LOG])
    try:
        if work.fail == "500":
            work.note("refused")
            return web.json_response({"error": {"message": "overloaded"}}, status=500)
        return await (stream(request, work) if work.stream else whole(work))
    except (ConnectionResetError, asyncio.CancelledError):
        work.note("cut")
        raise


async def whole(work: Work) -> web.Response:
    """Think, then answer in one piece."""
    await asyncio.sleep(work.pace * len(work.steps()))
    message = {"role": "assistant", "content": work.words(work.total)}
    body: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": work.body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": work.finish}],
    }
    if work.reports:
        body["usage"] = work.usage
    work.note("tokens", n=work.total)
    work.note("end", reported=work.reports)
    return web.json_response(body)


async def stream(request: web.Request, work: Work) -> web.StreamResponse:
    """Answer chunk by chunk."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(event(work, {"role": "assistant", "content": ""}))
    steps = work.steps()
    for place, tokens in enumerate(steps):
        if work.fail == "drop" and place == len(steps) // 2:
            work.note("dropped")
            assert request.transport
            request.transport.close()
            return response
        work.note("tokens", n=tokens)
        await response.write(event(work, {"content": work.words(tokens)}))
        await asyncio.sleep(work.pace)
    work.note("end", reported=work.reports)
    last = event(work, {}, work.finish)
    if work.reports and work.body.get("stream_options", {}).get("include_usage"):
        last += line({"id": "x", "object": "chat.completion.chunk", "choices": [], "usage": work.usage})
    await response.write(last + b"data: [DONE]\n\n")
    return response


def event(work: Work, delta: dict[str, str], finish: str | None = None) -> bytes:
    """Return a chunk of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return line({"id": "x", "object": "chat.completion.chunk", "model": work.body["model"], "choices": [choice]})


def line(data: dict[str, Any]) -> bytes:
    """Return a server-sent event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def serve_upstream(port: int, record: Path) -> None:
    """Serve until killed."""
    app = web.Application()
    app[LOG] = Log(record)
    app.router.add_post("/v1/chat/completions", chat)
    web.run_app(
        app, host="127.0.0.1", port=port, handler_cancellation=True, access_log=None, print=None, reuse_address=True
    )
