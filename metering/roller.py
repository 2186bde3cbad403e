"""SHELL: takes what was booked into the roll-ups behind series, outside the hot path. Any gateway may do it."""

from metering.ledger import Ledger

# One statement: some tenths of a second of Postgres.
EVENTS_MAX = 20_000
ACCOUNTS_MAX = 1000


class Roller:
    """Keeps roll-ups near the ledger; reads add what is not in them yet, so they are exact however late this is."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def roll_due(self) -> int:
        """Roll every account that has new versions, each to its newest; return how many accounts were."""
        rolled = 0
        while rows := await self._ledger.rows("rollups_due", ACCOUNTS_MAX):
            before = rolled
            for row in rows:
                rolled += await self._roll(row["account_id"])
            if len(rows) < ACCOUNTS_MAX or rolled == before:
                break  # all are done, or somebody else does them
        return rolled

    async def _roll(self, account_id: str) -> bool:
        more = True
        while more:
            rows = await self._ledger.chore("roll_next", account_id, EVENTS_MAX)
            if not rows:
                return False
            more = rows[0]["more"]
        return True
