"""A Redis of the test's own, to be killed."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio as redis
from redis.exceptions import RedisError

from gateway.embedded.ports import usable_port
from tests.servers.debian import Program


class OwnRedis:
    """A server that writes every command down before it answers."""

    def __init__(self, folder: Path, program: Program) -> None:
        self._folder = folder
        self._program = program
        self._port = usable_port(None)
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    async def start(self, *, empty: bool = False) -> None:
        """Start it, and return when it answers."""
        data = self._folder / "data"
        if empty:
            shutil.rmtree(data)
        data.mkdir(exist_ok=True)
        options = f"--port {self._port} --bind 127.0.0.1 --appendonly yes --appendfsync always --logfile log"
        self._process = await asyncio.create_subprocess_exec(
            self._program.path,
            *options.split(),
            "--save",
            "",
            cwd=data,
            env=self._program.environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(10), redis.Redis.from_url(self.url, protocol=2) as client:
            while True:
                try:
                    await client.ping()
                except (RedisError, OSError):
                    await asyncio.sleep(0.01)
                else:
                    return

    async def kill(self) -> None:
        """End it at once."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def own_redis(folder: Path, program: Program) -> AsyncIterator[OwnRedis]:
    """A running server."""
    server = OwnRedis(folder, program)
    await server.start()
    yield server
    await server.kill()
