"""SHELL: the leases of open holds: prolonged in bulk, and succeeded when somebody has taken them.

A gateway that slept longer than its lease may have been taken for dead, and its requests charged by others. So after
any pause it prolongs before it relays: ``relay_until`` says how long relaying may go on without a look. A Redis that
does not answer holds up nothing: running streams go on, and settle in Postgres.
"""

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from metering.admission import RENEW_MAX
from metering.errors import MeterUnavailableError, RefusedError
from metering.hold import Hold
from metering.keys import bucket_of

if TYPE_CHECKING:
    from metering.meter import Meter

log = structlog.get_logger()
RETRY_SECONDS = 0.25


class Leases:
    """Keeps the holds of one meter."""

    def __init__(self, meter: "Meter") -> None:
        self._meter = meter
        self._seconds = meter.settings.lease_seconds
        self._renewing: asyncio.Task[None] | None = None
        self._round: asyncio.Task[None] | None = None
        self.relay_until = self._next()
        """When relaying has to wait for ``prolong`` (time.perf_counter): later only after a pause."""

    def start(self) -> None:
        """Start to prolong every ``renew_seconds``."""
        self.relay_until = self._next()
        self._renewing = asyncio.create_task(self._repeat(), name="renew")

    async def stop(self) -> None:
        """Stop."""
        for task in (self._renewing, self._round):
            if task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def renew_one(self, hold: Hold) -> None:
        """Prolong one hold and note its progress; nothing waits for it."""
        self._meter.admission.renew(bucket_of(hold.order.account_id), [_lease_of(hold)])

    async def prolong(self) -> None:
        """Prolong every open hold, and take another for each that is gone; one round serves all who wait."""
        if self._round is None:
            self._round = asyncio.create_task(self._prolong(), name="prolong")
            self._round.add_done_callback(self._rested)
        await asyncio.shield(self._round)

    def _next(self) -> float:
        return time.perf_counter() + self._seconds / 2

    def _rested(self, task: "asyncio.Task[None]") -> None:
        self._round = None
        self.relay_until = self._next()
        if not task.cancelled() and (error := task.exception()):
            log.error("prolonging_failed", exc_info=error)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(self._meter.settings.renew_seconds)
            await asyncio.gather(self.prolong(), return_exceptions=True)

    async def _prolong(self) -> None:
        by_bucket: dict[int, list[Hold]] = {}
        for hold in self._meter.holds.values():
            if hold.charge is None:
                by_bucket.setdefault(bucket_of(hold.order.account_id), []).append(hold)
        for bucket, holds in by_bucket.items():
            for start in range(0, len(holds), RENEW_MAX):
                await self._renew(bucket, holds[start : start + RENEW_MAX])

    async def _renew(self, bucket: int, holds: list[Hold]) -> None:
        leased_until = time.monotonic() + self._seconds
        reply = await self._meter.admission.renew(bucket, [_lease_of(hold) for hold in holds])
        if not isinstance(reply, list) or reply[0] != 1:
            log.warning("renew_failed", bucket=bucket, reply=str(reply))
            return
        gone = [holds[place - 1] for place in reply[1:] if holds[place - 1].charge is None]
        for hold in holds:
            hold.leased_until = leased_until
        for hold in gone:
            hold.lost = True
        await asyncio.gather(*(self._meter.spawn(self._succeed(hold), "succeed") for hold in gone))

    async def _succeed(self, hold: Hold) -> None:
        """Take another hold for a request whose own is gone: this gateway slept, and somebody has charged it.

        It is for what is not charged yet, under the same id; when it is refused, the stream is ended properly.
        """
        log.warning("hold_gone", request_id=hold.request_id)
        rest = max(1, hold.reservation.amount - hold.progress_charge)
        try:
            granted = await self._meter.admission.reserve(hold.ask(rest))
        except RefusedError as error:
            log.warning("successor_refused", request_id=hold.request_id, error=str(error))
            hold.withdraw()
            return
        except MeterUnavailableError as error:
            log.warning("successor_unknown", request_id=hold.request_id, error=str(error))
            hold.withdraw()
            await self._give_back(hold)
            return
        if hold.charge is not None:
            await self._give_back(hold)  # it was settled meanwhile: nothing needs this one
        else:
            hold.succeed(granted.reservation)

    async def _give_back(self, hold: Hold) -> None:
        """Release a successor that may have been taken, or may still arrive; the request itself goes on to its end."""
        while True:
            try:
                await self._meter.admission.release(hold.order.account_id, hold.request_id)
            except MeterUnavailableError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return


def _lease_of(hold: Hold) -> tuple[str, str, int]:
    return hold.order.account_id, hold.request_id, hold.progress_charge
