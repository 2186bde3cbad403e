"""UUIDv7: ids that sort by time, and whose UTC day is part of the ledger's keys."""

import os
import random
import time

_VARIANT = 0x8000
_LAST_GROUP = 0xFFFF_FFFF_FFFF


class _Ids:
    """Makes ids: what stands before the last group is made once a millisecond, the last one is counted on."""

    __slots__ = ("_counter", "_head", "_millisecond", "_random")

    def __init__(self) -> None:
        # Ids name things and guard nothing (keys do), so the operating system is asked once and not for each.
        self._random = random.Random()  # noqa: S311 - see above
        self.reset()

    def reset(self) -> None:
        """Begin again: in a process of its own, other ids than its parent's."""
        self._random.seed(os.urandom(32))
        self._millisecond, self._head, self._counter = 0, "", 0

    def new(self) -> str:
        """Return a new UUIDv7 as text. Those of a millisecond count on from 74 random bits."""
        now = time.time_ns() // 1_000_000
        if now != self._millisecond:
            self._millisecond = now
            group = _VARIANT | self._random.getrandbits(14)
            self._head = f"{now >> 16:08x}-{now & 0xFFFF:04x}-7{self._random.getrandbits(12):03x}-{group:04x}-"
            self._counter = self._random.getrandbits(48)
        self._counter = self._counter + 1 & _LAST_GROUP
        return f"{self._head}{self._counter:012x}"


_ids = _Ids()
os.register_at_fork(after_in_child=_ids.reset)
new_id = _ids.new
