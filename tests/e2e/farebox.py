"""Farebox as a user runs it: the installed command, its own state directory, embedded servers, plain HTTP."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from tests.waiting import eventually_now

COMMAND = Path(sys.executable).parent / "farebox"
START_SECONDS_MAX = 60
# The real model server, by its address, and the model that it serves.
TINY = """
[providers.llama]
kind = "openai"
base_url = "{url}/v1"
api_key_env = ""

[models.tiny]
provider = "llama"
encoding = "cl100k_base"
context_tokens = 4096
max_completion_tokens = 4000
default_hold_tokens = 256
"""


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


CLIENTS: list[openai.OpenAI] = []
"""The clients of the running test: what is left to the garbage collector is a warning of another test."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account with one key."""

    farebox: "Farebox"
    id: str
    key: str
    pack_id: str

    def client(self) -> openai.OpenAI:
        """Return the official client, which tries nothing twice; it is closed after the test."""
        client = openai.OpenAI(base_url=f"{self.farebox.url}/v1", api_key=self.key, max_retries=0, timeout=60)
        CLIENTS.append(client)
        return client

    def async_client(self) -> openai.AsyncOpenAI:
        """Return its asynchronous sister."""
        return openai.AsyncOpenAI(base_url=f"{self.farebox.url}/v1", api_key=self.key, max_retries=0, timeout=60)

    def balance(self) -> dict[str, Any]:
        """Return the balance, as an admin sees it."""
        found: dict[str, Any] = self.farebox.admin("GET", f"/accounts/{self.id}/balance")
        return found

    def at_rest(self) -> dict[str, Any]:
        """Return the balance when nothing is held any more."""
        return eventually_now(lambda: balance if not (balance := self.balance())["reserved"] else None) or {}

    def event(self, request_id: str) -> dict[str, Any]:
        """Return a request's usage event when it is booked."""
        (event,) = eventually_now(lambda: self.rows("/events", request_id=request_id))
        return event

    def rows(self, path: str, **filters: str) -> list[dict[str, Any]]:
        """Return all rows of a list that are this account's."""
        query = "&".join(
            f"{name}={value}" for name, value in {"account_id": self.id, "limit": "1000", **filters}.items()
        )
        page = self.farebox.admin("GET", f"{path}?{query}")
        assert page["next_cursor"] is None
        rows: list[dict[str, Any]] = page["data"]
        return rows


class Farebox:
    """One installation, started and stopped as often as a test likes."""

    def __init__(self, folder: Path, config: str) -> None:
        self._state_dir = folder / "state"
        self._config = folder / "farebox.toml"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.configure(config)

    def configure(self, config: str) -> None:
        """Write its configuration, below ``[server]`` with its port; it is read when it starts, or reloads."""
        self._config.write_text(f"[server]\nport = {self._port}\n{config}")

    def reload(self, config: str) -> None:
        """Tell it of another configuration."""
        assert self._process is not None
        self.configure(config)
        self._process.send_signal(signal.SIGHUP)

    def start(self) -> None:
        """Start it; return when it serves."""
        with self._log.open("ab") as log:
            # Whoever runs the tests may ignore SIGHUP, as under nohup, and a child inherits that.
            before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
            self._process = subprocess.Popen(self.command("serve"), stdout=log, stderr=log, env=self.environ())
            signal.signal(signal.SIGHUP, before)
        eventually_now(self._is_ready, seconds=START_SECONDS_MAX)

    def stop(self) -> None:
        """Stop it as Ctrl-C does; fail unless it ends properly."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(40) == 0, self.log()
        self._process = None

    def kill(self) -> None:
        """End it at once, with nothing put in order."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def clean_up(self) -> None:
        """Leave nothing running."""
        if self._process is not None:
            self.stop()

    def audit(self) -> tuple[int, dict[str, Any]]:
        """Run ``farebox audit``; return its exit status and its report."""
        done = subprocess.run(
            self.command("audit"), capture_output=True, text=True, check=False, timeout=60, env=self.environ()
        )
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, report

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """Call the admin API with the key that the first start has left."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/admin/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.admin_key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - our own address
            return json.load(response)

    def account(self, size: int, **settings: Any) -> Account:
        """Make an account with a key and a pack."""
        account_id = self.admin("POST", "/accounts", {"name": "e2e", **settings})["id"]
        key = self.admin("POST", f"/accounts/{account_id}/keys", {"name": "k", "user_id": "u1"})["key"]
        pack = self.admin("POST", f"/accounts/{account_id}/packs", {"size": size})
        return Account(farebox=self, id=account_id, key=key, pack_id=pack["id"])

    def run(self, *words: str) -> Any:
        """Run a command of the admin API; return what it prints."""
        command = [str(COMMAND), *words, "--json", "--config", str(self._config), "--state-dir", str(self._state_dir)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=self.environ())
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def admin_key(self) -> str:
        """The key that the first start has made for platform admins."""
        return (self._state_dir / "admin.key").read_text().strip()

    @property
    def demo_key(self) -> str:
        """The key of the account that the first start has made."""
        return (self._state_dir / "demo.key").read_text().strip()

    @property
    def database_url(self) -> str:
        """Where its embedded Postgres is while it runs."""
        home = self._state_dir / "postgres"
        password, port = ((home / name).read_text().strip() for name in ("password", "port"))
        return f"postgresql://farebox:{password}@127.0.0.1:{port}/postgres"

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=20) as response:  # noqa: S310 - our own address
            lines = response.read().decode().splitlines()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        found = [line for line in lines if re.match(rf"{name}[ {{]", line) and all(label in line for label in wanted)]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def workers(self) -> list[int]:
        """Return the processes that serve, when there are several."""
        assert self._process is not None
        told = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self._process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(line.split()[0]) for line in told.stdout.splitlines() if "farebox serve --config" in line]

    def told(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of its log about something."""
        lines = [line for line in self._log.read_text().splitlines() if f'"{event}"' in line]
        return [json.loads(line) for line in lines]

    def log(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text()[-50_000:]

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:  # noqa: S310 - our own address
                return bool(response.status == 200)
        except OSError:
            return False

    def command(self, name: str) -> list[str]:
        """Return how a command is run on this installation."""
        return [str(COMMAND), name, "--config", str(self._config), "--state-dir", str(self._state_dir)]

    def environ(self) -> dict[str, str]:
        """Return an environment without the settings of whoever runs the tests."""
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FAREBOX_") and not name.upper().endswith("_PROXY") and name != "OPENAI_API_KEY"
        }
