"""Loopback ports that stay the same from start to start."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the range that systems take client ports from (32768 up on Linux, 49152 up
# elsewhere): a client that reconnects while its server is down could be given the
# server's own port, would then talk to itself, and keep the server from coming back.
PORT_LEAST, PORT_MOST = 20_000, 32_000
TRIES = 100


def usable_port(wanted: int | None) -> int:
    """Return the wanted port when nobody uses it, else a free one.

    Raises:
        OSError: no port is free.
    """
    if wanted is not None and _is_free(wanted):
        return wanted
    for _ in range(TRIES):
        port = random.randrange(PORT_LEAST, PORT_MOST)  # noqa: S311 -- spreads servers, keeps no secret
        if _is_free(port):
            return port
    raise OSError(f"no free port on {LOOPBACK} between {PORT_LEAST} and {PORT_MOST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a connection of the last run that lingers is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
