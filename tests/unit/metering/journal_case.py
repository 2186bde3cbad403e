"""A journal, the ways in which its owner ends, and who reads it then."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from config.settings import JournalSettings
from metering.core.settlement import (
    Facts,
    Outcome,
    Reservation,
    Source,
    Status,
    encode_facts,
    result_of,
    row_of,
)
from metering.dead_journal import DeadJournal, Remains, dead_journals
from metering.journal import Journal

SETTINGS = JournalSettings()
SMALL = replace(SETTINGS, segment_bytes_max=4_000)
HELD = Reservation(300, 1_700_000_000_000, ["p1", 300])
GROWN = Reservation(600, 1_700_000_000_000, ["p1", 500, "p2", 100])


def facts_of(request_id: str) -> bytes:
    return encode_facts(
        Facts(
            request_id=request_id,
            account_id="a1",
            user_id=None,
            key_id=None,
            endpoint="chat.completions",
            model="m",
            provider="p",
            resource="tokens",
            stream=True,
            counted_prompt_tokens=100,
            rates=(1_000_000, 1_000_000, 1_000_000),
            rate_version="v",
            session_id=None,
            reason="",
            feature=None,
            orphan="bounded",
            started_at_ms=1,
        )
    )


def settlement_of(request_id: str) -> bytes:
    outcome = Outcome(
        prompt_tokens=100,
        completion_tokens=20,
        source=Source.UPSTREAM,
        status=Status.COMPLETED,
        counted_completion_tokens=20,
    )
    return row_of(facts_of(request_id), result_of(HELD, outcome, charge=120, duration_ms=1))


def die(journal: Journal) -> None:
    """End as a killed process does: its lock is gone, nothing is tidied up."""
    os.close(journal._lock)


def read(folder: Path) -> DeadJournal:
    (dead,) = list(dead_journals(folder))
    dead.close()
    return dead


def remains(journal: Journal, folder: Path) -> dict[str, Remains]:
    die(journal)
    return read(folder).remains


def segments(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*/*.log"))


STEPS: dict[str, Callable[[Journal, str], None]] = {
    "I": lambda journal, r: journal.begin(r, facts_of(r)),
    "F": lambda journal, r: journal.forward(r, HELD),
    "P": lambda journal, r: journal.progress(r, 150),
    "p": lambda journal, r: journal.progress(r, 140),
    "E": lambda journal, r: journal.extend(r, GROWN),
    "S": lambda journal, r: journal.settle(settlement_of(r)),
    "D": lambda journal, r: journal.done(r),
}


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full when a file has so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill_window(journal: Journal, request_id: str) -> None:
    """Write progress until no request fits into the room that is allocated."""
    while journal._segment._end - journal._segment.size > 100:
        journal.progress(request_id, 1)
