"""DESIGN 3.5: a Redis that may forget what it has answered is told of, and the journal is on the disk in its place."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis.asyncio as redis

from metering.dead_journal import DeadJournal
from metering.errors import RedisDownError
from metering.metrics import METRICS
from tests.fakes.upstream import Gate, answer, completion, usage
from tests.integration.line import PROMPT, Line
from tests.integration.metering.own_redis import OwnRedis, own_redis
from tests.servers.debian import Program
from tests.waiting import eventually

NO_LOCK = -1  # the owner lives, and has it
OK = answer(completion("on on", usage(PROMPT, 2)))


@pytest.fixture
async def server(tmp_path: Path, redis_program: Program) -> AsyncIterator[OwnRedis]:
    async with own_redis(tmp_path, redis_program) as running:
        yield running


@pytest.fixture
async def redis_url(server: OwnRedis) -> str:
    return server.url


async def weaken(server: OwnRedis) -> None:
    client = redis.Redis.from_url(server.url)
    await client.config_set("appendfsync", "everysec")
    await client.aclose()


async def hide(server: OwnRedis) -> None:
    """Its configuration can't be read, as with most that are rented."""
    client = redis.Redis.from_url(server.url)
    await client.execute_command("ACL", "SETUSER", "default", "-config")
    await client.aclose()


Weaken = Callable[[OwnRedis], Awaitable[None]]


@pytest.mark.parametrize("make_weak", [weaken, hide])
async def test_nothing_is_forwarded_before_the_journal_is_on_the_disk(
    line: Line, server: OwnRedis, make_weak: Weaken, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await make_weak(server)
    await line.start()
    assert "redis_weak" in capsys.readouterr().out
    assert METRICS.redis_weak._value.get() == 1
    gate = Gate()
    line.upstream.play(gate, OK)
    running = asyncio.create_task(line.ask(max_tokens=5))
    await asyncio.wait_for(gate.reached.wait(), 5)
    journal = line.deps.meter.journal
    on_disk = (journal._path / "00000001.log").read_bytes()[: journal._synced[1]]
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "00000001.log").write_bytes(on_disk)
    (remains,) = DeadJournal(tmp_path / "disk", NO_LOCK).remains.values()
    assert remains.reservation, "I and F are on the disk, and the upstream has the request"
    gate.open()
    assert (await running).status == 200


async def test_a_strong_one_needs_no_disk(line: Line) -> None:
    await line.start()
    line.upstream.play(OK)
    assert (await line.ask(max_tokens=5)).status == 200
    assert METRICS.redis_weak._value.get() == 0
    assert line.deps.meter.journal._synced == (0, 0)


async def test_one_that_becomes_weak_is_noticed_when_it_is_connected_again(line: Line, server: OwnRedis) -> None:
    await line.start()
    assert not line.deps.meter.journal.durable
    await weaken(server)
    link = line.deps.store._link
    assert link is not None
    link.abort()
    await eventually(lambda: line.deps.meter.journal.durable)


async def test_strict_refuses_it(line: Line, server: OwnRedis) -> None:
    await weaken(server)
    line.settings = replace(line.settings, redis=replace(line.settings.redis, durability="strict"))
    with pytest.raises(RedisDownError, match="strict"):
        await line.start()
