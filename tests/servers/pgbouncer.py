"""PgBouncer in transaction mode, in front of a Postgres."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from gateway.embedded.identity import run_identity
from gateway.embedded.ports import usable_port
from gateway.embedded.process import _tie_to_parent
from tests.servers.debian import Program
from tests.waiting import eventually_now

POOL_SIZE = 4
CONFIGURATION = """\
[databases]
* = host={host} port={postgres_port} user={user} password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
server_idle_timeout = 5
logfile = {folder}/log
"""


@contextmanager
def own_pgbouncer(program: Program, database_url: str) -> Iterator[int]:
    """A running PgBouncer; its port. Fewer sessions than clients, so that they really are shared."""
    parts = urlsplit(database_url)
    identity = run_identity()
    port = usable_port(None)
    with tempfile.TemporaryDirectory(prefix="farebox-tests-") as folder:
        path = Path(folder) / "pgbouncer.ini"
        path.write_text(
            CONFIGURATION.format(
                host=parts.hostname,
                postgres_port=parts.port,
                user=parts.username,
                password=parts.password,
                port=port,
                pool_size=POOL_SIZE,
                folder=folder,
            )
        )
        for place in (Path(folder), path):
            os.chown(place, identity.uid, identity.gid)
        process = subprocess.Popen(
            [program.path, path],
            env=program.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=identity.uid if identity.changes else None,
            group=identity.gid if identity.changes else None,
            extra_groups=[] if identity.changes else None,
            preexec_fn=_tie_to_parent(signal.SIGKILL),  # noqa: PLW1509 - so that none outlives a killed run
        )
        try:
            eventually_now(lambda: _listens(port))
            yield port
        finally:
            process.kill()
            process.wait()


def through(port: int, database_url: str) -> str:
    """Return the URL of the same database through PgBouncer."""
    parts = urlsplit(database_url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
