"""Servers and gateways that are killed."""

import os
import signal
from pathlib import Path

import pytest

from tests.integration.embedded.case import (
    KINDS,
    await_end,
    embedded,
    kill_farebox,
    pid_of,
    remember,
    remembered,
    start_farebox,
)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_killed_server_is_started_again_on_the_same_url(state_dir: Path, kind: str) -> None:
    servers = embedded(state_dir)
    try:
        endpoints = servers.start()
        await remember(endpoints, 1)
        assert servers.tend() == ()
        killed = pid_of(state_dir, kind)
        os.kill(killed, signal.SIGKILL)
        while not (started := servers.tend()):
            # Its own children are ending; the lock they hold is what tend() waits for.
            pass
        assert started == (kind.title(),)
        assert pid_of(state_dir, kind) != killed
        servers.stop()
        with embedded(state_dir) as again:
            assert again == endpoints
            assert await remembered(again) == ([1], [1])
    finally:
        servers.stop()


@pytest.mark.parametrize("kind", KINDS)
async def test_start_recovers_what_a_killed_server_had_confirmed(state_dir: Path, kind: str) -> None:
    with embedded(state_dir) as endpoints:
        await remember(endpoints, 1)
        os.kill(pid_of(state_dir, kind), signal.SIGKILL)
    with embedded(state_dir) as endpoints:
        assert await remembered(endpoints) == ([1], [1])


def test_servers_end_when_their_farebox_is_killed(state_dir: Path) -> None:
    parent = start_farebox(state_dir)
    pids = [pid_of(state_dir, kind) for kind in KINDS]
    kill_farebox(parent)
    for pid in pids:
        await_end(pid)


async def test_start_right_after_a_killed_farebox_waits_for_its_servers(state_dir: Path) -> None:
    with embedded(state_dir) as endpoints:
        await remember(endpoints, 1)
    kill_farebox(start_farebox(state_dir))
    with embedded(state_dir) as endpoints:
        await remember(endpoints, 2)
        assert await remembered(endpoints) == ([1, 2], [1, 2])


def test_pid_file_that_names_a_living_stranger_is_no_obstacle(state_dir: Path) -> None:
    with embedded(state_dir):
        os.kill(pid_of(state_dir, "postgres"), signal.SIGKILL)
    pid_file = state_dir / "postgres" / "data" / "postmaster.pid"
    _, _, rest = pid_file.read_text().partition("\n")
    pid_file.write_text(f"{os.getppid()}\n{rest}")
    (state_dir / "postgres" / "pid").write_text(str(os.getpid()))
    with embedded(state_dir):
        assert pid_file.read_text().splitlines()[0] == str(pid_of(state_dir, "postgres"))


def test_interrupted_first_start_is_begun_again(state_dir: Path) -> None:
    draft = state_dir / "postgres" / "data.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    for folder in (state_dir, draft.parent):
        folder.chmod(0o755)
    with embedded(state_dir):
        assert not draft.exists()
