"""Gateway processes and the upstream: started by a fork, killed, frozen, started again."""

import asyncio
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from gateway.embedded.ports import usable_port
from tests.faults import terms
from tests.faults.proxy import Link
from tests.faults.stores import Store

ROOT = Path(__file__).parents[2]
RESTART_SECONDS = 0.2  # after an end of its own: a database that is away refuses a start
CONFIG = """
[server]
port = {port}
log_requests = false
drain_seconds = 5

[meter]
lease_seconds = {lease}
renew_seconds = {renew}
sweep_seconds = {sweep}
request_seconds_max = {request}
expiry_seconds = 0.5

[redis]
url = "{redis}"
timeout_seconds = {redis_seconds}
durability = "strict"

[postgres]
url = "{postgres}"
timeout_seconds = 2.0

[auth]
admin_key = "{admin_key}"
cache_seconds = 1.0

[upstream]
connect_seconds_max = 1.0
idle_seconds_max = 3.0

[demo]
enabled = false

[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
api_key_env = ""
"""
MODEL = """
[models.{name}]
provider = "up"
context_tokens = 16000
max_completion_tokens = {longest}
default_hold_tokens = {first_hold}
rates = {{ prompt = {prompt}, completion = {completion} }}
"""


def at_port(url: str, port: int) -> str:
    """Return a URL with another port."""
    parts = urlsplit(url)
    user = f"{parts.username or ''}:{parts.password}@" if parts.password else ""
    return urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{port}"))


def tied_to_parent() -> None:
    """Die with whoever started us."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """One process that is to run, whatever happens to it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.pid = 0
        self.starts = 0
        self._pidfd = -1

    @property
    def runs(self) -> bool:
        """Whether it lives."""
        return self._pidfd >= 0 and not select.select([self._pidfd], [], [], 0)[0]

    def watch(self, pid: int) -> None:
        """Take a process that was just started."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        self.pid = pid
        self.starts += 1
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return

    def send(self, number: signal.Signals) -> None:
        """Send a signal, to this very process and no later one of its number."""
        if self._pidfd >= 0:
            try:
                signal.pidfd_send_signal(self._pidfd, number)
            except ProcessLookupError:
                return

    async def kill(self) -> None:
        """End it at once; return when it is gone."""
        if not self.runs:
            return
        process = os.dup(self._pidfd)  # the next one takes its place as soon as it is gone
        try:
            self.send(signal.SIGKILL)
            while not select.select([process], [], [], 0)[0]:  # noqa: ASYNC110 - the kernel sends no Event
                await asyncio.sleep(0.002)
        finally:
            os.close(process)

    def start(self) -> None:
        """Start it."""
        raise NotImplementedError


class Zygote:
    """Forks gateways."""

    def __init__(self, folder: Path) -> None:
        with (folder / "zygote.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.zygote"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")},
                preexec_fn=tied_to_parent,  # noqa: PLW1509 - it must not outlive us
            )

    def fork(self, **order: str) -> int:
        """Return the process id of a new gateway."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Gateway(Process):
    """A gateway with links of its own, on a disk that it shares, has alone, or loses with each death."""

    def __init__(self, name: str, folder: Path, zygote: Zygote, disk: Path) -> None:
        super().__init__(name, folder)
        self.disk = disk
        self.loses_disk = False
        self.served = 0  # answers since its start: one that never gets to work is not worth a kill
        self.port = usable_port(None)
        self.links: dict[str, Link] = {}
        self.config = folder / f"{name}.toml"
        self._zygote = zygote

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    async def connect(self, postgres: Store, valkey: Store, upstream_port: int) -> None:
        """Make its links, and write its configuration."""
        for kind, port in (("postgres", postgres.port), ("valkey", valkey.port), ("upstream", upstream_port)):
            link = self.links[kind] = Link(f"{self.name}-{kind}", port)
            await link.start()
        text = CONFIG.format(
            port=self.port,
            lease=terms.LEASE_SECONDS,
            renew=terms.RENEW_SECONDS,
            sweep=terms.SWEEP_SECONDS,
            request=terms.REQUEST_SECONDS_MAX,
            redis=at_port(valkey.url, self.links["valkey"].port),
            redis_seconds=terms.REDIS_SECONDS,
            postgres=at_port(postgres.url, self.links["postgres"].port),
            admin_key=terms.ADMIN_KEY,
            upstream=self.links["upstream"].port,
        )
        for model, card in terms.MODELS.items():
            text += MODEL.format(
                name=model,
                longest=card.longest,
                first_hold=card.first_hold,
                prompt=card.prompt,
                completion=card.completion,
            )
        self.config.write_text(text)

    def start(self) -> None:
        """Fork it; where its disk was lost, on an empty one."""
        if self.loses_disk:
            shutil.rmtree(self.disk, ignore_errors=True)
        self.served = 0
        order = {"config": str(self.config), "state_dir": str(self.disk), "log": str(self.log)}
        self.watch(self._zygote.fork(**order))


class Upstream(Process):
    """The model server."""

    def __init__(self, folder: Path, zygote: Zygote) -> None:
        super().__init__("upstream", folder)
        self.port = usable_port(None)
        self.record = folder / "upstream.jsonl"
        self._zygote = zygote

    def start(self) -> None:
        """Fork it."""
        self.watch(self._zygote.fork(port=str(self.port), record=str(self.record), log=str(self.log)))
