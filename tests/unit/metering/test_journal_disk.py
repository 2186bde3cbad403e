"""The journal's segments, and disks that are full."""

import resource
from pathlib import Path

import pytest
from msgspec.structs import replace

from metering.core.settlement import decode_facts, encode_facts
from metering.ids import new_id
from metering.journal import Journal, JournalError
from metering.segment import WINDOW_BYTES
from tests.unit.metering.journal_case import (
    HELD,
    SETTINGS,
    SMALL,
    STEPS,
    die,
    facts_of,
    files_of_at_most,
    fill_window,
    read,
    remains,
    segments,
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path, "instance-1", SETTINGS)


def fill(journal: Journal, number: int) -> list[str]:
    """Begin requests until segment ``number`` is the one written to."""
    begun = []
    while journal._number < number:
        begun.append(new_id())
        journal.begin(begun[-1], facts_of(begun[-1]))
    return begun


def test_full_segment_is_followed_by_the_next_and_all_are_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "instance-1", SMALL)
    begun = fill(journal, 4)
    assert segments(tmp_path) == [1, 2, 3, 4]
    die(journal)
    dead = read(tmp_path)
    assert list(dead.remains) == begun
    assert dead.proves_silence


def test_segment_is_dropped_when_all_in_it_and_before_it_is_done(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "instance-1", SMALL)
    first, second = fill(journal, 2), fill(journal, 3)
    last = new_id()
    journal.begin(last, facts_of(last))
    for request_id in second:
        journal.done(request_id)
    journal._flush_done()
    assert segments(tmp_path) == [1, 2, 3]  # the first is still needed
    for request_id in first:
        journal.done(request_id)
    journal._flush_done()
    assert segments(tmp_path) == [3]
    die(journal)
    dead = read(tmp_path)
    assert list(dead.remains) == [last]
    assert dead.proves_silence


def test_segment_in_which_nothing_began_leaves_no_gap_when_it_goes(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "instance-1", SMALL)
    (first, *_) = begun = fill(journal, 2)
    for request_id in begun[1:]:
        journal.done(request_id)
    while journal._number < 4:  # a long stream fills segments with nothing but its progress
        journal.progress(first, 1)
    last = new_id()
    journal.begin(last, facts_of(last))
    journal.done(first)
    journal._flush_done()
    die(journal)
    dead = read(tmp_path)
    assert list(dead.remains) == [last]
    assert dead.proves_silence
    assert segments(tmp_path) == [4]


@pytest.mark.parametrize("gone", [1, 2])
def test_missing_segment_proves_nothing_and_the_others_are_read(tmp_path: Path, gone: int) -> None:
    journal = Journal(tmp_path, "instance-1", SMALL)
    begun = fill(journal, 3)
    journal.begin("last", facts_of("last"))
    die(journal)
    (tmp_path / "instance-1" / f"{gone:08d}.log").unlink()
    dead = read(tmp_path)
    assert "last" in dead.remains
    assert 1 < len(dead.remains) < len(begun) + 1
    # What was dropped at the head was done; a gap was not.
    assert dead.proves_silence is (gone == 1)


@pytest.mark.parametrize("room", [0, 1, 4096])
def test_full_disk_refuses_the_request_and_tears_nothing_that_follows(
    journal: Journal, tmp_path: Path, room: int
) -> None:
    STEPS["I"](journal, "r1")
    fill_window(journal, "r1")
    size = (tmp_path / "instance-1" / "00000001.log").stat().st_size
    with files_of_at_most(size + room):
        for request_id in ("r2", "r3"):
            with pytest.raises(JournalError, match="can't be written"):
                journal.begin(request_id, facts_of(request_id))
    assert journal.unfinished == 1
    # There is room again: what is written now can be read.
    STEPS["F"](journal, "r1")
    journal.begin("r4", facts_of("r4"))
    found = remains(journal, tmp_path)
    assert list(found) == ["r1", "r4"]
    assert found["r1"].reservation == HELD
    assert read(tmp_path).proves_silence


def test_records_of_any_size_are_read_across_windows(journal: Journal, tmp_path: Path) -> None:
    STEPS["I"](journal, "r1")
    fill_window(journal, "r1")
    facts = replace(decode_facts(facts_of("r2")), reason="x" * (3 * WINDOW_BYTES))
    journal.begin("r2", encode_facts(facts))
    STEPS["F"](journal, "r1")
    found = remains(journal, tmp_path)
    assert found["r1"].reservation == HELD
    assert found["r2"].facts == facts
    assert read(tmp_path).proves_silence


def test_segment_that_is_followed_gives_its_room_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "instance-1", SMALL)
    fill(journal, 2)
    assert (tmp_path / "instance-1" / "00000001.log").stat().st_size < 2 * SMALL.segment_bytes_max
    assert (tmp_path / "instance-1" / "00000002.log").stat().st_size == WINDOW_BYTES


def test_segment_that_can_not_be_followed_yet_grows_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "instance-1", SMALL)
    begun = fill(journal, 2)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limit[1]))
    try:
        for number in range(50):
            journal.begin(f"r{number}", facts_of(f"r{number}"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert segments(tmp_path) == [1, 2]
    journal.begin("last", facts_of("last"))
    assert segments(tmp_path) == [1, 2, 3]
    assert list(remains(journal, tmp_path)) == [*begun, *(f"r{number}" for number in range(50)), "last"]
