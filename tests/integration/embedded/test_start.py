"""Cold and warm starts, and what is started at all."""

import os
import socket
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio as redis

from gateway.embedded import EmbeddedServers, Endpoints
from gateway.embedded.process import command_of
from tests.integration.embedded.case import KINDS, embedded, pid_of, remember, remembered


async def test_cold_start_gives_two_stores_that_keep_what_they_are_told(state_dir: Path) -> None:
    with embedded(state_dir) as endpoints:
        await remember(endpoints, 1)
        assert await remembered(endpoints) == ([1], [1])
        async with redis.from_url(endpoints.redis_url, protocol=2, decode_responses=True) as client:
            settings = await client.config_get("appendonly", "appendfsync", "save", "maxmemory-policy", "bind")
    assert settings == {
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


async def test_warm_start_keeps_data_ports_and_passwords(state_dir: Path) -> None:
    with embedded(state_dir) as endpoints:
        await remember(endpoints, 1)
    with embedded(state_dir) as again:
        assert again == endpoints
        assert await remembered(again) == ([1], [1])


async def test_both_servers_refuse_a_wrong_password(state_dir: Path) -> None:
    with embedded(state_dir) as endpoints:
        password = (state_dir / "postgres" / "password").read_text()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(endpoints.database_url.replace(password, "wrong"))
        password = (state_dir / "valkey" / "password").read_text()
        async with redis.from_url(endpoints.redis_url.replace(password, "wrong"), protocol=2) as client:
            with pytest.raises(redis.AuthenticationError):
                await client.ping()


def test_passwords_are_private_and_in_no_command_line(state_dir: Path) -> None:
    with embedded(state_dir) as endpoints:
        for kind in KINDS:
            path = state_dir / kind / "password"
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.read_text() not in command_of(pid_of(state_dir, kind))
            assert path.read_text() not in repr(endpoints)


def test_interrupt_in_the_terminal_does_not_reach_the_servers_first(state_dir: Path) -> None:
    with embedded(state_dir):
        for kind in KINDS:
            assert os.getsid(pid_of(state_dir, kind)) != os.getsid(0)


def test_given_urls_are_passed_through_and_nothing_is_touched(state_dir: Path) -> None:
    servers = EmbeddedServers(state_dir=state_dir, database_url="postgresql://h/d", redis_url="redis://h")
    with servers as endpoints:
        assert endpoints == Endpoints(database_url="postgresql://h/d", redis_url="redis://h")
        assert servers.tend() == ()
    assert not state_dir.exists()


def test_only_the_store_without_a_url_is_started(state_dir: Path) -> None:
    servers = EmbeddedServers(state_dir=state_dir, database_url="postgresql://h/d", redis_url=None)
    with servers as endpoints:
        assert endpoints.database_url == "postgresql://h/d"
        assert endpoints.redis_url.startswith("redis://:")
    assert not (state_dir / "postgres").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_taken_port_is_left_for_another(state_dir: Path, kind: str) -> None:
    with embedded(state_dir) as endpoints:
        pass
    taken = int((state_dir / kind / "port").read_text())
    with socket.create_server(("127.0.0.1", taken)), embedded(state_dir) as again:
        assert again != endpoints
        assert int((state_dir / kind / "port").read_text()) != taken


def test_stop_twice_is_harmless_and_leaves_nothing(state_dir: Path) -> None:
    servers = embedded(state_dir)
    servers.start()
    pids = [pid_of(state_dir, kind) for kind in KINDS]
    servers.stop()
    servers.stop()
    assert [command_of(pid) for pid in pids] == ["", ""]
