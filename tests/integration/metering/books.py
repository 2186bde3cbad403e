"""The ledger by its own functions, and what holds of it whatever was done to it (DESIGN 3.4)."""

from typing import Any

import asyncpg
import msgspec

from metering.ids import new_id
from metering.ledger import AccountState


class Book:
    """The ledger, by its own functions."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection

    async def account(self, **columns: Any) -> str:
        """Open an account."""
        account_id = new_id()
        names = "".join(f", {name}" for name in columns)
        places = "".join(f", ${place + 2}" for place in range(len(columns)))
        await self.connection.execute(
            f"INSERT INTO accounts (account_id, name{names}) VALUES ($1, 'test'{places})",  # noqa: S608 - our names
            account_id,
            *columns.values(),
        )
        return account_id

    async def grant(self, account_id: str, size: int | None, **scope: Any) -> str:
        """Grant a pack; None: an unlimited one."""
        pack_id = str(scope.get("pack_id") or new_id())
        await self.connection.fetch(
            "SELECT * FROM grant_pack($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'grant')",
            pack_id,
            account_id,
            scope.get("resource", "tokens"),
            size,
            size is None,
            scope.get("priority", 50),
            scope.get("user_id"),
            scope.get("models"),
            scope.get("note", ""),
            scope.get("expires_at"),
        )
        return pack_id

    async def state(self, account_id: str) -> AccountState:
        """Return the newest snapshot."""
        return AccountState(*await self.connection.fetchrow(_SNAPSHOT, [account_id]))

    async def settle(self, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        """Book a batch."""
        text = msgspec.json.encode(rows).decode()
        return [dict(row) for row in await self.connection.fetch("SELECT * FROM settle($1::text::jsonb)", text)]

    async def revoke(self, pack_id: str) -> None:
        """Withdraw a pack."""
        await self.connection.fetch("SELECT * FROM revoke_pack($1)", pack_id)

    async def left(self, *pack_ids: str) -> list[int | None]:
        """Return what remains in packs."""
        found = await self.connection.fetch("SELECT pack_id::text, remaining FROM packs")
        by_id = {row["pack_id"]: row["remaining"] for row in found}
        return [by_id[pack_id] for pack_id in pack_ids]

    async def debt(self, account_id: str, resource: str = "tokens") -> int:
        """Return what an account owes."""
        owed = await self.connection.fetchval(
            "SELECT debt FROM account_resources WHERE account_id = $1 AND resource = $2", account_id, resource
        )
        return int(owed or 0)

    async def rows(self, table: str, account_id: str, order: str = "version") -> list[dict[str, Any]]:
        """Return all rows of an account in a table."""
        query = f"SELECT * FROM {table} WHERE account_id = $1 ORDER BY {order}"  # noqa: S608 - a test's own names
        return [dict(row) for row in await self.connection.fetch(query, account_id)]

    async def entries(self, account_id: str) -> list[tuple[str, int, str, str]]:
        """Return the ledger's entries: kind, amount, from, to; packs by the first letters of their ids only."""
        return [
            (row["kind"], row["amount"], row["book_from"], row["book_to"])
            for row in await self.rows("entries", account_id, "version, seq")
        ]


_SNAPSHOT = "SELECT account_id::text, version, snapshot FROM account_snapshots($1::uuid[])"


BROKEN = {
    "a pack is what it got less what it gave": """
        SELECT p.pack_id FROM packs p LEFT JOIN (
            SELECT pack_id, sum(CASE WHEN book_to = 'pack:' || pack_id THEN amount
                                     WHEN book_from = 'pack:' || pack_id THEN 0 - amount ELSE 0 END) AS net
              FROM entries GROUP BY pack_id) e USING (pack_id)
         WHERE coalesce(p.remaining, 0) <> coalesce(e.net, 0)""",
    "debt is what was overdrawn less what was repaid": """
        SELECT a.account_id FROM accounts a LEFT JOIN (
            SELECT account_id, sum(CASE WHEN book_from = 'debt' THEN amount WHEN book_to = 'debt' THEN 0 - amount END)
                   AS net FROM entries WHERE 'debt' IN (book_from, book_to) GROUP BY 1) e USING (account_id)
         WHERE coalesce(e.net, 0) <> (SELECT coalesce(sum(debt), 0) FROM account_resources r
                                       WHERE r.account_id = a.account_id)
            OR coalesce(e.net, 0) <> (SELECT coalesce(sum(open), 0) FROM debts d WHERE d.account_id = a.account_id)""",
    "the entries of a request are its charge, its correction and its refunds": """
        SELECT v.request_id FROM events v LEFT JOIN corrections c USING (day, request_id) LEFT JOIN (
            SELECT request_id, sum(CASE WHEN book_to = 'usage' THEN amount WHEN book_from = 'usage' THEN 0 - amount
                                        ELSE 0 END) AS used,
                   sum(CASE WHEN kind = 'refund' THEN amount ELSE 0 END) AS refunded
              FROM entries GROUP BY request_id) e USING (request_id)
         WHERE v.charge + coalesce(c.delta, 0) - coalesce(e.refunded, 0) <> coalesce(e.used, 0)
            OR v.charge + coalesce(c.delta, 0) - coalesce(e.refunded, 0) < 0""",
    "the balance after an entry is the sum of the effects up to it": """
        SELECT account_id FROM (
            SELECT account_id, balance_after,
                   sum(delta) OVER (PARTITION BY account_id, resource ORDER BY version, seq) AS replayed
              FROM entries) e WHERE balance_after <> replayed""",
    "versions have no gap": """
        SELECT a.account_id FROM accounts a LEFT JOIN (
            SELECT account_id, version FROM events UNION SELECT account_id, version FROM entries
             UNION SELECT account_id, version FROM corrections UNION SELECT account_id, version FROM account_changes
            ) v USING (account_id)
         GROUP BY a.account_id, a.version HAVING count(v.version) <> a.version""",
    "no draw on a pack that was dead when the request was reserved": """
        SELECT e.request_id FROM entries e JOIN packs p USING (pack_id) JOIN events v USING (request_id)
         WHERE e.kind = 'usage' AND p.expires_at <= v.reserved_at""",
    "everything issued is somewhere": """
        SELECT 1 FROM (
            SELECT coalesce(sum(amount) FILTER (WHERE book_from = 'issued'), 0)
                 - coalesce(sum(amount) FILTER (WHERE book_to IN ('usage', 'expired', 'revoked', 'issued')), 0)
                 + coalesce(sum(amount) FILTER (WHERE book_from IN ('usage', 'expired', 'revoked')), 0) AS expected
              FROM entries) e
         WHERE expected <> (SELECT coalesce(sum(remaining), 0) FROM packs)
                         - (SELECT coalesce(sum(debt), 0) FROM account_resources)""",
}


async def assert_conserved(book: Book) -> None:
    """Fail with the invariants that are broken, and where."""
    async with book.connection.transaction(isolation="repeatable_read", readonly=True):
        found = {name: [tuple(row) for row in await book.connection.fetch(query)] for name, query in BROKEN.items()}
    assert {name: rows for name, rows in found.items() if rows} == {}
