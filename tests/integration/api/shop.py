"""An account with 100 images, and its member's key."""

from typing import Any

from tests.conftest import settled
from tests.integration.api.asking import Api, Reply

PATH = "/api/v1/reservations"


class Shop:
    """An account with 100 images, and its member's key."""

    def __init__(self, api: Api, account_id: str, key: dict[str, str]) -> None:
        self.api, self.account_id, self.key = api, account_id, key

    async def post(self, path: str = "", body: Any = None, *, api: Api | None = None, **headers: str) -> Reply:
        """Ask a gateway."""
        return await (api or self.api).ask("POST", PATH + path, body, headers={**self.key, **headers})

    async def reserve(self, amount: int = 30, **fields: Any) -> dict[str, Any]:
        """Open a reservation of images."""
        reply = await self.post(body={"resource": "images", "amount": amount, **fields})
        assert reply.status == 201, reply
        opened: dict[str, Any] = reply.body
        return opened

    async def settle(self, opened: dict[str, Any], amount: int, *, api: Api | None = None) -> Reply:
        """Settle it."""
        return await self.post(f"/{opened['id']}/settle", {"amount": amount}, api=api)

    async def images(self) -> tuple[int, int]:
        """Return the balance and what is reserved of it."""
        path = f"/admin/v1/accounts/{self.account_id}/balance"
        found = await self.api.good("GET", path, resource="images")
        return found["balance"], found["reserved"]

    async def events(self) -> list[dict[str, Any]]:
        """Return the account's events."""
        await settled(self.api.client)
        found = await self.api.good("GET", "/admin/v1/events", account_id=self.account_id)
        data: list[dict[str, Any]] = found["data"]
        return data

    async def audit(self) -> None:
        """Fail with what is broken."""
        await settled(self.api.client)
        report = await self.api.good("POST", "/admin/v1/audit")
        assert {one["name"]: one["rows"] for one in report["invariants"] if one["broken"]} == {}

    async def late(self, opened: dict[str, Any], seconds: int) -> None:
        """Let the deadline be so long ago."""
        async with self.api.deps.ledger.connection() as connection:
            await connection.execute(
                "UPDATE reservations SET expires_at = now() - make_interval(secs => $2) WHERE reservation_id = $1",
                opened["id"],
                seconds,
            )
