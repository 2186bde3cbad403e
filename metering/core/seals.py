"""Seals as the verifier sees them: the encoding written a second time, and one seal compared with its rows.

metering/sql/functions/70_seals.sql makes seals; nothing of it is used here. docs/architecture.md ("Seals") has the
encoding: fields in a fixed order, each with its length in bytes of UTF-8, a colon and its text, "-" for null.
"""

import hashlib
import json
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

NO_SEAL = bytes(32)  # what the first seal names as the one before it
LEAF = struct.Struct(">qi16s32s")  # version, seq, id, SHA-256 of the entry
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ANCHOR = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")

# An entry is a sequence of its columns in the order in which they are hashed.
ACCOUNT, VERSION, SEQ, ID, RESOURCE, KIND, AMOUNT, DELTA = 0, 1, 2, 3, 7, 6, 8, 9


class Found(StrEnum):
    """What is wrong with a row or a seal."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"


class Finding(msgspec.Struct, frozen=True):
    """One row (``what`` is "entry") or seal ("seal") that is not as it was sealed; ``why`` is a sentence for people."""

    what: str
    found: Found
    account_id: str | None
    version: int | None
    seq: int | None
    id: str | None
    position: int
    why: str


class Anchor(NamedTuple):
    """A seal as it was written down elsewhere, ``position:hash``."""

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Seal:
    """One row of ``seals``; hashes are 32 bytes."""

    position: int
    account_id: str
    number: int
    first_version: int
    last_version: int
    entries: int
    first_day: date | None
    last_day: date | None
    sums: str
    leaves: bytes
    leaves_digest: bytes
    previous: bytes
    previous_overall: bytes
    sealed_at: datetime
    hash: bytes


def parse_anchor(text: str) -> Anchor:
    """Return an anchor. Raises ValueError: the text is none."""
    match = _ANCHOR.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no anchor; write POSITION:HASH, as a verification printed it")
    return Anchor(int(match[1]), bytes.fromhex(match[2]))


def encode(fields: Iterable[str | int | None]) -> bytes:
    """Return fields as they are hashed."""
    parts = []
    for field in fields:
        if field is None:
            parts.append("-")
            continue
        text = str(field)
        parts.append(f"{len(text) if text.isascii() else len(text.encode())}:{text}")
    return "".join(parts).encode()


def moment(at: datetime) -> int:
    """Return microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def digest_of(entry: Sequence[Any]) -> bytes:
    """Return the SHA-256 of an entry."""
    head, day, at = entry[:4], entry[4], entry[5]
    return hashlib.sha256(encode(["farebox entry 1", *head, day.isoformat(), moment(at), *entry[6:]])).digest()


def hash_of(seal: Seal) -> bytes:
    """Return the hash that a seal should have."""
    return hashlib.sha256(
        encode(
            [
                "farebox seal 1",
                seal.position,
                seal.account_id,
                seal.number,
                seal.first_version,
                seal.last_version,
                seal.entries,
                seal.first_day.isoformat() if seal.first_day else None,
                seal.last_day.isoformat() if seal.last_day else None,
                seal.sums,
                seal.leaves_digest.hex(),
                seal.previous.hex(),
                seal.previous_overall.hex(),
                moment(seal.sealed_at),
            ]
        )
    ).digest()


def check_chain(seal: Seal, before: Anchor) -> Finding | None:
    """Return what is wrong with a seal in the chain of the whole ledger; ``before`` is the one that it follows."""
    expected = before.position + 1
    if seal.position != expected:
        return Finding("seal", Found.MISSING, None, None, None, None, expected, f"seal {expected} is not there")
    if seal.hash != hash_of(seal):
        return _seal_changed(seal, f"seal {seal.position} does not have the hash of what it says")
    if seal.previous_overall != before.hash:
        why = f"seal {seal.position} follows another seal {before.position} than the one that is there"
        return _seal_changed(seal, why)
    return None


def check_account_chain(seal: Seal, before: Seal | None) -> Finding | None:
    """Return what is wrong with a seal in its account's chain, and with its leaves."""
    number, version, previous = (before.number, before.last_version, before.hash) if before else (0, 0, NO_SEAL)
    if (seal.number, seal.first_version) != (number + 1, version + 1):
        why = f"the account's seal {number + 1}, from version {version + 1} on, is not there"
        return Finding("seal", Found.MISSING, seal.account_id, version + 1, None, None, seal.position, why)
    if seal.previous != previous:
        return _seal_changed(seal, f"seal {seal.position} follows another seal of the account than the one before it")
    if hashlib.sha256(seal.leaves).digest() != seal.leaves_digest or len(seal.leaves) != LEAF.size * seal.entries:
        return _seal_changed(seal, f"the leaves of seal {seal.position} are not those that it was made of")
    return None


class RowCheck:
    """One seal compared with its entries, which come one by one in the order of (version, seq)."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._leaves = LEAF.iter_unpack(seal.leaves)
        self._leaf = next(self._leaves, None)
        self._sums: dict[tuple[str, str], list[int]] = {}

    def entry(self, entry: Sequence[Any]) -> Finding | None:
        """Compare the next entry; the first finding is the first altered row, and the last call."""
        leaf, key = self._leaf, (entry[VERSION], entry[SEQ])
        if leaf is None or key < leaf[:2]:
            return self._finding(Found.INSERTED, *key, entry[ID])
        if key > leaf[:2]:
            return self._finding(Found.MISSING, leaf[0], leaf[1], str(UUID(bytes=leaf[2])))
        if digest_of(entry) != leaf[3] or UUID(entry[ID]).bytes != leaf[2]:
            return self._finding(Found.CHANGED, *key, str(UUID(bytes=leaf[2])))
        self._leaf = next(self._leaves, None)
        sums = self._sums.setdefault((entry[RESOURCE], entry[KIND]), [0, 0, 0])
        sums[0] += 1
        sums[1] += entry[AMOUNT]
        sums[2] += entry[DELTA]
        return None

    def end(self) -> Finding | None:
        """Return what is wrong when no entry is left."""
        if self._leaf is not None:
            return self._finding(Found.MISSING, self._leaf[0], self._leaf[1], str(UUID(bytes=self._leaf[2])))
        if json.loads(self._seal.sums) != [[*names, *sums] for names, sums in sorted(self._sums.items())]:
            return _seal_changed(self._seal, f"the sums of seal {self._seal.position} are not those of its entries")
        return None

    def _finding(self, found: Found, version: int, seq: int, entry_id: str) -> Finding:
        why = f"entry {entry_id} (version {version}, seq {seq}) was {_WORDS[found]} after seal {self._seal.position}"
        return Finding("entry", found, self._seal.account_id, version, seq, entry_id, self._seal.position, why)


_WORDS = {Found.CHANGED: "changed", Found.MISSING: "removed", Found.INSERTED: "inserted"}


def _seal_changed(seal: Seal, why: str) -> Finding:
    return Finding("seal", Found.CHANGED, seal.account_id, seal.first_version, None, None, seal.position, why)
