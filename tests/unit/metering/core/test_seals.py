"""The encoding of seals, and one seal compared with its rows."""

import datetime as dt
import hashlib
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from metering.core.seals import (
    LEAF,
    NO_SEAL,
    Anchor,
    RowCheck,
    Seal,
    check_account_chain,
    check_chain,
    digest_of,
    encode,
    hash_of,
    moment,
    parse_anchor,
)

ACCOUNT = "01a1fd49-54ef-749a-8e21-80a931bd6113"
DAY, AT = dt.date(2026, 11, 21), dt.datetime(2026, 11, 21, 8, 46, 43, 946831, dt.UTC)


def entry(version: int, seq: int, **changes: Any) -> tuple[Any, ...]:
    """Return an entry as the verifier reads it."""
    fields = {
        "account_id": ACCOUNT, "version": version, "seq": seq, "id": str(UUID(int=100 * version + seq)), "day": DAY,
        "at": AT, "kind": "usage", "resource": "tokens", "amount": 5, "delta": -5, "book_from": "pack:x",
        "book_to": "usage", "balance_after": 7, "pack_id": None, "request_id": None, "user_id": "u1", "key_id": None,
        "model": "m", "service": "s", "session_id": None, "reason": "über", "prompt_tokens": 2,
        "completion_tokens": 3, "source": "upstream",
    }  # fmt: skip
    assert changes.keys() <= fields.keys()
    return tuple({**fields, **changes}.values())


ROWS = [entry(1, 1, kind="grant", delta=5), entry(2, 1), entry(2, 2), entry(4, 1)]


def seal_of(rows: list[tuple[Any, ...]], **changes: Any) -> Seal:
    """Return the first seal of the ledger, over some rows; its hash is right."""
    leaves = b"".join(LEAF.pack(row[1], row[2], UUID(row[3]).bytes, digest_of(row)) for row in rows)
    kinds = sorted({(row[7], row[6]) for row in rows})
    sums = [
        [*kind, len(of_kind), sum(row[8] for row in of_kind), sum(row[9] for row in of_kind)]
        for kind in kinds
        if (of_kind := [row for row in rows if (row[7], row[6]) == kind])
    ]
    seal = Seal(
        1, ACCOUNT, 1, 1, 4, len(rows), DAY, DAY, json.dumps(sums), leaves, hashlib.sha256(leaves).digest(), NO_SEAL,
        NO_SEAL, AT, b"",
    )  # fmt: skip
    changed = replace(seal, **changes)
    return replace(changed, hash=hash_of(changed))


def walked(seal: Seal, rows: list[tuple[Any, ...]]) -> Any:
    """Return what comparing a seal with rows finds first."""
    check = RowCheck(seal)
    return next((finding for row in rows if (finding := check.entry(row))), None) or check.end()


def test_fields_are_counted_in_bytes_and_null_is_not_a_text() -> None:
    assert encode(["a", 12, None, "", "-", "€"]) == "1:a2:12-0:1:-3:€".encode()


def test_no_two_rows_are_encoded_alike() -> None:
    rows = [["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None], [None, "abc"], ["1:a", "c"], ["abc"]]
    assert len({encode(row) for row in rows}) == len(rows)


def test_a_moment_is_exact_to_the_microsecond() -> None:
    assert moment(AT) == 1795250803946831
    assert moment(dt.datetime(1969, 12, 31, 23, 59, 59, 999999, dt.UTC)) == -1


def test_the_encoding_of_an_entry_stays_what_it_is() -> None:
    """What was sealed once must verify for ever: a change here is a new form of seal."""
    assert digest_of(entry(2, 1)).hex() == "4acba15c4d8bbe58417ea7f8203e74cc61c4fc50b0b761831f2b81f8e588b524"
    assert hash_of(seal_of(ROWS)).hex() == "6855a6d2e9a20973959557ad1f65d368b6b6965e4a6419a41a4c7f79c4dda61f"


def test_rows_that_were_sealed_are_found_as_they_were() -> None:
    assert walked(seal_of(ROWS), ROWS) is None
    assert walked(seal_of([]), []) is None


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([*ROWS[:2], entry(2, 2, reason="x"), entry(4, 1, reason="x")], ("changed", 2, 2)),
        ([ROWS[0], *ROWS[2:]], ("missing", 2, 1)),
        (ROWS[:3], ("missing", 4, 1)),
        ([], ("missing", 1, 1)),
        ([*ROWS[:3], entry(3, 1), ROWS[3]], ("inserted", 3, 1)),
        ([*ROWS, entry(4, 2)], ("inserted", 4, 2)),
        ([entry(0, 1), *ROWS], ("inserted", 0, 1)),
        ([*ROWS[:3], ROWS[2], ROWS[3]], ("inserted", 2, 2)),
        ([*ROWS[:3], entry(4, 1, id=str(UUID(int=9)))], ("changed", 4, 1)),
    ],
)
def test_the_first_altered_row_is_found(rows: list[tuple[Any, ...]], found: tuple[str, int, int]) -> None:
    finding = walked(seal_of(ROWS), rows)
    assert (finding.what, finding.found, finding.version, finding.seq) == ("entry", *found)


def test_sums_that_are_not_those_of_the_rows_are_found() -> None:
    finding = walked(seal_of(ROWS, sums='[["tokens", "grant", 1, 5, 5], ["tokens", "usage", 3, 15, -16]]'), ROWS)
    assert (finding.what, finding.found) == ("seal", "changed")


START = Anchor(0, NO_SEAL)


@pytest.mark.parametrize(
    ("changes", "before", "found"),
    [
        ({}, START, None),
        ({"position": 2}, START, "missing"),
        ({}, Anchor(0, b"\1" * 32), "changed"),
        ({"previous_overall": b"\1" * 32}, START, "changed"),
    ],
)
def test_a_seal_follows_the_one_before_it(changes: dict[str, Any], before: Anchor, found: str | None) -> None:
    finding = check_chain(seal_of(ROWS, **changes), before)
    assert (finding and finding.found) == found


@pytest.mark.parametrize("field", [name for name in Seal.__slots__ if name not in {"leaves", "hash", "position"}])
def test_every_field_of_a_seal_is_in_its_hash(field: str) -> None:
    seal, other = seal_of(ROWS), seal_of(ROWS[:1], number=2, first_version=2, last_version=9, account_id="x")
    others = replace(other, first_day=None, last_day=None, previous=b"\1" * 32, previous_overall=b"\1" * 32,
                     sealed_at=AT + dt.timedelta(microseconds=1))  # fmt: skip
    changed = replace(seal, **{field: getattr(others, field)})
    assert changed != seal
    finding = check_chain(changed, START)
    assert finding
    assert finding.found == "changed"


def test_an_account_has_a_chain_of_its_own() -> None:
    first = seal_of(ROWS)
    follower = {"number": 2, "first_version": 5, "last_version": 6, "previous": first.hash}
    assert check_account_chain(first, None) is None
    assert check_account_chain(seal_of([], **follower), first) is None
    for change, found in (
        ({"number": 3}, "missing"),
        ({"first_version": 6}, "missing"),
        ({"first_version": 4}, "missing"),
        ({"previous": NO_SEAL}, "changed"),
        ({"leaves": b"\0" * LEAF.size}, "changed"),
        ({"entries": 1}, "changed"),
    ):
        finding = check_account_chain(seal_of([], **{**follower, **change}), first)
        assert finding, change
        assert finding.found == found
    assert check_account_chain(seal_of([], **follower), None)


def test_an_anchor_is_read_as_it_is_printed() -> None:
    anchor = Anchor(12, bytes(range(32)))
    assert parse_anchor(str(anchor)) == parse_anchor(f" {str(anchor).upper()}\n") == anchor


@pytest.mark.parametrize("text", ["", "12", f"0:{'0' * 64}", f"12:{'0' * 63}", f"12:{'g' * 64}", f"-1:{'0' * 64}"])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="POSITION:HASH"):
        parse_anchor(text)
