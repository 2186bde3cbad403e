"""UUIDv7: ids that sort by time, and whose UTC day is part of the ledger's keys."""

import os
import random
import time

_HEX = "89ab"
# Ids name things and guard nothing (keys do), so the operating system is asked once and not for each.
_random = random.Random(os.urandom(32))  # noqa: S311 - see above
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def new_id() -> str:
    """Return a new UUIDv7 as text. 74 random bits; no order within a millisecond is promised."""
    head = f"{time.time_ns() // 1_000_000:012x}"
    tail = f"{_random.getrandbits(74):019x}"
    return f"{head[:8]}-{head[8:]}-7{tail[1:4]}-{_HEX[int(tail[0], 16)]}{tail[4:7]}-{tail[7:]}"
