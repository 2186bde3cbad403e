"""DESIGN 3.3, "Redis down" and "Redis back, with old data or none": 503 meanwhile, and nothing is promised twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis

from gateway.deps import DEPS
from metering.errors import MeterUnavailableError
from metering.keys import BUCKETS
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.api.asking import Api
from tests.integration.line import PROMPT, SIZE, Line, Reply
from tests.integration.metering.own_redis import OwnRedis, own_redis
from tests.servers.debian import Program
from tests.waiting import eventually

OK = answer(completion("on on", usage(PROMPT, 2)))
LIMIT = 50


@pytest.fixture
async def server(tmp_path: Path, redis_program: Program) -> AsyncIterator[OwnRedis]:
    async with own_redis(tmp_path, redis_program) as running:
        yield running


@pytest.fixture
async def redis_url(server: OwnRedis) -> str:
    return server.url


def log_of(tmp_path: Path) -> Path:
    """Return the file to which the server appends."""
    (log,) = (tmp_path / "data" / "appendonlydir").glob("*.incr.aof")
    return log


async def streaming(line: Line) -> tuple["asyncio.Task[Reply]", Gate]:
    """Begin a stream that waits at the gate."""
    gate = Gate()
    line.upstream.play(stream(delta(" on"), gate, delta(None, finish="stop"), usage_event(PROMPT, 1), DONE))
    running = asyncio.create_task(line.ask(stream=True, max_tokens=LIMIT))
    await asyncio.wait_for(gate.reached.wait(), 5)
    return running, gate


async def served(line: Line) -> bool:
    reply = await line.ask(max_tokens=5)
    assert reply.status in {200, 503}
    return reply.status == 200


async def whole(server: OwnRedis, log: Path, kept: int) -> None:
    """Start it with everything that it had answered."""
    del log, kept
    await server.start()


async def empty(server: OwnRedis, log: Path, kept: int) -> None:
    """Start it with nothing."""
    del log, kept
    await server.start(empty=True)


async def without_the_last_second(server: OwnRedis, log: Path, kept: int) -> None:
    """Start it as `appendfsync everysec` may leave it: what it did last is not in its log."""
    with log.open("r+b") as file:
        file.truncate(kept)
    await server.start()


@pytest.mark.parametrize("back", [whole, empty, without_the_last_second])
async def test_what_is_held_and_what_was_used_is_known_again_when_it_is_back(
    line: Line, server: OwnRedis, tmp_path: Path, back: Callable[[OwnRedis, Path, int], Awaitable[None]]
) -> None:
    await line.start()
    line.upstream.play(OK)
    assert (await line.ask(max_tokens=5)).status == 200
    await line.at_rest()
    kept = log_of(tmp_path).stat().st_size

    running, gate = await streaming(line)
    line.upstream.play(OK)
    assert (await line.ask(max_tokens=5)).status == 200
    await eventually(lambda: booked(line, 2))
    await server.kill()
    await eventually(lambda: not line.deps.store.connected)
    refused = await line.ask(max_tokens=5)
    assert (refused.status, refused.error["code"]) == (503, "meter_unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert len(line.upstream.requests) == 3, "nothing was forwarded"

    await back(server, log_of(tmp_path) if back is not empty else tmp_path, kept)
    line.upstream.always = (OK,)
    await eventually(lambda: served(line))
    await eventually(lambda: booked(line, 3))

    async def stated_again() -> bool:
        view = await line.view()
        return (view.holds, view.reserved, view.balance) == (1, PROMPT + LIMIT, SIZE - 3 * (PROMPT + 2))

    await eventually(stated_again)
    gate.open()
    assert (await running).body.endswith(DONE)
    assert (await line.at_rest()).balance == SIZE - 3 * (PROMPT + 2) - (PROMPT + 1)
    assert await audited(line) == []


async def nothing_held(line: Line) -> bool:
    try:
        return not line.deps.meter.holds and (await line.view()).holds == 0
    except MeterUnavailableError:
        return False


async def booked(line: Line, count: int) -> bool:
    return len(await line.wallet.events()) == count


async def audited(line: Line) -> list[str]:
    """Return the invariants that are broken."""
    report = await Api(line.client).good("POST", "/admin/v1/audit")
    return [invariant["name"] for invariant in report["invariants"] if invariant["broken"]]


async def test_a_stream_that_ends_while_it_is_gone_is_settled_without_it(line: Line, server: OwnRedis) -> None:
    await line.start()
    running, gate = await streaming(line)
    await server.kill()
    await eventually(lambda: not line.deps.store.connected)
    gate.open()
    assert (await running).body.endswith(DONE)
    (event,) = await eventually(line.wallet.events)
    assert (event["charge"], event["source"]) == (PROMPT + 1, "upstream")
    await server.start(empty=True)
    # A hold that is booked while it is stated again is there for a moment, and dropped again.
    await eventually(lambda: nothing_held(line))
    assert (await line.at_rest()).balance == SIZE - PROMPT - 1


async def test_two_gateways_promise_no_token_twice_when_it_comes_back_empty(line: Line, server: OwnRedis) -> None:
    """Both hold half of the account. The one that is asked first after the loss must wait for the other's word."""
    await line.start(size=2 * (PROMPT + LIMIT))
    first, first_gate = await streaming(line)
    await line.start(size=None)
    second, second_gate = await streaming(line)
    await server.kill()
    for client in line.clients:
        await eventually(lambda client=client: not client.app[DEPS].now.store.connected)
    await server.start(empty=True)

    async def decided() -> Reply | None:
        reply = await line.ask(max_tokens=5)
        return reply if reply.status != 503 else None

    reply = await eventually(decided)
    assert reply is not None
    assert (reply.status, reply.error["code"]) == (402, "balance_held")
    for gate in (first_gate, second_gate):
        gate.open()
    await asyncio.gather(first, second)
    await eventually(lambda: booked(line, 2))


async def test_emptied_under_a_crowd_it_costs_one_epoch_and_few_questions(line: Line, server: OwnRedis) -> None:
    """FLUSHALL: every request finds its bucket lost; one opening serves them all (DESIGN 3.5)."""
    await line.start()
    line.upstream.always = (OK,)
    assert await served(line)
    asked = 0
    renew = line.deps.ledger.renew_epochs

    async def counted(run_id: str, lost: dict[int, int]) -> list[tuple[int, int, bool]]:
        nonlocal asked
        asked += 1
        return await renew(run_id, lost)

    looked = 0
    call = line.deps.store.call

    def looking(*command: Any) -> Any:
        nonlocal looked
        looked += command[0] == b"GET"
        return call(*command)

    line.deps.ledger.renew_epochs = counted  # type: ignore[method-assign]
    line.deps.store.call = looking  # type: ignore[method-assign]
    client = redis.Redis.from_url(server.url)
    await client.flushall()
    await client.aclose()
    with suppress(AssertionError):
        await asyncio.gather(*(served(line) for _ in range(40)))
    await eventually(lambda: served(line))
    epochs = await line.wallet.connection.fetchval("SELECT max(epoch) FROM epochs")
    assert epochs == 2, "one loss is one epoch, for all buckets"
    assert asked <= 6, f"{asked} refreshes for one loss"
    assert looked <= 6 * BUCKETS, f"the sentinels were looked at {looked // BUCKETS} times"
    await line.at_rest()
