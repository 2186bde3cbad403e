"""The embedded servers: a Postgres and a Valkey for whoever has none.

They run as children of the gateway, on loopback, with passwords, and die with
it. Only what has no URL is started::

    with EmbeddedServers(state_dir=..., database_url=None, redis_url=None) as endpoints:
        ...  # endpoints.database_url, endpoints.redis_url

Below the state directory::

    lock                     one Farebox at a time
    log/postgres.log  log/valkey.log
    postgres/  valkey/       data/, and beside it lock, password, pid, port
    bin/                     copies of the binaries, only where the run user can't reach the originals
"""

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.servers import EmbeddedServers, Endpoints

__all__ = ["EmbeddedError", "EmbeddedServers", "Endpoints"]
