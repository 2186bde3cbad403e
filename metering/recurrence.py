"""SHELL: the chore that grants recurring packs, in its own name: each pack has its line in the trail."""

from metering.books.recurring import Recurring
from metering.books.trail import chore
from metering.books.writes import Writes
from metering.ledger import AccountState
from metering.settler import Settler

ACTOR = chore("recurring")


class RecurringGrants:
    """Grants what is due, however much that is."""

    def __init__(self, writes: Writes, settler: Settler) -> None:
        self._writes = writes
        self._settler = settler

    async def grant_due(self) -> None:
        """Grant every pack that is due; Redis hears of each batch when it is committed."""
        while states := await self._grant_batch():
            for state in states:
                await self._settler.push(state)

    async def _grant_batch(self) -> list[AccountState]:
        async with self._writes.once(None, "", ACTOR) as write:
            return await Recurring(write.ledger).grant_due()
