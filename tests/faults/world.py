"""Everything that runs: two stores, four gateways on three disks, the upstream, and how all of it comes to rest."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import redis.asyncio as redis
from redis.exceptions import RedisError

from tests.faults import terms
from tests.faults.gateways import RESTART_SECONDS, Gateway, Process, Upstream, Zygote
from tests.faults.stores import make_stores
from tests.faults.terms import Log

REST_SECONDS_MAX = 60.0
# Two on one disk adopt each other's journals; one adopts its own; the last may lose its disk, and is swept.
DISKS = {"g0": "shared", "g1": "shared", "g2": "own", "g3": "frail"}


class NotAtRestError(AssertionError):
    """Something is still open long after everything was mended."""


class World:
    """The processes and their network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres, self.valkey = make_stores(folder / "stores")
        self.zygote = Zygote(folder)
        self.upstream = Upstream(folder, self.zygote)
        self.gateways = [Gateway(name, folder, self.zygote, folder / disk) for name, disk in DISKS.items()]
        self.faults = Log(folder / "faults.jsonl")
        self.pauses: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def processes(self) -> list[Process]:
        """What is started again whenever it ends."""
        return [*self.gateways, self.upstream]

    async def start(self) -> None:
        """Start everything; return when all gateways are ready."""
        for gateway in self.gateways:
            await gateway.connect(self.postgres, self.valkey, self.upstream.port)
        self._spawn(self.valkey.watch())
        for process in self.processes:
            self._spawn(self._keep(process))
        await self.eventually("ready", self.ready)

    async def stop(self) -> None:
        """End everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in self.processes:
            await process.kill()
        for gateway in self.gateways:
            for link in gateway.links.values():
                await link.stop()
        self.zygote.stop()
        for store in (self.postgres, self.valkey):
            store.stop()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _keep(self, process: Process) -> None:
        """Start a process whenever it has ended: at once, or after the pause that was set with its death."""
        while True:
            if not process.runs:
                await asyncio.sleep(self.pauses.pop(process.name, RESTART_SECONDS if process.starts else 0.0))
                process.start()
            await asyncio.sleep(0.01)

    async def ready(self) -> bool:
        """Whether all gateways and the upstream serve."""
        return await self._upstream_listens() and all([await self._ready(gateway) for gateway in self.gateways])

    async def _upstream_listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.upstream.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _ready(self, gateway: Gateway) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.http() as http, http.get(f"{gateway.url}/readyz") as answer:
                return answer.status == 200
        return False

    @asynccontextmanager
    async def http(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with the admin key."""
        headers = {"Authorization": f"Bearer {terms.ADMIN_KEY}"}
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=5)) as session:
            yield session

    async def eventually(self, name: str, check: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Wait for a condition. Raises NotAtRestError."""
        try:
            async with asyncio.timeout(REST_SECONDS_MAX):
                while not await check():  # noqa: ASYNC110 - other processes send no Event
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise NotAtRestError(f"not within {REST_SECONDS_MAX:g} s: {name}: {await self.what_is_open()}") from None

    async def rest(self) -> None:
        """Wait until every gateway serves and nothing is open anywhere."""
        await self.eventually("ready", self.ready)
        await self.eventually("at rest", self._at_rest)

    async def _at_rest(self) -> bool:
        return not await self.what_is_open()

    async def what_is_open(self) -> list[str]:
        """Return what is not settled yet: holds, journals of the dead, settlements on their way."""
        found = self._dead_journals()
        try:
            found += await self._holds()
            found += [name for gateway in self.gateways for name in await self._unsettled(gateway)]
        except (RedisError, aiohttp.ClientError, TimeoutError, OSError) as error:
            found.append(repr(error))
        return found

    def _dead_journals(self) -> list[str]:
        found = []
        for disk in {gateway.disk for gateway in self.gateways}:
            for path in disk.glob("journal/[!.]*/lock"):
                with contextlib.suppress(FileNotFoundError):
                    lock = os.open(path, os.O_RDWR)
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        found.append(f"journal {path.parent}")
                    except BlockingIOError:
                        continue  # its owner lives
                    finally:
                        os.close(lock)
        return found

    async def _holds(self) -> list[str]:
        async with redis.from_url(self.valkey.url, protocol=2) as client:
            return [f"hold {key.decode()}" async for key in client.scan_iter(match="{b*}h:*", count=1000)]

    async def _unsettled(self, gateway: Gateway) -> list[str]:
        async with self.http() as http, http.get(f"{gateway.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        names = ("farebox_unsettled ", "farebox_holds_open ")
        return [f"{gateway.name} {line}" for line in lines if line.startswith(names) and not line.endswith(" 0.0")]

    async def audit(self) -> dict[str, Any]:
        """Run ``farebox audit``; return its report."""
        command = [
            *("-m", "gateway.cli", "audit"),
            *("--config", str(self.gateways[0].config), "--state-dir", str(self.gateways[0].disk)),
        ]
        done = await asyncio.create_subprocess_exec(
            os.sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, error = await done.communicate()
        assert out, error.decode()
        return {"status": done.returncode, **terms.json.loads(out)}
