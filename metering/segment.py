"""SHELL: one file of the journal, written as memory.

A record that lies in a shared mapping survives the death of its process as a write does, and costs no call of the
system: three writes of each request are five microseconds. The room is allocated beforehand, so a full disk is an error
here and never a signal. What is not written yet is zeros.

A record is a head (length of the payload, CRC-32 of kind and payload, kind) and the payload. The kind is the last byte
that is written: without it there is no record, whenever the writer was killed.
"""

import errno
import mmap
import os
from contextlib import suppress
from pathlib import Path
from struct import Struct
from zlib import crc32

HEAD = Struct("<IIc")
UNWRITTEN = b"\0"
"""The kind of what was never written, or not to its end."""
WINDOW_BYTES = 1_048_576
"""So much is allocated and mapped at once: some microseconds for some hundred requests."""
_PAGE = mmap.ALLOCATIONGRANULARITY
_SEEDS = {kind: crc32(kind) for kind in (b"I", b"F", b"E", b"P", b"S", b"N", b"D")}
_HEAD_BYTES = HEAD.size
_pack_into = HEAD.pack_into


class Segment:
    """A file that only grows. ``size`` is what was written; the file is longer. All calls raise OSError."""

    def __init__(self, path: Path, header: bytes) -> None:
        self.size = 0
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
        self._start = self._end = 0  # of the mapped window
        self._map: mmap.mmap | None = None
        try:
            self._window(len(header))[: len(header)] = header
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self.size = len(header)

    def append(self, kind: bytes, payload: bytes) -> None:
        """Write a record."""
        size, window = self.size, self._map
        end = size + _HEAD_BYTES + len(payload)
        if end > self._end or window is None:
            window = self._window(end - size)
        at = size - self._start
        window[at + _HEAD_BYTES : end - self._start] = payload
        _pack_into(window, at, len(payload), crc32(payload, _SEEDS[kind]), kind)
        self.size = end

    def sync(self) -> None:
        """Wait until everything written so far is on the disk."""
        os.fdatasync(self._file)  # of a file, mapped pages are a part like any other

    def finish(self) -> None:
        """Give back the room that was not used; nothing is written any more."""
        if self._map is not None:
            self._map.close()
            self._map = None
        self._end = 0
        with suppress(OSError):
            os.ftruncate(self._file, self.size)

    def __del__(self) -> None:
        """Close the file, when nobody has it any more: a thread may still wait in ``sync``."""
        if hasattr(self, "_file"):
            os.close(self._file)

    def _window(self, wanted: int) -> mmap.mmap:
        """Allocate and map the room that follows, at least ``wanted`` bytes of it."""
        start = self.size - self.size % _PAGE
        length = max(WINDOW_BYTES, -(-(self.size - start + wanted) // _PAGE) * _PAGE)
        _allocate(self._file, start, length)
        window = mmap.mmap(self._file, length, offset=start)
        if self._map is not None:
            self._map.close()
        self._map, self._start, self._end = window, start, start + length
        return window


def _allocate(file: int, start: int, length: int) -> None:
    if hasattr(os, "posix_fallocate"):  # macOS has no such call
        try:
            os.posix_fallocate(file, start, length)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:  # some file systems have none
                raise
        else:
            return
    there = os.fstat(file).st_size
    missing = start + length - there
    if missing > 0 and os.pwrite(file, bytes(missing), there) < missing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
