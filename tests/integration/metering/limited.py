"""An account with a key, a member, a model and limits, and a clock that a test can move forward."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

import msgspec

from metering.core.limits import LimitSet, Windows, parse_limits
from metering.errors import LimitedError
from metering.hold import Hold
from metering.ids import new_id
from metering.keys import keys_of
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, order_of, until, used

SCOPES = ("account", "member", "key", "model")


@dataclass
class Limited:
    """See the module. Requests are of the member u1 and the model m: 100 prompt tokens, at most 100 more."""

    gateway: Gateway
    book: Book
    account_id: str
    key_id: str
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)  # the connection serves one at a time

    async def limit(self, scope: str, subject: str | None = None, **limits: int) -> None:
        """Set limits: of this account, of u1, of the key, of m, or of others by name."""
        text = msgspec.json.encode(limits).decode()
        if scope == "key":
            await self.book.connection.execute(
                "UPDATE api_keys SET limits = $2::text::jsonb WHERE key_id = $1", subject or self.key_id, text
            )
        else:
            named = subject or {"account": "", "member": "u1", "model": "m"}[scope]
            await self.book.connection.execute(
                "INSERT INTO limits (account_id, scope, subject, limits) VALUES ($1, $2, $3, $4::text::jsonb)"
                " ON CONFLICT (account_id, scope, subject) DO UPDATE SET limits = EXCLUDED.limits",
                self.account_id,
                scope,
                named,
                text,
            )

    async def terms(self, user_id: str | None = "u1") -> LimitSet | None:
        """Return what a request has to obey now, as the key's record says it."""
        async with self.reading:
            text = await self.book.connection.fetchval(
                "SELECT limits_of(k.account_id, a.time_zone, $2, k.key_id, k.limits)"
                " FROM api_keys k JOIN accounts a USING (account_id) WHERE key_id = $1",
                self.key_id,
                user_id,
            )
        return text and parse_limits(text, "tokens")

    async def enter(self, gateway: Gateway | None = None, **changes: Any) -> Hold:
        """Take a request's hold. Raises LimitedError, RefusedError."""
        terms = await self.terms(changes.get("user_id", "u1"))
        order = order_of(self.account_id, key_id=self.key_id, limits=terms, **changes)
        return await (gateway or self.gateway).meter.enter(order)

    async def refused(self, **changes: Any) -> LimitedError:
        """Return the error of a request that is limited."""
        try:
            hold = await self.enter(**changes)
        except LimitedError as error:
            return error
        raise AssertionError(f"{hold.reservation} was granted")

    async def charge(self, completion: int = 100, **changes: Any) -> Hold:
        """Make a request that uses 100 + ``completion`` tokens, and wait until it is booked."""
        hold = await self.enter(**changes)
        hold.forwarding()
        hold.record(used(completion))
        self.gateway.meter.leave(hold)
        await self.gateway.meter.drain(5)
        return hold

    async def release(self, hold: Hold) -> None:
        """Give a hold back."""
        self.gateway.meter.leave(hold)
        await self.gateway.meter.drain(5)

    async def now(self, at_ms: int) -> None:
        """Move the account's clock forward; it never steps back."""
        await self.gateway.store.call(b"HSET", keys_of(self.account_id).account, "lt", at_ms)

    async def windows(self, at_ms: int | None = None) -> Windows:
        """Return the day and the month of a moment, or of now."""
        found = await self.book.connection.fetchval(
            "SELECT spend_windows(time_zone, coalesce(to_timestamp($2::bigint / 1000.0), clock_timestamp()))"
            " FROM accounts WHERE account_id = $1",
            self.account_id,
            at_ms,
        )
        return Windows(*found)

    async def counters(self) -> dict[bytes, Any]:
        """Return everything that counts in Redis."""
        flat = await self.gateway.store.call(b"HGETALL", keys_of(self.account_id).limits)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def at_rest(self) -> None:
        """Check that every counter is what the holds say, and that sums are what was charged."""
        await until(lambda: not self.gateway.settler.open)
        await self.gateway.view(self.account_id)
        wrong = await self.book.connection.fetch(WRONG_SUMS, self.account_id)
        assert [tuple(row) for row in wrong] == []


async def limited_account(gateway: Gateway, book: Book, *, size: int | None = 1_000_000, **columns: Any) -> Limited:
    """Open an account with a pack and a key."""
    account_id, key_id = await book.account(**columns), new_id()
    await book.grant(account_id, size)
    await book.connection.execute(
        "INSERT INTO api_keys (key_id, account_id, user_id, name, digest, prefix)"
        " VALUES ($1, $2, 'u1', 'k', $3, 'fbx_')",
        key_id,
        account_id,
        secrets.token_bytes(32),
    )
    return Limited(gateway, book, account_id, key_id)


WRONG_SUMS = """
    SELECT k.scope, k.subject, s.day, s.amount, e.amount
      FROM spend_kept k
      LEFT JOIN LATERAL (
            SELECT (v.reserved_at AT TIME ZONE a.time_zone)::date AS day,
                   sum(v.charge + coalesce(c.delta, 0) - coalesce((
                       SELECT sum(x.amount) FROM entries x WHERE x.request_id = v.request_id AND x.kind = 'refund'), 0))
                   AS amount
              FROM events v JOIN accounts a USING (account_id) LEFT JOIN corrections c USING (day, request_id)
             WHERE v.account_id = k.account_id AND k.subject = CASE k.scope WHEN 'account' THEN '' WHEN 'member'
                   THEN v.user_id WHEN 'key' THEN v.key_id::text ELSE v.model END
             GROUP BY 1) e ON true
      LEFT JOIN spend_sums s ON (s.account_id, s.scope, s.subject, s.day) = (k.account_id, k.scope, k.subject, e.day)
     WHERE k.account_id = $1 AND s.amount IS DISTINCT FROM e.amount"""
