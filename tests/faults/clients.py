"""The clients: they stream, wait, hang up, run dry, come again, and write down what they got."""

import asyncio
import json
import random
import re
import time
from typing import Any
from uuid import uuid4

import aiohttp

from tests.faults.accounts import Account
from tests.faults.terms import MODELS, UNITS, Log
from tests.faults.world import World

OK = 200
PATIENCE_SECONDS = 8.0
SLOW_PACE = 0.01
COMMENT = re.compile(r"^: farebox charged=(\d+)", re.MULTILINE)
KINDS = {"stream": 40, "stream_open": 20, "hang_up": 12, "whole": 18, "whole_open": 4, "refused": 3, "dropped": 3}


class Crowd:
    """So many clients, one request each at a time."""

    def __init__(self, world: World, accounts: list[Account], rng: random.Random) -> None:
        self._world = world
        self._accounts = accounts
        self._rng = rng
        self._log = Log(world.folder / "clients.jsonl")

    async def work(self, clients: int) -> None:
        """Ask until cancelled; what is under way is hung up then."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http, asyncio.TaskGroup() as tasks:
            for _ in range(clients):
                tasks.create_task(self._ask_again_and_again(http, random.Random(self._rng.random())))

    async def _ask_again_and_again(self, http: aiohttp.ClientSession, rng: random.Random) -> None:
        while True:
            try:
                told = await self._ask(http, rng)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)  # nobody listens there now, so nothing was asked: on to the next
                continue
            # Who was refused or lost its gateway comes again soon; nobody in the crowd hammers.
            await asyncio.sleep(rng.uniform(0.01, 0.05) if told["status"] == 200 else rng.uniform(0.05, 0.3))

    async def _ask(self, http: aiohttp.ClientSession, rng: random.Random) -> dict[str, Any]:
        account, gateway = rng.choice(self._accounts), rng.choice(self._world.gateways)
        told, body = order(rng)
        told |= {"account": account.id, "orphan": account.orphan, "gateway": gateway.name, "began": time.time()}
        headers = {"Authorization": f"Bearer {account.key}", "X-Session-Id": told["rid"]}
        try:
            async with http.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers) as answer:
                told |= {"status": answer.status, "request_id": answer.headers.get("x-request-id")}
                gateway.served += answer.status == OK
                await (read_stream if told["stream"] and answer.status == 200 else read_whole)(answer, told)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            told["error"] = type(error).__name__
        except asyncio.CancelledError:
            self._log.add(**told | {"error": "stopped asking"})
            raise
        self._log.add(**told)
        return told


def order(rng: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a request: what is noted of it, and its body."""
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    model = rng.choice(("growing", "growing", "plain", "dear")) if kind == "stream_open" else rng.choice(list(MODELS))
    streams, unit = not kind.startswith("whole"), rng.choice(list(UNITS))
    tokens = rng.choice((rng.randrange(2, 60), rng.randrange(60, 700), rng.randrange(700, 1600)))
    chunk = rng.choice((2, 10, 20, 40))
    limit = None if kind.endswith("_open") else rng.choice((tokens, tokens + 100, max(2, tokens - 50)))
    if kind == "whole_open":
        tokens = min(tokens, 300)
    prompt = rng.randrange(40)
    told = {
        "rid": uuid4().hex, "kind": kind, "model": model, "stream": streams, "limit": limit, "unit": unit,
        "prompt": 8 + prompt, "status": 0, "received": 0, "done": False, "charged": None, "error": None,
        "request_id": None, "finish": None, "hung_up": False,
        "hang_up_at": rng.randrange(max(1, tokens)) if kind == "hang_up" else None,
    }  # fmt: skip
    body: dict[str, Any] = {
        "model": model,
        "stream": streams,
        "messages": [{"role": "user", "content": "hello" + " on" * prompt}],
        "metadata": {
            "rid": told["rid"],
            "tokens": str(tokens),
            "chunk": str(chunk),
            # At most four thousand tokens a second, and two seconds a request.
            "pace": str(round(min(2.0 / (tokens / chunk + 1), rng.choice((SLOW_PACE, chunk / 600))), 4)),
            "usage": rng.choice("1110"),
            "unit": unit,
            "fail": {"refused": "500", "dropped": "drop"}.get(kind, ""),
        },
    }
    if limit is not None:
        body["max_tokens"] = limit
    if rng.random() < 0.3 and streams:
        body["stream_options"] = {"include_usage": True}
    return told, body


def tokens_in(text: str, unit: str) -> int:
    """Return the tokens of an answer's text: it repeats one of two units."""
    word, tokens = UNITS[unit]
    return len(text) // len(word) * tokens


async def read_whole(answer: aiohttp.ClientResponse, told: dict[str, Any]) -> None:
    """Read an answer in one piece, or a refusal."""
    data = json.loads(await answer.read())
    if answer.status != 200:
        told["code"] = data.get("error", {}).get("code")
        return
    told["received"] = tokens_in(data["choices"][0]["message"]["content"], told["unit"])
    told["charged"] = int(answer.headers["x-farebox-charged"])
    told["finish"], told["done"] = data["choices"][0]["finish_reason"], True


async def read_stream(answer: aiohttp.ClientResponse, told: dict[str, Any]) -> None:
    """Read a stream event by event; hang up where that was decided."""
    rest = b""
    async for data in answer.content.iter_any():
        *events, rest = (rest + data).split(b"\n\n")
        for event in events:
            read_event(event.decode(), told)
        if told["hang_up_at"] is not None and told["received"] > told["hang_up_at"] and not told["done"]:
            told["hung_up"] = True
            answer.close()
            return


def read_event(event: str, told: dict[str, Any]) -> None:
    """Take one event in."""
    comment = COMMENT.search(event)
    if comment:
        told["charged"] = int(comment[1])
    if "data: [DONE]" in event:
        told["done"] = True
    elif event.startswith("data: "):
        data = json.loads(event.removeprefix("data: "))
        if "error" in data:
            told["error"] = data["error"]["code"]
        for choice in data.get("choices", ()):
            told["received"] += tokens_in(choice["delta"].get("content") or "", told["unit"])
            told["finish"] = choice["finish_reason"] or told["finish"]
