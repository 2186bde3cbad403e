"""Stores of their own, that may be killed: they come back on the same address."""

import asyncio
import os
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio as redis

from config.settings import Settings
from gateway.embedded import EmbeddedServers
from gateway.embedded.servers import Endpoints
from tests.conftest import TEMPLATE, _make_template, with_database
from tests.integration.metering.parts import Gateway, Launch
from tests.servers.choice import program_of
from tests.servers.redis_server import RedisServer, own_server
from tests.waiting import eventually


class Stores:
    """The embedded Postgres and the chosen Redis, whose processes are known."""

    def __init__(self, folder: Path, redis: RedisServer) -> None:
        self._state_dir = folder / "state"
        self._redis = redis
        self._servers = EmbeddedServers(state_dir=self._state_dir, database_url=None, redis_url=redis.url)
        self.endpoints: Endpoints = self._servers.start()

    async def kill(self, name: str) -> None:
        """Kill a server, and start it again."""
        if name == "redis":
            self._redis.kill()
            self._redis.start()  # here, and not in a thread: it would end with that
        else:
            os.kill(int((self._state_dir / name / "pid").read_text()), signal.SIGKILL)
            await eventually(self._servers.tend)

    def stop(self) -> None:
        self._servers.stop()


@pytest.fixture(scope="module")
def stores(single_redis: None, redis_kind: str) -> Iterator[Stores]:  # noqa: ARG001 - it skips
    with tempfile.TemporaryDirectory(prefix="farebox-crash-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with own_server(program_of(redis_kind, folder / "copies"), folder / "redis") as server:
            started = Stores(folder, server)
            asyncio.run(_make_template(started.endpoints.database_url))
            yield started
            started.stop()


async def connected(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect as soon as Postgres takes connections again."""
    while True:
        try:
            return await asyncpg.connect(url)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.02)


@pytest.fixture
async def database_url(stores: Stores) -> AsyncIterator[str]:
    """A migrated, empty database on the server that may be killed."""
    name = f"crash_{secrets.token_hex(6)}"
    admin = await connected(stores.endpoints.database_url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    await admin.close()
    yield with_database(stores.endpoints.database_url, name)
    admin = await connected(stores.endpoints.database_url)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def redis_url(stores: Stores) -> str:
    """An empty Valkey that may be killed."""
    async with redis.Redis.from_url(stores.endpoints.redis_url, protocol=2) as client:
        await client.flushall()
    return stores.endpoints.redis_url


@pytest.fixture
async def launch(settings: Settings) -> AsyncIterator[Launch]:
    """A function that starts a gateway here, on the stores themselves."""
    running: list[Gateway] = []

    async def begin() -> Gateway:
        gateway = Gateway(replace(settings, redis=replace(settings.redis, barrier_seconds=0.1)))
        await gateway.start()
        running.append(gateway)
        return gateway

    yield begin
    for gateway in running:
        if gateway.ledger._pool is not None:
            await gateway.stop()
