"""What the tests of the embedded servers do again and again."""

import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import redis.asyncio as redis

from gateway.embedded import EmbeddedServers, Endpoints
from gateway.embedded.identity import run_identity
from gateway.embedded.process import command_of

ROOT = Path(__file__).parents[3]
SECONDS_MAX = 20.0
KINDS = ("postgres", "valkey")

FAREBOX = """
import sys
from pathlib import Path
from gateway.embedded import EmbeddedServers
EmbeddedServers(state_dir=Path(sys.argv[1]), database_url=None, redis_url=None).start()
print("started", flush=True)
sys.stdin.read()
"""
"""A process that starts the servers and then waits to be killed."""


def embedded(state_dir: Path) -> EmbeddedServers:
    return EmbeddedServers(state_dir=state_dir, database_url=None, redis_url=None)


def pid_of(state_dir: Path, kind: str) -> int:
    return int((state_dir / kind / "pid").read_text())


def await_end(pid: int) -> None:
    """Return when the process is gone; fail when it stays."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], SECONDS_MAX)[0], f"{command_of(pid)} still runs"
    finally:
        os.close(descriptor)


async def remember(endpoints: Endpoints, value: int) -> None:
    """Write a value to both stores."""
    connection = await asyncpg.connect(endpoints.database_url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value bigint)")
    await connection.execute("INSERT INTO kept VALUES ($1)", value)
    await connection.close()
    async with redis.from_url(endpoints.redis_url, protocol=2) as client:
        await client.rpush("kept", value)


async def remembered(endpoints: Endpoints) -> tuple[list[int], list[int]]:
    """Read what both stores kept."""
    connection = await asyncpg.connect(endpoints.database_url)
    rows = [row["value"] for row in await connection.fetch("SELECT value FROM kept ORDER BY value")]
    await connection.close()
    async with redis.from_url(endpoints.redis_url, protocol=2) as client:
        return rows, [int(value) for value in await client.lrange("kept", 0, -1)]


def start_farebox(state_dir: Path) -> "subprocess.Popen[bytes]":
    """Start a process that starts the servers, and return when they run."""
    parent = subprocess.Popen(
        [sys.executable, "-c", FAREBOX, state_dir],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    return parent


def kill_farebox(parent: "subprocess.Popen[bytes]") -> None:
    parent.kill()
    parent.communicate()


def give_away(state_dir: Path) -> None:
    subprocess.run(["chown", "-R", "1:1", state_dir], check=True)


def as_nobody(check: Callable[[], None]) -> None:
    """Run a check in a forked child that has become the unprivileged user.

    A new interpreter would not do: root's own may be in a folder that others can't enter.
    """
    identity = run_identity()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(identity.gid)
            os.setuid(identity.uid)
            check()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
