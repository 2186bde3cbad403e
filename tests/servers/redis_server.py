"""Redis and Valkey servers of a test's own, alone or as a cluster."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis
from redis.exceptions import RedisError

from gateway.embedded.binaries import find_valkey
from gateway.embedded.identity import run_identity
from gateway.embedded.ports import usable_port
from gateway.embedded.process import _tie_to_parent
from metering.core.slots import SLOTS, slot_of
from metering.keys import bucket_of
from tests.servers.debian import Program
from tests.waiting import eventually_now

MASTERS = 3
NODE_TIMEOUT_MS = 1000
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def valkey_program(copies: Path) -> Program:
    """Return the embedded Valkey."""
    return Program(find_valkey(copies, run_identity()), {})


class RedisServer:
    """One server on a port of its own, that writes every command down before it answers."""

    def __init__(self, program: Program, folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = usable_port(None)
        self._program = program
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"redis://{self.address}/0"

    def client(self) -> "redis.Redis":
        """Return a client of this server alone."""
        return redis.Redis(port=self.port, protocol=2)

    def start(self) -> None:
        """Start it, and return when it answers."""
        place = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--logfile", "log")
        self._process = subprocess.Popen(
            [self._program.path, *place, *DURABLE, *self._options],
            env=self._program.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            preexec_fn=_tie_to_parent(signal.SIGKILL),  # noqa: PLW1509 - so that none outlives a killed run
        )
        eventually_now(self._answers)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def kill(self) -> None:
        """End it at once."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Lose all data; a node of a cluster stays the node that it was."""
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)

    def info(self, section: str) -> dict[str, object]:
        """Return a section of what it says of itself."""
        with self.client() as client:
            return client.info(section)

    def call(self, *command: str | int) -> "object":
        """Send one command."""
        with self.client() as client:
            return client.execute_command(*command)


class Cluster:
    """Three masters, made by commands alone, and replicas for those that get one."""

    def __init__(self, program: Program, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self.masters = [self._node(f"m{number}") for number in range(MASTERS)]
        self.replicas: list[RedisServer] = []

    @property
    def url(self) -> str:
        """The URL of the whole."""
        return f"redis+cluster://{','.join(node.address for node in self.masters)}"

    def _node(self, name: str) -> RedisServer:
        options = ("--cluster-enabled", "yes", "--cluster-port", str(usable_port(None)))
        limits = ("--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--cluster-require-full-coverage", "no")
        return RedisServer(self._program, self._folder / name, *options, *limits, "--repl-diskless-sync-delay", "0")

    def start(self) -> None:
        """Start the masters, give each a third of the slots, and return when they agree."""
        for number, node in enumerate(self.masters):
            node.start()
            first, after = (SLOTS * place // MASTERS for place in (number, number + 1))
            node.call("CLUSTER", "ADDSLOTSRANGE", first, after - 1)
            node.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.masters[1:]:
            self._meet(node)
        eventually_now(self.agrees)

    def _meet(self, node: RedisServer) -> None:
        one = self.masters[0]
        bus = one._options[one._options.index("--cluster-port") + 1]
        node.call("CLUSTER", "MEET", "127.0.0.1", one.port, bus)

    def agrees(self) -> bool:
        """Tell whether every living node finds every slot served."""
        infos = [str(node.call("CLUSTER", "INFO")) for node in self._living()]
        known = f"cluster_known_nodes:{len(self.masters) + len(self.replicas)}"
        return all("cluster_state:ok" in info and f"slots_ok:{SLOTS}" in info and known in info for info in infos)

    def _living(self) -> list[RedisServer]:
        return [node for node in (*self.masters, *self.replicas) if node._process]

    def add_replica(self, master: RedisServer) -> RedisServer:
        """Give a master a replica, and return it when it has everything."""
        replica = self._node(f"r{len(self.replicas)}")
        replica.start()
        self._meet(replica)
        self.replicas.append(replica)
        eventually_now(self.agrees)
        replica.call("CLUSTER", "REPLICATE", self.id_of(master))
        eventually_now(lambda: self.replicates(replica, master))
        eventually_now(self.agrees)
        return replica

    def replicates(self, replica: RedisServer, master: RedisServer) -> bool:
        """Tell whether a node has all that another has, and every living node knows it for its replica.

        They hear of it by gossip, later than the master sends its data: until then they give it no vote, and the
        master ignores its CLUSTER FAILOVER.
        """
        about = f"slave {self.id_of(master)}"
        tables = [_text(node.call("CLUSTER", "NODES")) for node in self._living()]
        lines = [line for table in tables for line in table.splitlines() if line.startswith(self.id_of(replica))]
        linked = replica.info("replication").get("master_link_status") == "up"
        return linked and len(lines) == len(tables) and all(about in line for line in lines)

    def id_of(self, node: RedisServer) -> str:
        """Return a node's id."""
        return _text(node.call("CLUSTER", "MYID"))

    def master_of(self, account_id: str) -> RedisServer:
        """Return the master that has an account's slot at the start."""
        slot = slot_of(bucket_of(account_id))
        return next(node for n, node in enumerate(self.masters) if slot < SLOTS * (n + 1) // MASTERS)

    def flush(self) -> None:
        """Empty every master."""
        for node in self.masters:
            node.call("FLUSHALL")

    def stop(self) -> None:
        """End all nodes."""
        for node in (*self.masters, *self.replicas):
            node.kill()


def _text(reply: object) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)


@contextmanager
def own_server(program: Program, folder: Path) -> Iterator[RedisServer]:
    """A running server."""
    server = RedisServer(program, folder)
    with ExitStack() as stack:
        stack.callback(server.kill)
        server.start()
        yield server


@contextmanager
def own_cluster(program: Program, folder: Path) -> Iterator[Cluster]:
    """A running cluster."""
    cluster = Cluster(program, folder)
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start()
        yield cluster
