"""What differs between the two servers; ``supervised.py`` has what they share."""

import signal
from typing import Protocol

from gateway.embedded.process import Command


class Recipe(Protocol):
    """How to make, start and recognise one kind of server."""

    name: str
    """As people write it: "Postgres"."""

    stop_signal: signal.Signals
    """Ends the server soon, with everything on disk."""

    start_seconds_max: float
    """How long it may read its logs after a crash."""

    def prepare(self) -> None:
        """Make what a first start needs; does nothing at the next."""

    def command(self, port: int) -> Command:
        """Return what to start; called once before each start, when no server is running."""

    def is_ready(self, pid: int, port: int) -> bool:
        """Tell whether the child ``pid``, and no stale file of an earlier one, takes connections."""

    def url(self, port: int) -> str:
        """Return where it is reached, password included."""
