"""SHELL: the write-ahead journal, the gateway's own third copy of every open request.

A journal is a folder of segments, ``state_dir/journal/<instance id>/``; its owner holds an exclusive ``flock`` on
``lock`` for as long as it lives, so whoever gets the lock knows that the owner is dead. Its records:

    I  facts                     before reserve is sent
    F  id, reservation           right before the first byte goes upstream
    E  id, reservation           the hold was extended
    P  id, progress              charge so far
    S  settlement                usage known: before the client gets its last byte
    N  id                        nothing was used: its hold is about to be released
    D  ids                       booked, or released: nothing of them is left to do (joined by commas)

A record survives the death of the process; with ``fsync = "group"`` also the death of the machine. A segment is
dropped when every request in it, and in all before it, is done.
"""

import asyncio
import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from config.settings import JournalSettings
from metering.core.settlement import Reservation
from metering.errors import MeterUnavailableError
from metering.segment import Segment

MAGIC = b"farebox journal 1\n"
DONE_BUFFER_MAX = 64
_encode = msgspec.json.Encoder().encode


class JournalError(MeterUnavailableError):
    """The journal can't be written: disk full, read-only, or gone. Nothing is forwarded."""


def boot_id() -> str:
    """Return what is new at each start of the machine ("" where that is not known)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Journal:
    """The journal of one running instance."""

    def __init__(self, folder: Path, instance_id: str, settings: JournalSettings) -> None:
        """Create the folder, take its lock and open the first segment. Raises JournalError."""
        self._path = folder / instance_id
        self._settings = settings
        self._number, self._first = 0, 1  # the newest segment, and the oldest that is still there
        self._done: list[str] = []  # to be written with the next record
        self._synced = 0, 0  # the segment, and how much of it, that is on the disk with all before it
        self._syncing = asyncio.Lock()
        self.durable = settings.fsync == "group"
        # Segment in which each unfinished request began: a segment may go when none began in it or before it.
        self._begun: dict[str, int] = {}
        self._open_in: dict[int, int] = {}
        self._header = MAGIC + _encode({"instance": instance_id, "boot": boot_id(), "fsync": settings.fsync}) + b"\n"
        # Locked before it can be seen: a neighbour that looks for the dead must not get the lock first.
        hidden = folder / f".{instance_id}"
        try:
            hidden.mkdir(parents=True, mode=0o700)
            self._lock = os.open(hidden / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._path)
        except OSError as error:
            raise self._error(error) from error
        self._segment = self._begin_segment()

    @property
    def unfinished(self) -> int:
        """How many requests have begun and are not done."""
        return len(self._begun)

    def begin(self, request_id: str, facts: bytes) -> None:
        """``I``: a request is about to be reserved."""
        self._begun[request_id] = self._number
        self._open_in[self._number] = self._open_in.get(self._number, 0) + 1
        try:
            self._write(b"I", facts)
        except JournalError:
            self._open_in[self._begun.pop(request_id)] -= 1
            raise

    def forward(self, request_id: str, reservation: Reservation) -> None:
        """``F``: the first byte goes upstream next."""
        self._write(b"F", _encode((request_id, reservation)))

    def extend(self, request_id: str, reservation: Reservation) -> None:
        """``E``: more is held for a request."""
        self._write(b"E", _encode((request_id, reservation)))

    def progress(self, request_id: str, charge: int) -> None:
        """``P``: what has been produced so far would be charged so much."""
        self._write(b"P", _encode((request_id, charge)))

    def settle(self, settlement: bytes) -> None:
        """``S``: the usage is known."""
        self._write(b"S", settlement)

    def give_up(self, request_id: str) -> None:
        """``N``: nothing was used; whoever finds this releases the hold, though a byte may have gone upstream."""
        self._write(b"N", request_id.encode())

    def done(self, request_id: str) -> None:
        """``D``: nothing is left to do. Buffered, since a lost one only costs a second look."""
        number = self._begun.pop(request_id, None)
        if number is None:
            return
        self._open_in[number] -= 1
        self._done.append(request_id)
        if not self._begun or len(self._done) >= DONE_BUFFER_MAX:
            self._flush_done()

    def _flush_done(self) -> None:
        with suppress(OSError):  # the requests are done; a reader looks them up again
            self._append_done()
            self._drop_segments()

    def _append_done(self) -> None:
        done, self._done = ",".join(self._done), []
        self._segment.append(b"D", done.encode())

    def _write(self, kind: bytes, payload: bytes) -> None:
        segment = self._segment
        try:
            if self._done:
                self._append_done()
            segment.append(kind, payload)
        except OSError as error:
            raise self._error(error) from error
        if segment.size >= self._settings.segment_bytes_max:
            with suppress(JournalError, OSError):  # it is written; a segment that can't be followed yet grows on
                self._rotate()
                self._drop_segments()

    def _error(self, error: OSError) -> JournalError:
        return JournalError(f"the journal {self._path} can't be written: {error.strerror}")

    def _rotate(self) -> None:
        old = self._segment
        if self.durable:
            old.sync()  # whoever waits for a record looks at the newest segment only
        self._segment = self._begin_segment()
        old.finish()

    def _begin_segment(self) -> Segment:
        try:
            segment = Segment(self._file(self._number + 1), self._header)
        except OSError as error:
            raise self._error(error) from error
        self._number += 1
        return segment

    def _drop_segments(self) -> None:
        while self._first < self._number and not self._open_in.get(self._first):
            self._open_in.pop(self._first, None)
            self._file(self._first).unlink(missing_ok=True)
            self._first += 1

    def _file(self, number: int) -> Path:
        return self._path / f"{number:08d}.log"

    async def sync(self) -> None:
        """Wait until everything written so far is on the disk; one call of the system serves all who wait."""
        written = self._number, self._segment.size
        async with self._syncing:
            if self._synced < written:
                everything = self._number, self._segment.size
                await asyncio.to_thread(self._segment.sync)
                self._synced = everything

    def close(self) -> None:
        """Close; a journal in which everything is done leaves nothing behind."""
        if self._done:
            self._flush_done()
        self._segment.finish()
        if not self._begun:
            shutil.rmtree(self._path, ignore_errors=True)
        os.close(self._lock)
