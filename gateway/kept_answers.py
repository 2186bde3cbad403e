"""Answers of models that are kept to be given again, for accounts that have turned ``replay`` on.

Nothing is kept that the client could not have had whole: an answer that broke off is answered 409 the second time.
"""

from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from gateway.deps import Deps
from gateway.errors import answer
from gateway.exchange import Exchange, lines_of
from gateway.idempotency import REPLAYED
from metering.books.answers import KeptRow
from metering.core.settlement import Status
from metering.errors import LedgerDownError, RepeatedError

if TYPE_CHECKING:
    from gateway.relay import Relay

log = structlog.get_logger()
OF_THEN = frozenset({"x-farebox-available", "x-farebox-charged"})  # true of the first answer only
WHOLE = frozenset({Status.COMPLETED, Status.CUT_OFF})


class KeptAnswer:
    """One answer, as far as it went to the client; dropped when it becomes too long to be kept."""

    __slots__ = ("_bytes_max", "_pieces", "_size", "headers")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._pieces: list[bytes] = []
        self._size = 0
        self.headers: dict[str, str] = {}

    def add(self, data: bytes) -> None:
        """Take what is about to be written."""
        self._size += len(data)
        if self._size <= self._bytes_max:
            self._pieces.append(data)
        else:
            self._pieces.clear()

    @property
    def body(self) -> bytes | None:
        """All of it; None when it is empty or too long."""
        return b"".join(self._pieces) or None


class KeepingExchange:
    """An exchange of which every byte is kept, also those that the client does not get any more."""

    def __init__(self, exchange: Exchange, bytes_max: int) -> None:
        self._exchange = exchange
        self.kept = KeptAnswer(bytes_max)
        self.request_id = exchange.request_id
        self.path = exchange.path
        self.headers = exchange.headers
        self.relay: Relay | None = None
        self.begun = False
        self.status = exchange.status

    def peer(self) -> str | None:
        """Return the address of whoever is connected."""
        return self._exchange.peer()

    async def read(self, *, seconds_max: float) -> bytes:
        """Return the body."""
        return await self._exchange.read(seconds_max=seconds_max)

    def answer(self, status: int, head: bytes, body: bytes) -> None:
        """Write a whole answer."""
        self.kept.headers = lines_of(head)
        self.kept.add(body)
        self._exchange.answer(status, head, body)

    async def begin(self, head: bytes) -> None:
        """Begin a streamed answer."""
        self.kept.headers = lines_of(head)
        await self._exchange.begin(head)

    def try_write(self, data: bytes) -> bool:
        """Write a piece of a stream if nothing has to be waited for."""
        written = self._exchange.try_write(data)
        if written:
            self.kept.add(data)
        return written

    async def write(self, data: bytes) -> None:
        """Write a piece of a stream."""
        self.kept.add(data)
        await self._exchange.write(data)

    async def end(self, data: bytes) -> None:
        """Write the last piece and end the stream."""
        self.kept.add(data)
        await self._exchange.end(data)


def keep_answer(deps: Deps, relay: "Relay") -> None:
    """Store an answer that is whole and charged; the client waits for none of it."""
    assert isinstance(relay.exchange, KeepingExchange)
    hold, kept = relay.hold, relay.exchange.kept
    body = kept.body
    if hold.charge is None or body is None or relay.status not in WHOLE:
        return
    headers = {name: value for name, value in kept.headers.items() if name not in OF_THEN}
    row = KeptRow(hold.request_id, hold.order.account_id, 200, headers, body)
    deps.meter.spawn(_store(deps, row), "keep-answer")


async def _store(deps: Deps, row: KeptRow) -> None:
    try:
        await deps.books.answers.keep(row)
    except LedgerDownError as error:
        log.warning("answer_not_kept", request_id=row.request_id, error=str(error))


async def answer_again(deps: Deps, repeated: RepeatedError, request_id: str) -> web.Response:
    """Return what a repeated request gets: the first answer if it was kept, uncharged, else 409 or 422."""
    if repeated.replay:
        answers = deps.books.answers
        try:
            kept = await answers.get(repeated.request_id, repeated.account_id)
        except LedgerDownError as error:
            return answer(error, request_id=request_id)
        if kept is not None:
            headers = {**kept.headers, **REPLAYED, "x-farebox-charged": "0"}
            return web.Response(status=kept.status, body=kept.body, headers=headers)
    return answer(repeated, request_id=request_id)
