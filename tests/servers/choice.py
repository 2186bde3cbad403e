"""The Redis that a run of the tests is about: ``pytest --redis=…``."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests.servers.debian import MissingError, Program, find_redis7
from tests.servers.redis_server import own_cluster, own_server, valkey_program

KINDS = ("valkey", "redis7", "cluster", "redis7-cluster")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A running Redis, and how it is emptied."""

    url: str
    flush: Callable[[], object]


def program_of(kind: str, copies: Path) -> Program:
    """Return the server's program; skips the test when it can't be had."""
    if not kind.startswith("redis7"):
        return valkey_program(copies)
    try:
        return find_redis7()
    except MissingError as error:
        pytest.skip(f"Redis 7.0: {error}")


@contextmanager
def running(kind: str, embedded: Callable[[], str]) -> Iterator[Chosen]:
    """The chosen Redis; ``embedded`` gives the URL of the embedded one."""
    if kind == "valkey":
        with redis.Redis.from_url(embedded()) as client:
            yield Chosen(embedded(), client.flushall)
        return
    with tempfile.TemporaryDirectory(prefix="farebox-tests-") as folder:
        program = program_of(kind, Path(folder) / "copies")
        if kind.endswith("cluster"):
            with own_cluster(program, Path(folder)) as cluster:
                yield Chosen(cluster.url, cluster.flush)
        else:
            with own_server(program, Path(folder)) as server:
                yield Chosen(server.url, lambda: server.call("FLUSHALL"))
