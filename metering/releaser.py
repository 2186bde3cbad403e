"""SHELL: how a hold is given back that was never charged, however late.

A release that is answered before the lease can have run out ends it: nobody else may have touched it. One that comes
later may find that another gateway took the request for an orphan and charged it, or is about to. Only the ledger can
tell, so it is told that nothing was used: a charge of zero, which is the request's only one or corrects the other.
"""

import asyncio
import time

import structlog

from metering.admission import Admission
from metering.core.settlement import Facts, nothing_used
from metering.errors import MeterUnavailableError
from metering.journal import Journal
from metering.settler import Pending, Settler

log = structlog.get_logger()
RETRY_SECONDS = 0.25


class Releaser:
    """Gives holds back."""

    def __init__(self, admission: Admission, settler: Settler, journal: Journal) -> None:
        self._admission = admission
        self._settler = settler
        self._journal = journal

    def give_up(self, request_id: str) -> None:
        """Write down that nothing was used: a death before Redis has answered must not make it an orphan."""
        try:
            self._journal.give_up(request_id)
        except MeterUnavailableError as error:
            log.error("journal_failed", request_id=request_id, error=str(error))  # noqa: TRY400 - one line

    async def release(self, facts: Facts, leased_until: float, *, held: bool) -> None:
        """Return when Redis has answered.

        ``leased_until`` (time.monotonic): nobody can have charged it before. ``held``: there was a hold, so if it is
        gone somebody has taken it all the same.
        """
        released = await self.give_back(facts.account_id, facts.request_id)
        if time.monotonic() < leased_until and (released or not held):
            self._journal.done(facts.request_id)
        else:
            self._settle_nothing(facts)

    async def give_back(self, account_id: str, request_id: str) -> bool:
        """Release a hold, and refuse it if it is yet to come; return when Redis has answered, whether there was one."""
        while True:
            try:
                return await self._admission.release(account_id, request_id)
            except MeterUnavailableError:
                await asyncio.sleep(RETRY_SECONDS)

    def _settle_nothing(self, facts: Facts) -> None:
        row = nothing_used(facts, now_ms=time.time_ns() // 1_000_000)
        try:
            self._journal.settle(row)
        except MeterUnavailableError as error:
            # The ledger is told all the same; only a death in the next moments would need the journal.
            log.error("journal_failed", request_id=facts.request_id, error=str(error))  # noqa: TRY400 - one line
        log.warning("released_late", request_id=facts.request_id)
        self._settler.submit(Pending(facts.account_id, facts.request_id, 0, row, asyncio.get_running_loop().time()))
