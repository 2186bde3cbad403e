"""A browser that is signed in: its cookie, and the token that its changes bring along."""

from dataclasses import dataclass
from typing import Any

from tests.integration.api.asking import Api, Reply

PATH = "/api/v1/session"


@dataclass(frozen=True, slots=True)
class Browser:
    """One session; requests carry its cookie, and its token unless they are told not to."""

    api: Api
    session: dict[str, Any]
    cookie: str  # Set-Cookie, whole

    @property
    def cookies(self) -> dict[str, str]:
        """What a browser sends by itself."""
        return {"Cookie": self.cookie.partition(";")[0]}

    @property
    def headers(self) -> dict[str, str]:
        """What the app sends."""
        return {**self.cookies, "X-CSRF-Token": self.session["csrf_token"]}

    async def ask(self, method: str, path: str, body: Any = None, *, api: Api | None = None, **query: Any) -> Reply:
        """Ask as the app does, perhaps another gateway."""
        return await (api or self.api).ask(method, path, body, headers=self.headers, **query)

    async def ended(self, api: Api | None = None) -> bool:
        """Return whether a gateway says that the session is over."""
        reply = await self.ask("GET", PATH, api=api)
        assert reply.status == 200 or (reply.status, reply.error["code"]) == (401, "session_expired"), reply
        return reply.status == 401


async def try_key(api: Api, key: str, **headers: str) -> Reply:
    """Try to sign in with a key."""
    return await api.ask("POST", PATH, {"key": key}, headers=headers)


async def signed_in(api: Api, key: str, **headers: str) -> Browser:
    """Sign in with a key that is good."""
    reply = await try_key(api, key, **headers)
    assert reply.status == 200, reply
    return Browser(api, reply.body, reply.headers["set-cookie"])


async def made(api: Api, account_id: str | None = None, **fields: Any) -> dict[str, Any]:
    """Make a key, and an account for it where none is given."""
    account_id = account_id or await api.account()
    key: dict[str, Any] = await api.good("POST", f"/admin/v1/accounts/{account_id}/keys", fields)
    return key
