"""The faults: which process dies, sleeps or loses its network next, decided by a seed.

Two kinds of weather take turns, with a calm between them, since together they would destroy all copies of a hold:
``frail``: one gateway loses its disk with each death; ``forgetful``: Valkey comes back empty, or without its last
second. Everything else happens in both.
"""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.faults.gateways import Gateway
from tests.faults.proxy import Link
from tests.faults.stores import Store
from tests.faults.terms import LEASE_SECONDS
from tests.faults.world import World

WEATHERS = ("frail", "forgetful")
MIX = {
    "kill_gateway": 64,
    "kill_upstream": 5,
    "kill_valkey": 3,
    "kill_postgres": 2,
    "freeze_gateway": 6,
    "freeze_gateway_long": 2,
    "freeze_upstream": 2,
    "freeze_valkey": 1,
    "freeze_postgres": 1,
    "cut": 6,
    "down": 3,
    "slow": 3,
    "silent": 3,
}


class Weather:
    """A schedule of faults on a world."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._busy: set[str] = set()
        self._forgetful = False
        self.counts: Counter[str] = Counter()

    @property
    def kills(self) -> int:
        """Processes that were killed."""
        return sum(count for kind, count in self.counts.items() if kind.startswith("kill"))

    def begin(self, weather: str) -> None:
        """Choose the kind of weather."""
        self._forgetful = weather == "forgetful"
        self._world.gateways[-1].loses_disk = weather == "frail"

    async def storm(self, *, pause_seconds: float, until: Callable[[], bool]) -> None:
        """Do one fault after the other until told; return when all of them are over."""
        async with asyncio.TaskGroup() as faults:
            while not until():
                kind = self._rng.choices(list(MIX), list(MIX.values()))[0]
                action: Callable[[], Awaitable[None]] = getattr(self, f"_{kind}")
                faults.create_task(action())  # type: ignore[arg-type]
                await asyncio.sleep(self._rng.expovariate(1 / pause_seconds))

    @asynccontextmanager
    async def _noted(self, kind: str, target: str, **more: Any) -> AsyncIterator[None]:
        self.counts[kind] += 1
        began = time.time()
        # Written before and after: the auditor asks what was broken when a request ran.
        try:
            yield
        finally:
            self._world.faults.add(e=kind, target=target, began=began, **more)

    def _take(self, name: str) -> bool:
        if name in self._busy:
            return False
        self._busy.add(name)
        return True

    def _gateway(self) -> Gateway | None:
        """Return a gateway that runs, and that no other fault has: mostly one that has got to work since its start."""
        least = self._rng.choice((0, 1, 2, 5))
        free = [
            gateway
            for gateway in self._world.gateways
            if gateway.runs and gateway.name not in self._busy and gateway.served >= least
        ]
        return self._rng.choice(free) if free else None

    def _pause(self) -> float:
        return self._rng.choice((0.0, 0.0, self._rng.uniform(0, 0.5), self._rng.uniform(0.5, 1.5)))

    async def _kill_gateway(self) -> None:
        gateway = self._gateway()
        if gateway and self._take(gateway.name):
            self._world.pauses[gateway.name] = self._pause()
            async with self._noted("kill_gateway", gateway.name, lost_disk=gateway.loses_disk):
                await gateway.kill()
            self._busy.discard(gateway.name)

    async def _freeze_gateway(self) -> None:
        await self._freeze_process(self._rng.uniform(0.1, LEASE_SECONDS / 2))

    async def _freeze_gateway_long(self) -> None:
        await self._freeze_process(self._rng.uniform(LEASE_SECONDS + 0.2, LEASE_SECONDS + 2))

    async def _freeze_process(self, seconds: float) -> None:
        gateway = self._gateway()
        if gateway is None or not self._take(gateway.name):
            return
        dies = self._rng.random() < 0.2
        kind = "freeze_gateway" if seconds < LEASE_SECONDS else "freeze_gateway_long"
        async with self._noted(kind, gateway.name, seconds=seconds):
            gateway.send(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            if dies:
                async with self._noted("kill_gateway", gateway.name, lost_disk=gateway.loses_disk):
                    await gateway.kill()
            else:
                gateway.send(signal.SIGCONT)
        self._busy.discard(gateway.name)

    async def _kill_upstream(self) -> None:
        upstream = self._world.upstream
        if upstream.runs and self._take("upstream"):
            self._world.pauses["upstream"] = self._pause()
            async with self._noted("kill_upstream", "upstream"):
                await upstream.kill()
            self._busy.discard("upstream")

    async def _freeze_upstream(self) -> None:
        upstream = self._world.upstream
        if upstream.runs and self._take("upstream"):
            async with self._noted("freeze_upstream", "upstream"):
                upstream.send(signal.SIGSTOP)
                await asyncio.sleep(self._rng.uniform(0.2, 2))
                upstream.send(signal.SIGCONT)
            self._busy.discard("upstream")

    async def _kill_valkey(self) -> None:
        if not self._take("valkey"):
            return
        valkey, loss = self._world.valkey, ""
        if self._forgetful:
            loss = self._rng.choice(("", "_empty", "_second"))
        async with self._noted(f"kill_valkey{loss}", "valkey"):
            valkey.kill()
            await asyncio.sleep(self._pause())
            if loss:
                await self._forget(loss)
            await valkey.restart()
        self._busy.discard("valkey")

    async def _forget(self, loss: str) -> None:
        await asyncio.sleep(0.05)  # the kernel has buried it by then
        if loss == "_empty":
            self._world.valkey.forget_everything()
        else:
            self._world.valkey.forget_a_second()

    async def _kill_postgres(self) -> None:
        if not self._take("postgres"):
            return
        postgres = self._world.postgres
        async with self._noted("kill_postgres", "postgres"):
            postgres.kill(group=self._rng.random() < 0.5)
            await asyncio.sleep(self._pause())
            await postgres.restart()
        self._busy.discard("postgres")

    async def _freeze_valkey(self) -> None:
        await self._freeze_store(self._world.valkey, self._rng.choice((0.3, 1.0, LEASE_SECONDS + 0.5)))

    async def _freeze_postgres(self) -> None:
        await self._freeze_store(self._world.postgres, self._rng.choice((0.3, 1.0, 3.0)))

    async def _freeze_store(self, store: Store, seconds: float) -> None:
        if self._take(store.name):
            async with self._noted(f"freeze_{store.name}", store.name):
                store.freeze()
                await asyncio.sleep(seconds)
                store.thaw()
            self._busy.discard(store.name)

    def _link(self) -> Link | None:
        links = [link for gateway in self._world.gateways for link in gateway.links.values()]
        link = self._rng.choice(links)
        return link if self._take(link.name) else None

    async def _cut(self) -> None:
        if link := self._link():
            async with self._noted("cut", link.name):
                link.cut()
            self._busy.discard(link.name)

    async def _down(self) -> None:
        if link := self._link():
            async with self._noted("down", link.name), link.down():
                await asyncio.sleep(self._rng.uniform(0.2, 1.5))
            self._busy.discard(link.name)

    async def _slow(self) -> None:
        if link := self._link():
            async with self._noted("slow", link.name), link.slow(self._rng.uniform(0.02, 0.3)):
                await asyncio.sleep(self._rng.uniform(0.5, 2))
            self._busy.discard(link.name)

    async def _silent(self) -> None:
        if link := self._link():
            lose = self._rng.random() < 0.5
            async with self._noted("silent", link.name), link.silent(lose=lose):
                await asyncio.sleep(self._rng.choice((0.3, 1.0, LEASE_SECONDS + 1)))
            self._busy.discard(link.name)
