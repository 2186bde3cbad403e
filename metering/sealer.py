"""SHELL: seals what was booked, outside the hot path. Any gateway may do it; Postgres lets one at a time."""

from metering.ledger import Ledger
from metering.metrics import METRICS
from metering.queries import query

# One seal is one statement: about a tenth of a second of Postgres, and half a megabyte of leaves.
ENTRIES_MAX = 10_000
VERSIONS_MAX = 1000
ACCOUNTS_MAX = 1000
DUE_SECONDS_MAX = 60.0  # a look at all accounts


class Sealer:
    """Makes the seals that are due."""

    def __init__(self, ledger: Ledger, *, seal_seconds: float) -> None:
        """Prepare; no entry waits longer than ``seal_seconds`` when ``seal_due`` is called twice in that time."""
        self._ledger = ledger
        self._age_seconds = seal_seconds / 2

    async def seal_due(self) -> int:
        """Seal every account that has an entry older than half of ``seal_seconds``; return the entries sealed here."""
        sealed = 0
        METRICS.seal_lag.set(await self._lag())
        while accounts := await self._due():
            before = sealed
            for account_id, _ in accounts:
                sealed += await self._seal(account_id)
            if sealed == before:
                break  # somebody else seals: they will do all of it
        return sealed

    async def _lag(self) -> float:
        due = await self._due(1)
        return due[0][1] if due else 0.0

    async def _due(self, limit: int = ACCOUNTS_MAX) -> list[tuple[str, float]]:
        async with self._ledger.connection() as connection:
            rows = await connection.fetch(query("seals_due"), self._age_seconds, limit, timeout=DUE_SECONDS_MAX)
        return [(row["account_id"], row["age_seconds"]) for row in rows]

    async def _seal(self, account_id: str) -> int:
        sealed, more, age_seconds = 0, True, self._age_seconds
        while more:
            rows = await self._ledger.rows("seal_next", account_id, age_seconds, VERSIONS_MAX, ENTRIES_MAX)
            if not rows:
                break
            sealed, more = sealed + rows[0]["sealed"], rows[0]["more"]
            age_seconds = 0.0  # the rest of what was there goes on at once
        return sealed
