"""Settlements booked directly in the ledger, as gateways would send them, without a gateway."""

import json
import time
from dataclasses import dataclass
from typing import Any

from metering.books import Books
from metering.books.filters import Filters
from metering.books.records import Event, Pack
from metering.ids import new_id
from metering.ledger import Ledger, Settled


@dataclass(frozen=True, slots=True)
class Booking:
    """One account whose requests are booked by hand."""

    ledger: Ledger
    books: Books
    account_id: str

    async def grant(self, size: int | None, **terms: Any) -> Pack:
        """Grant a pack."""
        granted = await self.books.packs.grant(self.account_id, size, **terms)
        assert granted
        return granted[0]

    def row(self, charge: int, **changes: Any) -> dict[str, Any]:
        """Return a settlement; by default its hold was exactly its charge, laid on no pack."""
        prompt = changes.pop("prompt_tokens", charge // 2)
        row: dict[str, Any] = {
            "request_id": new_id(),
            "account_id": self.account_id,
            "reserved_at": time.time_ns() // 1_000_000,
            "user_id": "u1",
            "key_id": None,
            "endpoint": "chat/completions",
            "model": "m",
            "provider": "p",
            "resource": "tokens",
            "reserved": charge,
            "split": [],
            "charge": charge,
            "prompt_tokens": prompt,
            "cached_tokens": 0,
            "completion_tokens": charge - prompt,
            "reasoning_tokens": 0,
            "counted_prompt_tokens": prompt,
            "counted_completion_tokens": charge - prompt,
            "source": "upstream",
            "status": "completed",
            "rates": [1_000_000, 1_000_000, 1_000_000],
            "rate_version": "1",
            "session_id": None,
            "reason": "chat/completions",
            "feature": None,
            "duration_ms": 5,
        }
        return {**row, **changes}

    async def book(self, *rows: dict[str, Any]) -> Settled:
        """Book settlements in one batch."""
        (settled,) = await self.ledger.rows("settle", json.dumps(rows))
        return Settled(*settled)

    async def charge(self, amount: int, **changes: Any) -> str:
        """Book one request; return its id."""
        row = self.row(amount, **changes)
        await self.book(row)
        return str(row["request_id"])

    async def recover(self, amount: int, exact: int, **changes: Any) -> str:
        """Book one request for a dead gateway, then its exact charge; return its id."""
        request_id = await self.charge(amount, source="recovered", status="recovered", **changes)
        settled = await self.book(self.row(exact, request_id=request_id, reserved=amount, **changes))
        assert settled.corrected == 1
        return request_id

    async def execute(self, statement: str, *arguments: Any) -> None:
        """Run SQL as the superuser."""
        async with self.ledger.connection() as connection:
            await connection.execute(statement, *arguments)

    async def value(self, statement: str, *arguments: Any) -> Any:
        """Return the first value of a query."""
        async with self.ledger.connection() as connection:
            return await connection.fetchval(statement, *arguments)

    async def version(self) -> int:
        """Return the account's version."""
        version: int = await self.value("SELECT version FROM accounts WHERE account_id = $1", self.account_id)
        return version

    async def expire(self, pack: Pack) -> None:
        """Let a pack be long past its expiry, and book its rest."""
        await self.execute(
            "UPDATE packs SET granted_at = now() - interval '3 days', expires_at = now() - interval '1 day'"
            " WHERE pack_id = $1",
            pack.id,
        )
        await self.ledger.expire_packs(grace_seconds=60)

    async def event(self, request_id: str) -> Event:
        """Return one event as people see it."""
        return next(event for event in await self.events() if event.request_id == request_id)

    async def events(self, **filters: Any) -> list[Event]:
        """Return events, newest first."""
        page = await self.books.pages.events(Filters(account_id=self.account_id, **filters), limit=1000)
        return [row for row in page.rows if isinstance(row, Event)]
