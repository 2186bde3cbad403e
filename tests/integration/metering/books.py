"""What holds of any ledger, whatever was done to it (DESIGN 3.4)."""

from tests.integration.metering.parts import Book

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
