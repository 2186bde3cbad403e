"""Ids that sort by time."""

import os
import time
import uuid

from metering.ids import _Ids, new_id


def test_id_is_a_version_7_uuid_of_this_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    text = new_id()
    after = time.time_ns() // 1_000_000
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert before <= parsed.int >> 80 <= after


def test_ids_are_never_the_same_and_all_random_bits_are_used() -> None:
    ids: list[int] = []
    while len({value >> 80 for value in ids[::100]}) < 64:  # milliseconds
        ids += [uuid.UUID(new_id()).int for _ in range(100)]
    assert len(set(ids)) == len(ids)
    ones = zeros = 0
    for value in ids:
        ones |= value
        zeros |= ~value
    # 12 bits after the version, 62 after the variant: each was seen as 0 and as 1.
    random_bits = (((1 << 12) - 1) << 64) | ((1 << 62) - 1)
    assert ones & random_bits == random_bits
    assert zeros & random_bits == random_bits


def test_ids_of_later_milliseconds_are_greater() -> None:
    first = new_id()
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now:
        pass
    assert first < new_id()


def test_the_last_group_begins_again_at_its_end() -> None:
    ids, begun = _Ids(), -1
    while begun != ids._millisecond:  # all of it in one
        ids.new()
        ids._counter, begun = 2**48 - 2, ids._millisecond
        last, first = (uuid.UUID(ids.new()).int & (2**48 - 1) for _ in range(2))
    assert (last, first) == (2**48 - 1, 0)


def test_a_child_process_has_ids_of_its_own() -> None:
    reading, writing = os.pipe()
    new_id()
    child = os.fork()
    if not child:
        os.write(writing, new_id().encode())
        os._exit(0)
    mine = new_id()
    os.waitpid(child, 0)
    assert os.read(reading, 36).decode()[-12:-4] != mine[-12:-4]
    os.close(reading)
    os.close(writing)
