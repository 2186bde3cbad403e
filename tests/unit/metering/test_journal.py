"""The journal on real files: what a reader finds after any end of its writer."""

import fcntl
import os
from pathlib import Path

import msgspec
import pytest

from config.settings import JournalSettings
from metering.core.settlement import Reservation, encode_facts
from metering.dead_journal import dead_journals
from metering.journal import Journal, JournalError, boot_id
from metering.segment import HEAD
from tests.unit.metering.journal_case import (
    GROWN,
    HELD,
    SETTINGS,
    STEPS,
    die,
    facts_of,
    read,
    remains,
    segments,
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path, "instance-1", SETTINGS)


@pytest.mark.parametrize(
    ("records", "forwarded", "reservation", "progress", "charge"),
    [
        ("I", False, None, 0, None),
        ("IF", True, HELD, 0, None),
        ("IFP", True, HELD, 150, None),
        ("IFPp", True, HELD, 150, None),  # progress never goes back
        ("IFE", True, GROWN, 0, None),
        ("IFPEP", True, GROWN, 150, None),
        ("IFS", True, HELD, 0, 120),
        ("IFPES", True, GROWN, 150, 120),
    ],
)
def test_reader_finds_how_far_a_request_came(
    journal: Journal,
    tmp_path: Path,
    records: str,
    *,
    forwarded: bool,
    reservation: Reservation | None,
    progress: int,
    charge: int | None,
) -> None:
    for kind in records:
        STEPS[kind](journal, "r1")
    (found,) = remains(journal, tmp_path).values()
    assert found.facts is not None
    assert encode_facts(found.facts) == facts_of("r1")
    assert (found.forwarded, found.reservation, found.progress) == (forwarded, reservation, progress)
    assert (found.settlement.charge if found.settlement else None) == charge


@pytest.mark.parametrize("records", ["ID", "IFD", "IFPESD", "IDD"])
def test_reader_finds_nothing_of_what_is_done(journal: Journal, tmp_path: Path, records: str) -> None:
    for kind in records:
        STEPS[kind](journal, "r1")
    assert journal.unfinished == 0
    assert remains(journal, tmp_path) == {}


def test_done_of_an_unknown_id_changes_nothing(journal: Journal, tmp_path: Path) -> None:
    journal.begin("r1", facts_of("r1"))
    before = (tmp_path / "instance-1" / "00000001.log").read_bytes()
    journal.done("r2")
    assert (tmp_path / "instance-1" / "00000001.log").read_bytes() == before
    assert journal.unfinished == 1
    assert list(remains(journal, tmp_path)) == ["r1"]


def test_journal_cut_at_any_byte_gives_every_whole_record_and_proves_nothing_when_torn(
    journal: Journal, tmp_path: Path
) -> None:
    segment = tmp_path / "instance-1" / "00000001.log"
    ends: dict[int, tuple[bool, int, bool]] = {journal._segment.size: (False, 0, False)}
    for kind in "IFPS":
        STEPS[kind](journal, "r1")
        state = {"I": (True, 0, False), "F": (True, 300, False), "P": (True, 300, False), "S": (True, 300, True)}[kind]
        ends[journal._segment.size] = state
    written = max(ends)
    die(journal)
    whole = segment.read_bytes()
    assert whole.count(0, written) == len(whole) - written  # room that was not used
    for cut in range(written + 1):
        segment.write_bytes(whole[:cut])
        dead = read(tmp_path)
        last = max((end for end in ends if end <= cut), default=None)
        known, amount, settled = ends[last] if last is not None else (False, 0, False)
        found = dead.remains.get("r1")
        assert (found is not None) is known
        if found:
            assert (found.reservation.amount if found.reservation else 0) == amount
            assert (found.settlement is not None) is settled
        assert dead.proves_silence is (cut in ends), cut


def test_record_whose_writer_was_killed_is_none_and_all_before_it_proves_what_it_did(
    journal: Journal, tmp_path: Path
) -> None:
    STEPS["I"](journal, "r1")
    begun = journal._segment.size
    STEPS["F"](journal, "r1")
    die(journal)
    segment = tmp_path / "instance-1" / "00000001.log"
    whole = segment.read_bytes()
    kind = begun + HEAD.size - 1
    for written in (b"", whole[begun : begun + 2], whole[begun : begun + 6], whole[begun:kind]):  # the kind comes last
        segment.write_bytes(whole[:begun] + written + bytes(kind + 1 - begun - len(written)) + whole[kind + 1 :])
        dead = read(tmp_path)
        assert dead.proves_silence
        assert dead.remains["r1"].reservation is None


def test_flipped_bit_anywhere_is_noticed(journal: Journal, tmp_path: Path) -> None:
    STEPS["I"](journal, "r1")
    STEPS["F"](journal, "r1")
    written = journal._segment.size
    die(journal)
    segment = tmp_path / "instance-1" / "00000001.log"
    whole = segment.read_bytes()[: written + HEAD.size]
    for at in range(written):
        segment.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        dead = read(tmp_path)
        found = dead.remains.get("r1")
        if dead.proves_silence:  # only the names in the header may differ and be believed
            assert found
            assert found.forwarded


def test_closed_journal_in_which_all_is_done_leaves_nothing(journal: Journal, tmp_path: Path) -> None:
    STEPS["I"](journal, "r1")
    STEPS["D"](journal, "r1")
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_closed_journal_with_something_open_can_be_adopted(journal: Journal, tmp_path: Path) -> None:
    STEPS["I"](journal, "r1")
    journal.close()
    assert list(read(tmp_path).remains) == ["r1"]


def test_journal_of_a_living_owner_is_not_touched(journal: Journal, tmp_path: Path) -> None:
    assert list(dead_journals(tmp_path)) == []
    die(journal)
    (dead,) = list(dead_journals(tmp_path))
    assert list(dead_journals(tmp_path)) == []  # one adopter is enough
    dead.close()
    dead.remove()
    assert list(tmp_path.iterdir()) == []


def test_folder_without_a_lock_or_no_folder_at_all_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert list(dead_journals(tmp_path)) == []
    assert list(dead_journals(tmp_path / "nowhere")) == []


def test_name_that_is_taken_is_refused(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="can't be written"):
        Journal(tmp_path, "instance-1", SETTINGS)
    journal.close()


def rewrite_header(folder: Path, **changes: str) -> None:
    """Change the header of every segment."""
    for segment in folder.glob("*/*.log"):
        magic, header, rest = segment.read_bytes().split(b"\n", 2)
        values = msgspec.json.decode(header) | changes
        segment.write_bytes(b"\n".join([magic, msgspec.json.encode(values), rest]))


@pytest.mark.parametrize(
    ("changes", "proves"),
    [
        ({}, True),
        ({"boot": "another"}, False),  # the machine went down: what was written may be lost
        ({"boot": ""}, False),
        ({"boot": "another", "fsync": "group"}, True),
    ],
)
def test_silence_proves_something_only_where_every_record_is_there(
    journal: Journal, tmp_path: Path, changes: dict[str, str], *, proves: bool
) -> None:
    assert boot_id()
    STEPS["I"](journal, "r1")
    die(journal)
    rewrite_header(tmp_path, **changes)
    assert read(tmp_path).proves_silence is proves


def test_empty_journal_proves_nothing(journal: Journal, tmp_path: Path) -> None:
    die(journal)
    (tmp_path / "instance-1" / "00000001.log").unlink()
    assert not read(tmp_path).proves_silence


async def test_sync_writes_to_the_disk_only_where_it_is_asked_for(tmp_path: Path) -> None:
    for number, fsync in enumerate(("none", "group")):
        journal = Journal(tmp_path, f"instance-{number}", JournalSettings(fsync=fsync))
        journal.begin("r1", facts_of("r1"))
        await journal.sync()
        journal.done("r1")
        journal.close()
    assert segments(tmp_path) == []


def test_lock_is_a_kernel_lock_that_ends_with_its_owner(journal: Journal, tmp_path: Path) -> None:
    lock = os.open(tmp_path / "instance-1" / "lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    die(journal)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)
