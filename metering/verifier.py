"""SHELL: recompute the chain of seals from the rows, and name what was altered. Reads only; one moment of the ledger.

Memory is bounded: seals come one by one, entries in chunks. Two walks: the chain of the whole ledger without the
leaves, then account by account every seal beside its entries.
"""

import time
from collections.abc import Sequence

import msgspec
from asyncpg import Record
from asyncpg.cursor import Cursor
from asyncpg.pool import PoolConnectionProxy

from metering.audit import STATEMENT_SECONDS
from metering.core.seals import (
    ACCOUNT,
    NO_SEAL,
    VERSION,
    Anchor,
    Finding,
    Found,
    RowCheck,
    Seal,
    check_account_chain,
    check_chain,
)
from metering.ledger import Ledger
from metering.queries import query

FINDINGS_MAX = 100
# Rows decoded and hashed without a pause: 64 hold up a gateway's loop for about a millisecond.
CHUNK_SERVING = 64
CHUNK_ALONE = 2000
SEALS_CHUNK = 8  # half a megabyte each, at most
START = Anchor(0, NO_SEAL)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. ``head`` is the newest seal as an anchor; ``unsealed`` entries wait for their seal."""

    clean: bool
    head: str | None
    since: int
    seals: int
    entries: int
    unsealed: int
    rows_per_second: int
    findings: list[Finding]


class Verifier:
    """Verifies the whole chain, or what came after an anchor."""

    def __init__(self, ledger: Ledger, *, chunk: int = CHUNK_SERVING) -> None:
        self._ledger = ledger
        self._chunk = chunk

    async def run(self, anchors: Sequence[Anchor] = (), since: Anchor | None = None) -> Verification:
        """Return the findings: chain first, then rows by account, version, seq; of each account the first.

        ``anchors``: seals written down elsewhere, which must still be there as they were. ``since``: an anchor; what it
        and the seals before it cover is believed, so that the cost is that of the rows after it.
        Raises MeterUnavailableError: it could not be done.
        """
        async with (
            self._ledger.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            walk = _Walk(connection, self._chunk, since or START)
            started = time.perf_counter()
            await walk.chain([*anchors, *([since] if since else [])])
            await walk.accounts()
            took = time.perf_counter() - started
        return Verification(
            clean=not walk.findings,
            head=str(walk.head) if walk.head.position else None,
            since=walk.since.position,
            seals=walk.seals,
            entries=walk.entries,
            unsealed=walk.unsealed,
            rows_per_second=round((walk.entries + walk.unsealed) / took),
            findings=walk.findings[:FINDINGS_MAX],
        )


class _Rows:
    """A cursor with a look at the next row."""

    def __init__(self, cursor: "Cursor[Record]", chunk: int) -> None:
        self._cursor = cursor
        self._chunk = chunk
        self._rows: list[Record] = []
        self._at = 0

    async def peek(self) -> Record | None:
        """Return the next row, None behind the last."""
        if self._at == len(self._rows):
            self._rows, self._at = await self._cursor.fetch(self._chunk, timeout=STATEMENT_SECONDS), 0
        return self._rows[self._at] if self._rows else None

    def skip(self) -> None:
        """Go on behind the row that was looked at."""
        self._at += 1


class _Walk:
    def __init__(self, connection: "PoolConnectionProxy[Record]", chunk: int, since: Anchor) -> None:
        self._connection = connection
        self._chunk = chunk
        self.since = self.head = since
        self.findings: list[Finding] = []
        self.seals = self.entries = self.unsealed = 0
        self._broken: str | None = None  # the account whose first altered row was found last

    async def _open(self, name: str, *arguments: int, chunk: int) -> _Rows:
        return _Rows(await self._connection.cursor(query(name), *arguments, timeout=STATEMENT_SECONDS), chunk)

    async def chain(self, anchors: Sequence[Anchor]) -> None:
        """Check the chain of the whole ledger, and that every anchor is a link of it."""
        asked = {anchor.position: anchor for anchor in anchors}
        rows = await self._open("verify_chain", self.since.position, chunk=self._chunk)
        while row := await rows.peek():
            rows.skip()
            seal = Seal(*row)
            anchor = asked.pop(seal.position, None)
            if anchor and anchor.hash != seal.hash:
                why = f"seal {seal.position} is not the one that was written down as {anchor}"
                self._add(Finding("seal", Found.CHANGED, seal.account_id, None, None, None, seal.position, why))
            if seal.position > self.since.position:
                self._add(check_chain(seal, self.head))
                self.head = Anchor(seal.position, seal.hash)
        for anchor in asked.values():
            why = f"seal {anchor.position} is not there, but was written down as {anchor}"
            self._add(Finding("seal", Found.MISSING, None, None, None, None, anchor.position, why))

    async def accounts(self) -> None:
        """Check every account's seals, and each seal beside its entries."""
        start = self.since.position
        seals = await self._open("verify_seals", start, chunk=SEALS_CHUNK)
        entries = (
            await self._open("verify_entries_since", start, chunk=self._chunk)
            if start
            else await self._open("verify_entries", chunk=self._chunk)
        )
        before: Seal | None = None
        while row := await seals.peek():
            seals.skip()
            seal = Seal(*row)
            self.seals += 1
            before = before if before and before.account_id == seal.account_id else await self._before(seal)
            if seal.account_id != self._broken:
                finding = check_account_chain(seal, before) or await self._rows_of(seal, entries)
                if finding is not None:
                    self._add(finding)
                    self._broken = seal.account_id
            before = seal
        while entry := await entries.peek():
            self._pass(entry, entries)

    async def _before(self, seal: Seal) -> Seal | None:
        """Return the last seal of an account that is believed."""
        if not self.since.position:
            return None
        row = await self._connection.fetchrow(query("verify_last"), seal.account_id, self.since.position)
        return Seal(*row) if row else None

    async def _rows_of(self, seal: Seal, entries: _Rows) -> Finding | None:
        check = RowCheck(seal)
        while entry := await entries.peek():
            if entry[ACCOUNT] < seal.account_id:
                self._pass(entry, entries)
                continue
            if entry[ACCOUNT] > seal.account_id or entry[VERSION] > seal.last_version:
                break
            entries.skip()
            self.entries += 1
            finding = check.entry(tuple(entry))
            if finding is not None:
                return finding
        return check.end()

    def _pass(self, entry: Record, entries: _Rows) -> None:
        """Go on behind an entry that no seal covers yet; the rest of a broken account is not looked at."""
        entries.skip()
        self.unsealed += entry[ACCOUNT] != self._broken

    def _add(self, finding: Finding | None) -> None:
        if finding is not None and len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
