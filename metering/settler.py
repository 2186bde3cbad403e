"""SHELL: settle by group commit.

Whatever queued while the last batch ran is the next batch: no timer, no wait. A lane is one task with at most
one batch under way; an account always uses the same lane, so a busy account never holds two connections. A
settlement leaves its lane only when Postgres has booked it; only then its hold is dropped and its journal record
is done.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from config.settings import MeterSettings
from metering.admission import Admission
from metering.errors import LedgerDownError, MeterUnavailableError
from metering.ledger import AccountState, Lane, Ledger, LedgerRefusedError, Settled
from metering.metrics import METRICS

log = structlog.get_logger()
RETRY_SECONDS = 0.25


class Pending:
    """One settlement on its way: as JSON, with what the lane needs to know of it."""

    __slots__ = ("account_id", "booked", "charge", "queued_at", "request_id", "row")

    def __init__(self, account_id: str, request_id: str, charge: int, row: bytes, queued_at: float) -> None:
        self.account_id = account_id
        self.request_id = request_id
        self.charge = charge
        self.row = row
        self.queued_at = queued_at
        self.booked: asyncio.Future[None] | None = None


class Settler:
    """The lanes."""

    def __init__(self, ledger: Ledger, admission: Admission, settings: MeterSettings) -> None:
        self._ledger = ledger
        self._admission = admission
        self.booked: Callable[[str], None] | None = None  # told of each request that is in the ledger for good
        self._lanes = [ledger.lane() for _ in range(settings.settle_lanes)]
        self._batch_max = settings.settle_batch_max
        self._queues: list[deque[Pending]] = [deque() for _ in range(settings.settle_lanes)]
        self._wake = [asyncio.Event() for _ in self._queues]
        self._unapplied: deque[tuple[AccountState, list[str]]] = deque()
        self._unapplied_wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = 0
        self.unsettled_amount = 0

    def start(self) -> None:
        """Start the lanes."""
        for lane in range(len(self._queues)):
            self._tasks.append(asyncio.create_task(self._run(lane), name=f"settle-{lane}"))
        self._tasks.append(asyncio.create_task(self._apply_again(), name="apply-again"))

    async def stop(self) -> None:
        """Stop the lanes; what they have not booked stays in the journal and in the holds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self._lanes:
            lane.close()

    @property
    def open(self) -> int:
        """How many settlements are not booked and applied yet."""
        return self._open

    async def drain(self) -> None:
        """Wait until everything submitted is booked and applied."""
        await self._idle.wait()

    def submit(self, pending: Pending) -> None:
        """Queue a settlement."""
        self._open += 1
        self._idle.clear()
        self.unsettled_amount += pending.charge
        lane = hash(pending.account_id) % len(self._queues)
        self._queues[lane].append(pending)
        self._wake[lane].set()

    async def settle(self, pending: Pending) -> None:
        """Queue a settlement and wait until it is booked and applied (or parked)."""
        pending.booked = asyncio.get_running_loop().create_future()
        self.submit(pending)
        await pending.booked

    async def _run(self, lane: int) -> None:
        queue, wake = self._queues[lane], self._wake[lane]
        while True:
            await wake.wait()
            wake.clear()
            while queue:
                batch = [queue.popleft() for _ in range(min(len(queue), self._batch_max))]
                await self._book(self._lanes[lane], batch)

    async def _book(self, lane: Lane, batch: list[Pending]) -> None:
        """Book a batch, however long Postgres is away; halve it around a row that Postgres refuses."""
        while True:
            try:
                with METRICS.settle.time():
                    settled = await lane.settle([pending.row for pending in batch])
                break
            except LedgerRefusedError as error:
                await self._isolate(lane, batch, error)
                return
            except LedgerDownError as error:
                log.warning("settle_waits", error=str(error), settlements=len(batch))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                # asyncpg raises errors that are no PostgresError after a crash; a lane must outlive them all.
                log.exception("settle_failed", settlements=len(batch))
                await asyncio.sleep(RETRY_SECONDS)
        now = asyncio.get_running_loop().time()
        by_account: dict[str, list[str]] = {}
        for pending in batch:
            by_account.setdefault(pending.account_id, []).append(pending.request_id)
            METRICS.buffer.settle_lag.append(now - pending.queued_at)
        METRICS.settled.inc(len(batch))
        applying = [self._apply(account, by_account[account.account_id]) for account in settled]
        await (applying[0] if len(applying) == 1 else asyncio.gather(*applying))
        for pending in batch:
            self._finished(pending)

    async def _isolate(self, lane: Lane, batch: list[Pending], error: LedgerRefusedError) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._book(lane, batch[:middle])
            await self._book(lane, batch[middle:])
            return
        pending = batch[0]
        log.error("settlement_parked", request_id=pending.request_id, error=str(error))
        METRICS.parked.inc()
        try:
            await self._ledger.park(pending.request_id, pending.row, str(error))
        except (LedgerDownError, LedgerRefusedError) as failure:
            log.error("parking_failed", request_id=pending.request_id, error=str(failure))  # noqa: TRY400 - one line
        self._finished(pending)

    async def _apply(self, account: Settled, request_ids: list[str]) -> None:
        METRICS.corrected.inc(account.corrected)
        state = AccountState(account.account_id, account.version, account.snapshot)
        try:
            await self._admission.apply(state, request_ids)
        except MeterUnavailableError:
            self._apply_later(state, request_ids)
        else:
            self._done(request_ids)

    async def push(self, state: AccountState, request_ids: Sequence[str] = ()) -> None:
        """Hand an account's new state to Redis: at once when it answers, else again and again until it is taken.

        The holds of ``request_ids``, which are over in Postgres, are dropped in the same step.
        """
        try:
            await self._admission.apply(state, request_ids)
        except MeterUnavailableError:
            self._apply_later(state, list(request_ids))

    def _apply_later(self, state: AccountState, request_ids: list[str]) -> None:
        self._open += 1
        self._idle.clear()
        self._unapplied.append((state, request_ids))
        self._unapplied_wake.set()

    async def _apply_again(self) -> None:
        while True:
            await self._unapplied_wake.wait()
            while self._unapplied:
                state, request_ids = self._unapplied[0]
                try:
                    await self._admission.apply(state, request_ids)
                except MeterUnavailableError:
                    self._unapplied.rotate(-1)
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                except Exception:
                    log.exception("apply_failed", account_id=state.account_id)
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                self._unapplied.popleft()
                self._done(request_ids)
                self._closed()
            self._unapplied_wake.clear()

    def _done(self, request_ids: list[str]) -> None:
        if self.booked:
            for request_id in request_ids:
                self.booked(request_id)

    def _finished(self, pending: Pending) -> None:
        self.unsettled_amount -= pending.charge
        if pending.booked and not pending.booked.done():
            pending.booked.set_result(None)
        self._closed()

    def _closed(self) -> None:
        self._open -= 1
        if not self._open:
            self._idle.set()
