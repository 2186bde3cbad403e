"""SHELL: drops the usage events of old months and keeps their sums. The ledger's entries are never dropped."""

import structlog

from metering.ledger import Ledger
from metering.roller import Roller

log = structlog.get_logger()


class Retention:
    """Months of events that are older than ``keep_months`` go, whole, once they are in the roll-ups."""

    def __init__(self, ledger: Ledger, roller: Roller, *, keep_months: int) -> None:
        self._ledger = ledger
        self._roller = roller
        self._keep_months = keep_months

    async def drop_due(self) -> int:
        """Drop what is due; return how many months were. One that is in use, or not rolled up, is tried again later."""
        due = await self._ledger.rows("months_due", self._keep_months)
        if due:
            await self._roller.roll_due()
        dropped = 0
        for row in due:
            (done,) = await self._ledger.chore("month_drop", row["month"])
            if done["dropped"]:
                log.info("events_dropped", month=row["month"].isoformat())
                dropped += 1
        return dropped
