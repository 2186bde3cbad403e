"""SHELL: sessions of the dashboard, as rows. Whose they are and how long they are believed is gateway/sessions.py's."""

from typing import NamedTuple

from metering.ids import new_id
from metering.ledger import Ledger

DELETE_MAX = 1000  # rows in one statement
TOUCH_SECONDS_MAX = 60.0  # that a session is used is noted so often, or ten times in the time that it may lie idle


class SessionRow(NamedTuple):
    """A session that is not over: either of an API key (its secret's digest) or of an admin key (its fingerprint).

    ``expires_at`` is RFC 3339; ``seconds`` are left until it is over, if nobody uses it any more.
    """

    session_id: str
    key_digest: bytes | None
    admin: str | None
    expires_at: str
    seconds: float


class SessionRows:
    """Add, find, end, forget those that are over. ``idle_seconds``: one that is not used for so long is over."""

    def __init__(self, ledger: Ledger, *, idle_seconds: float) -> None:
        self._ledger = ledger
        self._idle_seconds = idle_seconds

    async def add(
        self, digest: bytes, *, key_digest: bytes | None, admin: str | None, seconds: float
    ) -> tuple[str, str]:
        """Add a session that lasts so long at most; return its id and its end (RFC 3339)."""
        session_id = new_id()
        return session_id, str(await self._ledger.value("session_add", session_id, digest, key_digest, admin, seconds))

    async def find(self, digest: bytes) -> SessionRow | None:
        """Return a session, and note that it is used. None: there is no such session, or it is over."""
        touch_seconds = min(TOUCH_SECONDS_MAX, self._idle_seconds / 10)
        rows = await self._ledger.rows("session_find", digest, self._idle_seconds, touch_seconds)
        return SessionRow(*rows[0]) if rows else None

    async def end(self, digest: bytes) -> str | None:
        """End a session; return its id, or None when it has ended before."""
        found = await self._ledger.value("session_end", digest)
        return None if found is None else str(found)

    async def forget_old(self) -> int:
        """Forget sessions that are over; return how many."""
        gone = 0
        while count := int(await self._ledger.value("sessions_expire", self._idle_seconds, DELETE_MAX)):
            gone += count
        return gone
