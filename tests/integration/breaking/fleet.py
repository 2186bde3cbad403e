"""Whole gateway processes on one Postgres and one Redis, in front of a scripted upstream: to be killed and stopped."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from config.settings import Settings
from tests.conftest import ADMIN_KEY, Wallet
from tests.e2e.farebox import COMMAND, free_port
from tests.fakes.upstream import ScriptedUpstream
from tests.integration.line import ADMIN, PATH, fields
from tests.waiting import eventually

HERE = Path(__file__).parent
LEASE = 2.0
CONFIG = """
[server]
port = {port}
drain_seconds = 20

[meter]
lease_seconds = {lease}
renew_seconds = 0.5
sweep_seconds = 0.1
progress_seconds = 0.02
expiry_seconds = 0.2
reconcile_seconds = 0.2

[redis]
timeout_seconds = 0.4

[demo]
enabled = false

[providers.up]
kind = "openai"
base_url = "{upstream}"
api_key_env = ""

[models.m]
provider = "up"
upstream_model = "m"

[providers.mute]
kind = "openai"
base_url = "{mute}"
api_key_env = ""

[models.mute]
provider = "mute"
upstream_model = "m"
"""


@dataclass
class Gateway:
    """One ``farebox serve``."""

    url: str
    log: Path
    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it, and to it alone."""
        self.process.send_signal(number)

    async def kill(self) -> None:
        """End it at once, with nothing put in order."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def terminate(self) -> int:
        """Ask it to stop; return its exit status."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 40)

    async def open(self, wallet: Wallet, **changes: Any) -> aiohttp.ClientResponse:
        """Send a request; return when its head has come."""
        body = json.dumps(fields(**changes))
        headers = {**wallet.auth, "Content-Type": "application/json"}
        return await self.session.post(self.url + PATH, data=body, headers=headers)

    async def ask(self, wallet: Wallet, **changes: Any) -> tuple[int, Any]:
        """Send a request that is not streamed; return status and body."""
        async with await self.open(wallet, **changes) as response:
            return response.status, await response.json()

    async def admin(self, method: str, path: str, body: object = None) -> Any:
        """Call the admin API."""
        async with self.session.request(method, f"{self.url}/admin/v1{path}", json=body, headers=ADMIN) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    async def broken(self) -> list[Any]:
        """Return what an audit finds."""
        report = await self.admin("POST", "/audit")
        return [invariant for invariant in report["invariants"] if invariant["broken"]]

    async def reserved(self, wallet: Wallet) -> int:
        """Return what is held of an account."""
        balance = await self.admin("GET", f"/accounts/{wallet.account_id}/balance")
        return int(balance["reserved"])

    async def is_ready(self) -> bool:
        """Return whether it serves."""
        assert self.process.returncode is None, self.log.read_text()[-5000:]
        with suppress(aiohttp.ClientError):
            async with self.session.get(f"{self.url}/readyz") as response:
                return response.status == 200
        return False


@dataclass
class Fleet:
    """Starts gateways; ``disk`` names their state directory: those that share one adopt each other's journals."""

    folder: Path
    settings: Settings
    upstream: ScriptedUpstream
    mute_url: str = "http://127.0.0.1:9"
    gateways: list[Gateway] = field(default_factory=list)
    session: aiohttp.ClientSession = field(init=False)

    async def start(self, disk: str | Path = "a", **environ: str) -> Gateway:
        """Start a gateway; return when it serves."""
        port = free_port()
        config = self.folder / f"{port}.toml"
        config.write_text(CONFIG.format(port=port, lease=LEASE, upstream=self.upstream.url, mute=self.mute_url))
        log = self.folder / f"{port}.log"
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                *(COMMAND, "serve", "--config", config, "--state-dir", self.folder / disk),
                stdout=sink,
                stderr=sink,
                env={**self._environ(), **environ},
            )
        gateway = Gateway(f"http://127.0.0.1:{port}", log, process, self.session)
        self.gateways.append(gateway)
        await eventually(gateway.is_ready, seconds=60)
        return gateway

    def _environ(self) -> dict[str, str]:
        assert self.settings.postgres.url
        assert self.settings.redis.url
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
        return {
            **{name: value for name, value in kept.items() if not name.upper().endswith("_PROXY")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "FAREBOX_DATABASE_URL": self.settings.postgres.url,
            "FAREBOX_REDIS_URL": self.settings.redis.url,
            "FAREBOX_ADMIN_KEY": ADMIN_KEY,
        }

    async def end(self) -> None:
        """Leave nothing running."""
        for gateway in self.gateways:
            await gateway.kill()


@asynccontextmanager
async def fleet_of(folder: Path, settings: Settings, upstream: ScriptedUpstream) -> AsyncIterator[Fleet]:
    """A fleet, and an upstream of https that takes connections and never says a word."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        waiting.append(writer)

    waiting: list[asyncio.StreamWriter] = []
    mute = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    fleet = Fleet(folder, settings, upstream, f"https://127.0.0.1:{mute.sockets[0].getsockname()[1]}/v1")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        fleet.session = session
        try:
            yield fleet
        finally:
            await fleet.end()
            for writer in waiting:
                writer.transport.abort()
            mute.close()
            await mute.wait_closed()
