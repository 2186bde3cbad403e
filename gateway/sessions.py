"""Sessions of the dashboard: a cookie in place of a key.

The cookie is 256 random bits, of which Postgres has the digest. A session is cached like a key, so its end is obeyed at
once where it was made and everywhere within SECONDS_MAX. The token that every change has to bring along
(``X-CSRF-Token``) is derived from the cookie: another site's page can make a browser send the cookie, but can read
neither.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from config.settings import AuthSettings, DashboardSettings
from gateway.errors import ApiError
from metering.books.sessions import SessionRow, SessionRows
from metering.ledger import Ledger

COOKIE = "farebox_session"
CSRF_HEADER = "X-CSRF-Token"
TOKEN_BYTES = 32
CSRF_PURPOSE = b"farebox csrf"
SECONDS_MAX = 5.0  # that a session which was ended elsewhere is still believed, at most
CACHE_MAX = 10_000  # sessions; a token that nobody made is kept too, so that guessing costs Postgres little


@dataclass(frozen=True, slots=True)
class _Cached:
    row: SessionRow | None  # None: there is no such session, or it is over
    until: float  # time.monotonic


class Sessions:
    """Sessions by their tokens."""

    def __init__(self, ledger: Ledger, dashboard: DashboardSettings, auth: AuthSettings) -> None:
        self._ledger = ledger
        self._dashboard = dashboard
        self.cache_seconds = min(auth.cache_seconds, SECONDS_MAX)
        self._rows = self.rows(ledger)
        self._cache: dict[bytes, _Cached] = {}

    def rows(self, ledger: Ledger) -> SessionRows:
        """Return the sessions of a ledger, which may be one transaction."""
        return SessionRows(ledger, idle_seconds=self._dashboard.idle_seconds)

    async def get(self, token: str) -> SessionRow:
        """Return the session of a token. Raises ApiError (401), LedgerDownError."""
        digest = digest_of(token)
        known = self._cache.get(digest)
        if known is None or known.until <= time.monotonic():
            row = await self._rows.find(digest)
            newest = self._cache.get(digest)
            # Where it is another one now, the session was ended while this was on its way, or another was faster.
            known = self._keep(digest, row) if newest is known or newest is None else newest
        if known.row is None:
            raise session_expired()
        return known.row

    def ended(self, token: str) -> None:
        """Believe nothing any more of a session that was ended."""
        self._cache[digest_of(token)] = _Cached(None, inf)

    async def forget_old(self) -> int:
        """Delete sessions that are over; return how many."""
        return await self._rows.forget_old()

    def _keep(self, digest: bytes, row: SessionRow | None) -> _Cached:
        if len(self._cache) >= CACHE_MAX:
            self._cache.clear()
        seconds = self.cache_seconds if row is None else min(self.cache_seconds, row.seconds)
        kept = self._cache[digest] = _Cached(row, time.monotonic() + seconds)
        return kept


def new_token() -> str:
    """Return what the cookie of a new session says."""
    return _text(secrets.token_bytes(TOKEN_BYTES))


def digest_of(token: str) -> bytes:
    """Return what Postgres knows a session, or a key, by."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def csrf_of(token: str) -> str:
    """Return the token that changes have to bring along."""
    return _text(hmac.digest(token.encode(errors="surrogateescape"), CSRF_PURPOSE, "sha256"))


def token_of(headers: Mapping[str, str]) -> str | None:
    """Return the session token that a request's cookies have, or None."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value:
            return value.strip('"')
    return None


def require_csrf(headers: Mapping[str, str], token: str) -> None:
    """Raise ApiError (403) unless the page that sends a request could read the session's token."""
    sent = headers.get(CSRF_HEADER.lower(), "")
    if not hmac.compare_digest(sent.encode(errors="surrogateescape"), csrf_of(token).encode()):
        raise csrf_failed(f"Send the session's csrf_token as {CSRF_HEADER} with everything but a GET.")


def csrf_failed(message: str) -> ApiError:
    """Return a 403."""
    return ApiError(403, message, kind="permission_error", code="csrf_failed", param=CSRF_HEADER)


def session_expired() -> ApiError:
    """Return a 401."""
    return ApiError(
        401, "The session has ended or expired; sign in again.", kind="authentication_error", code="session_expired"
    )


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
