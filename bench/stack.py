"""What the benchmarks run on: embedded Postgres and Valkey with accounts in them, and the servers to be measured."""

import contextlib
import hashlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg

from bench import chat
from bench.machine import end, pin
from gateway.embedded import EmbeddedServers, Endpoints
from metering.ids import new_id
from metering.migrate import migrate

HERE = Path(__file__).parent
LISTEN_SECONDS_MAX = 60.0
PACK_TOKENS = 2**50
GATEWAY = (sys.executable, "-m", "gateway.cli")

CONFIG = """
[server]
port = {port}

[providers.bench]
kind = "openai"
base_url = "{upstream}/v1"
api_key_env = ""

[providers.bench-paced]
kind = "openai"
base_url = "{upstream}/paced/v1"
api_key_env = ""

[models.bench]
provider = "bench"

[models.bench-paced]
provider = "bench-paced"
upstream_model = "bench"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account with a pack that no benchmark can empty."""

    account_id: str
    pack_id: str
    key: str


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[Endpoints]:
    """Run both servers, with everything that a durable ledger needs switched on."""
    folder.chmod(0o711)  # as root the servers run as another user, who must get there
    with EmbeddedServers(state_dir=folder / "servers", database_url=None, redis_url=None) as endpoints:
        yield endpoints


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Lend a folder."""
    with tempfile.TemporaryDirectory(prefix="farebox-bench-") as folder:
        yield Path(folder)


async def open_accounts(database_url: str, count: int) -> list[Account]:
    """Migrate, and make accounts, each with a key and a pack."""
    await migrate(database_url)
    connection = await asyncpg.connect(database_url)
    try:
        return [await _open_account(connection) for _ in range(count)]
    finally:
        await connection.close()


async def _open_account(connection: "asyncpg.Connection[asyncpg.Record]") -> Account:
    account = Account(account_id=new_id(), pack_id=new_id(), key="fbx_" + secrets.token_urlsafe(32))
    await connection.execute("INSERT INTO accounts (account_id, name) VALUES ($1, 'bench')", account.account_id)
    await connection.execute(
        "INSERT INTO api_keys (key_id, account_id, user_id, name, digest, prefix) VALUES ($1, $2, 'u1', 'k', $3, $4)",
        new_id(),
        account.account_id,
        hashlib.sha256(account.key.encode()).digest(),
        account.key[:12],
    )
    await connection.fetch(
        "SELECT * FROM grant_pack($1, $2, 'tokens', $3, FALSE, 50, NULL, NULL, '', NULL, 'grant')",
        account.pack_id,
        account.account_id,
        PACK_TOKENS,
    )
    return account


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """A server process of ours on a port of its own, on the cores that it was given."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def pid(self) -> int:
        """The process that is measured."""
        return self.process.pid

    def wait_listening(self) -> None:
        """Return when it takes connections. Raises RuntimeError with the end of its log when it does not."""
        deadline = time.monotonic() + LISTEN_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self._log.name}: it does not listen:\n{self._log.read_text()[-2000:]}")


class Servers:
    """Starts server processes, and stops them all at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            end(process)

    def upstream(self, *, pace_ms: float, cores: frozenset[int]) -> Server:
        """Start the fake upstream."""
        port = free_port()
        command = [sys.executable, str(HERE / "upstream.py"), "--port", str(port), "--pace-ms", str(pace_ms)]
        return self._start("upstream", command, port, cores)

    def bare(self, *, upstream: Server | None, cores: frozenset[int]) -> Server:
        """Start the bare proxy, or the bare server."""
        port = free_port()
        command = [sys.executable, str(HERE / "bare_proxy.py"), "--port", str(port)]
        if upstream:
            command += ["--upstream", f"http://127.0.0.1:{upstream.port}"]
        return self._start("bare-proxy" if upstream else "bare-server", command, port, cores)

    def gateway(  # noqa: PLR0913 - what a start needs
        self,
        *,
        upstream: Server,
        endpoints: Endpoints,
        cores: frozenset[int],
        name: str = "gateway",
        port: int | None = None,
        more: str = "",
    ) -> Server:
        """Start a gateway as a user does: one process, its log to a file. ``more`` is added to its configuration."""
        port = port or free_port()
        config = self._folder / f"{name}.toml"
        config.write_text(CONFIG.format(port=port, upstream=f"http://127.0.0.1:{upstream.port}") + more)
        state = self._folder / name
        command = [*GATEWAY, "serve", "--config", str(config), "--state-dir", str(state)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
        environment |= {"FAREBOX_DATABASE_URL": endpoints.database_url, "FAREBOX_REDIS_URL": endpoints.redis_url}
        return self._start(name, command, port, cores, environment)

    def _start(
        self, name: str, command: list[str], port: int, cores: frozenset[int], environment: dict[str, str] | None = None
    ) -> Server:
        log = self._folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=HERE.parent)
        self._running.append(process)
        pin(process.pid, cores)
        server = Server(process, port, log)
        server.wait_listening()
        return server


def path_of(*, paced: bool) -> str:
    """Return the path that the bare proxy is asked for; the gateway has a model for it instead."""
    return "/paced/v1/chat/completions" if paced else "/v1/chat/completions"


def body_for_gateway(body: bytes, *, paced: bool) -> bytes:
    """Return the body that makes the gateway ask the same of the upstream."""
    return body.replace(b'"model":"%b"' % chat.MODEL.encode(), b'"model":"bench-paced"') if paced else body
