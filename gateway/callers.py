"""Who calls the two APIs: by a key in the headers, else by a session's cookie. Models are served by keys alone."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from http import HTTPStatus

from gateway.auth import FINGERPRINT_CHARS, Authenticator, Principal, key_of
from gateway.errors import ApiError, forbidden, unauthorized
from gateway.sessions import Sessions, require_csrf, session_expired, token_of
from metering.books.sessions import SessionRow

NO_ACCOUNT = "A platform admin's session has no account; sign in with an account's key."
NO_ADMIN = "This is for platform admins; sign in with the admin key."


class Callers:
    """Callers by keys or sessions."""

    def __init__(self, auth: Authenticator, sessions: Sessions, admin_key: str) -> None:
        self._auth = auth
        self._sessions = sessions
        self._admin_key = admin_key.encode()
        self._fingerprint = fingerprint_of(admin_key)

    async def authenticate(
        self, headers: Mapping[str, str], peer: Callable[[], str | None], *, reads: bool = False
    ) -> Principal:
        """Return which account's key or session calls; ``reads``: it changes nothing, wherever it was sent from.

        Raises ApiError (401, 403), LedgerDownError.
        """
        token = None if key_of(headers) else token_of(headers)
        if token is None:
            return await self._auth.authenticate(headers, peer)
        session = await self._session(token, headers, reads=reads)
        if session.key_digest is None:
            raise forbidden(NO_ACCOUNT)
        return await self.principal_of(session, headers, peer)

    async def admin(self, headers: Mapping[str, str], *, reads: bool = False) -> str:
        """Return the fingerprint of the admin key that calls, itself or as a session.

        Raises ApiError (401, 403), LedgerDownError.
        """
        key = key_of(headers)
        token = None if key else token_of(headers)
        if token is not None:
            session = await self._session(token, headers, reads=reads)
            if session.admin is None:
                raise forbidden(NO_ADMIN)
            return session.admin
        if key is None or not self.is_admin_key(key):
            raise unauthorized("The admin key is missing or not valid.")
        return self._fingerprint

    async def session(self, headers: Mapping[str, str], *, reads: bool = False) -> tuple[str, SessionRow]:
        """Return the token and the session of a cookie. Raises ApiError (401, 403), LedgerDownError."""
        token = token_of(headers)
        if token is None:
            raise session_expired()
        return token, await self._session(token, headers, reads=reads)

    async def principal_of(
        self, session: SessionRow, headers: Mapping[str, str], peer: Callable[[], str | None]
    ) -> Principal:
        """Return who a session's key makes its caller: it is as good as the key is. Raises as ``authenticate``."""
        try:
            return await self._auth.authenticate(headers, peer, session.key_digest)
        except ApiError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise session_expired() from error
            raise

    def is_admin_key(self, key: str) -> bool:
        """Return whether a key is the platform's."""
        return hmac.compare_digest(key.encode(errors="surrogateescape"), self._admin_key)

    async def _session(self, token: str, headers: Mapping[str, str], *, reads: bool) -> SessionRow:
        session = await self._sessions.get(token)
        if session.admin is not None and session.admin != self._fingerprint:
            raise session_expired()  # there is another admin key now
        if not reads:
            require_csrf(headers, token)
        return session


def fingerprint_of(key: str) -> str:
    """Return what tells one admin key from another in the trail: 12 hex digits of its SHA-256."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:FINGERPRINT_CHARS]
