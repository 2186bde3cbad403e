"""SHELL: the journal of an instance that died, for whoever gets its lock."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import msgspec

from metering.core.settlement import Facts, Reservation, Settlement, decode_facts, decode_settlement
from metering.journal import MAGIC, boot_id
from metering.segment import HEAD, UNWRITTEN


class Remains(msgspec.Struct, kw_only=True):
    """What a dead instance's journal says of one request that was not done."""

    request_id: str
    facts: Facts | None = None
    reservation: Reservation | None = None
    settlement: Settlement | None = None
    progress: int = 0
    given_up: bool = False

    @property
    def forwarded(self) -> bool:
        """Whether a byte may have gone upstream."""
        return self.reservation is not None or self.settlement is not None


class DeadJournal:
    """The journal of an instance that died, held by its lock until ``close``."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.instance_id = path.name
        self._lock = lock
        self.whole = True  # gap-free segments, no torn record: its silence proves something
        self.boot = ""
        self.fsync = "none"
        self.remains = {remains.request_id: remains for remains in self._read()}

    @property
    def proves_silence(self) -> bool:
        """Whether ``I`` without ``F`` proves that a request was never forwarded (DESIGN 3.5)."""
        return self.whole and (self.fsync == "group" or (self.boot == boot_id() != ""))

    def remove(self) -> None:
        """Delete the journal: everything in it is done."""
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)

    def _read(self) -> list[Remains]:
        found: dict[str, Remains] = {}
        segments = sorted(self.path.glob("*.log"))
        numbers = [int(segment.stem) for segment in segments]
        if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            self.whole = False
        for segment in segments:
            for kind, payload in self._records(segment):
                self._take(found, kind, payload)
        return list(found.values())

    def _take(self, found: dict[str, Remains], kind: bytes, payload: bytes) -> None:
        try:
            if kind == b"I":
                facts = decode_facts(payload)
                found[facts.request_id] = Remains(request_id=facts.request_id, facts=facts)
            elif kind == b"S":
                settlement = decode_settlement(payload)
                remains = found.setdefault(settlement.request_id, Remains(request_id=settlement.request_id))
                remains.settlement = settlement
            elif kind == b"D":
                _forget(found, payload.decode().split(","))
            elif kind == b"N":
                _give_up(found.get(payload.decode()))
            elif kind in {b"F", b"E"}:
                request_id, reservation = msgspec.json.decode(payload, type=tuple[str, Reservation])
                if request_id in found:
                    found[request_id].reservation = reservation
            elif kind == b"P":
                request_id, charge = msgspec.json.decode(payload, type=tuple[str, int])
                if request_id in found:
                    found[request_id].progress = max(found[request_id].progress, charge)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.whole = False

    def _records(self, segment: Path) -> Iterator[tuple[bytes, bytes]]:
        data = segment.read_bytes()
        end = data.find(b"\n", len(MAGIC))
        header: dict[str, str] = {}
        with suppress(msgspec.MsgspecError):
            header = msgspec.json.decode(data[len(MAGIC) : end], type=dict[str, str])
        if not data.startswith(MAGIC) or end < 0 or not header:
            self.whole = False
            return
        self.boot, self.fsync = header.get("boot", ""), header.get("fsync", "none")
        at = end + 1
        while at < len(data):
            length, check, kind = HEAD.unpack_from(data, at) if at + HEAD.size <= len(data) else (0, -1, b"")
            if kind == UNWRITTEN:
                return
            payload = data[at + HEAD.size : at + HEAD.size + length]
            if len(payload) != length or crc32(payload, crc32(kind)) != check:
                self.whole = False
                return
            yield kind, payload
            at += HEAD.size + length


def _forget(found: dict[str, Remains], request_ids: list[str]) -> None:
    for request_id in request_ids:
        found.pop(request_id, None)


def _give_up(remains: Remains | None) -> None:
    if remains is not None:
        remains.given_up = True


def dead_journals(folder: Path) -> Iterator[DeadJournal]:
    """Yield the journals in ``folder`` whose owners are dead, each with its lock taken."""
    for path in sorted(folder.glob("[!.]*")):
        try:
            lock = os.open(path / "lock", os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        # The owner may have removed the folder between the open and the lock.
        if (path / "lock").exists():
            yield DeadJournal(path, lock)
        else:
            os.close(lock)
