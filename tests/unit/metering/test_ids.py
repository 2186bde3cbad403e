"""Ids that sort by time."""

import time
import uuid

from metering.ids import new_id


def test_id_is_a_version_7_uuid_of_this_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    text = new_id()
    after = time.time_ns() // 1_000_000
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert before <= parsed.int >> 80 <= after


def test_ids_are_never_the_same_and_all_random_bits_are_used() -> None:
    ids = [uuid.UUID(new_id()).int for _ in range(5_000)]
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
