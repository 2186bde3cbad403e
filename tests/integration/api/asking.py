"""Asking a gateway's admin and account APIs."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from gateway.deps import Deps
from tests.conftest import ADMIN_KEY, deps_of
from tests.integration.booking import Booking

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the body as JSON, or as text where it is none."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def error(self) -> dict[str, Any]:
        """The OpenAI error object, which always has its four members."""
        error: dict[str, Any] = self.body["error"]
        assert {"message", "type", "param", "code"} <= error.keys()
        return error


@dataclass(frozen=True, slots=True)
class Api:
    """A gateway that answers."""

    client: "TestClient[web.Request, web.Application]"

    @property
    def deps(self) -> Deps:
        """Its parts."""
        return deps_of(self.client)

    async def ask(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **query: Any
    ) -> Reply:
        """Send a request, as the admin unless headers say otherwise; bytes go as they are."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = ADMIN if headers is None else headers
        if body is not None and not isinstance(body, bytes):
            sent = {"Content-Type": "application/json", **sent}
        async with self.client.request(
            method, path, data=data, headers=sent, params=query, allow_redirects=False
        ) as response:
            text = await response.text()
            kept = {name.lower(): value for name, value in response.headers.items()}
            is_json = response.content_type == "application/json"
            return Reply(response.status, json.loads(text) if is_json else text, kept)

    async def get(self, path: str, **query: Any) -> Reply:
        """Send a GET as the admin."""
        return await self.ask("GET", path, **query)

    async def good(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return the body of an answer that is a success."""
        reply = await self.ask(method, path, body, **query)
        assert reply.status in {200, 201}, reply
        return reply.body

    async def refused(self, method: str, path: str, cases: list[tuple[Any, str]]) -> None:
        """Check that each body is refused with a 400 that names the parameter; one gateway serves them all."""
        for body, param in cases:
            reply = await self.ask(method, path, body)
            assert (reply.status, reply.error["param"]) == (400, param), (body, reply)
            assert reply.error["code"] == "invalid_request", (body, reply)

    async def account(self, **fields: Any) -> str:
        """Create an account; return its id."""
        created: dict[str, Any] = await self.good("POST", "/admin/v1/accounts", {"name": "acme", **fields})
        return str(created["id"])

    async def pack(self, account_id: str, **fields: Any) -> dict[str, Any]:
        """Grant a pack."""
        granted: dict[str, Any] = await self.good("POST", f"/admin/v1/accounts/{account_id}/packs", fields)
        return granted

    async def key(self, account_id: str, **fields: Any) -> dict[str, str]:
        """Create a key; return the headers that carry it."""
        created = await self.good("POST", f"/admin/v1/accounts/{account_id}/keys", fields)
        return {"Authorization": f"Bearer {created['key']}"}

    def booking(self, account_id: str) -> Booking:
        """Return a hand that books requests of an account."""
        return Booking(self.deps.ledger, self.deps.books, account_id)
