"""What the ledger is told of a request, and in which names."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metering
from config.catalog import ModelSpec, Rates
from metering.core.settlement import (
    Facts,
    Outcome,
    Reservation,
    Result,
    Source,
    Status,
    answered_by,
    decode_facts,
    decode_settlement,
    encode_facts,
    result_of,
    row_of,
    usual_row,
)

FACTS = Facts(
    request_id="01890000-0000-7000-8000-000000000001",
    account_id="01890000-0000-7000-8000-000000000002",
    user_id="u1",
    key_id="01890000-0000-7000-8000-000000000003",
    endpoint="chat.completions",
    model="asked-for",
    provider="first",
    resource="tokens",
    stream=True,
    counted_prompt_tokens=100,
    rates=(1_000_000, 500_000, 2_000_000),
    rate_version="dearest",
    session_id="s1",
    reason='"why"',
    feature=None,
    orphan="bounded",
    started_at_ms=1,
)
RESERVATION = Reservation(300, 1_700_000_000_123, ["p1", 200, "p2", 100])
OUTCOME = Outcome(
    prompt_tokens=101,
    completion_tokens=50,
    cached_tokens=7,
    reasoning_tokens=3,
    source=Source.UPSTREAM,
    status=Status.COMPLETED,
    counted_completion_tokens=49,
)


def told(result: Result) -> dict[str, Any]:
    """The row as Postgres reads it: of two equal names the last one counts."""
    row: dict[str, Any] = msgspec.json.decode(row_of(encode_facts(FACTS), result))
    return row


def sql_fields() -> set[str]:
    """The columns of the SQL type that a settlement is read into."""
    folder = Path(metering.__file__).parent / "sql" / "migrations"
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql")))
    body = re.search(r"CREATE TYPE settlement AS \((.*?)\);", text, re.DOTALL)
    assert body
    return {line.split()[0] for line in body[1].strip().splitlines()}


def test_a_row_has_every_column_of_the_sql_type_but_those_with_a_default() -> None:
    row = told(result_of(RESERVATION, OUTCOME, charge=204, duration_ms=12))
    assert sql_fields() - row.keys() == {"cost", "attempts"}
    # What the ledger has no column for is only what recovery needs.
    assert row.keys() - sql_fields() == {"stream", "orphan", "started_at_ms"}


def test_row_says_what_was_held_counted_and_charged() -> None:
    row = told(result_of(RESERVATION, OUTCOME, charge=204, duration_ms=12))
    assert (row["reserved"], row["reserved_at"]) == (300, 1_700_000_000_123)
    assert row["split"] == ["p1", 200, "p2", 100]
    assert (row["charge"], row["prompt_tokens"], row["cached_tokens"]) == (204, 101, 7)
    assert (row["completion_tokens"], row["reasoning_tokens"]) == (50, 3)
    assert (row["counted_prompt_tokens"], row["counted_completion_tokens"]) == (100, 49)
    assert (row["provider"], row["rates"], row["rate_version"]) == ("first", [1_000_000, 500_000, 2_000_000], "dearest")
    assert (row["source"], row["status"], row["duration_ms"]) == ("upstream", "completed", 12)
    assert (row["user_id"], row["session_id"], row["reason"], row["feature"]) == ("u1", "s1", '"why"', None)


def test_nothing_that_is_zero_or_null_is_left_out() -> None:
    outcome = Outcome(
        prompt_tokens=0,
        completion_tokens=0,
        source=Source.TOKENIZER,
        status=Status.CLIENT_GONE,
        counted_completion_tokens=None,
    )
    row = told(result_of(Reservation(0, 0, []), outcome, charge=0, duration_ms=0))
    zeros = ("reserved", "reserved_at", "charge", "prompt_tokens", "cached_tokens", "completion_tokens")
    assert [row[name] for name in (*zeros, "reasoning_tokens", "duration_ms")] == [0] * 8
    assert (row["split"], row["counted_completion_tokens"]) == ([], None)


def test_model_that_answered_sets_provider_and_rates_and_failed_attempts_are_listed() -> None:
    own = {"name": "fallback", "provider": "second", "rate_version": "v2"}
    other = {field.name: "" for field in fields(ModelSpec)}
    spec = ModelSpec(**(other | own | {"rates": Rates(prompt=1, cached=2, completion=3)}))
    attempts = [{"provider": "first", "error": "refused"}]
    row = told(answered_by(result_of(RESERVATION, OUTCOME, charge=1, duration_ms=1, attempts=attempts), spec))
    assert (row["model"], row["provider"], row["rates"], row["rate_version"]) == (
        "asked-for",
        "second",
        [1, 2, 3],
        "v2",
    )
    assert row["attempts"] == attempts


def test_facts_keep_the_rates_of_their_time() -> None:
    assert decode_facts(encode_facts(FACTS)) == FACTS
    assert FACTS.rate_card == Rates(prompt=1_000_000, cached=500_000, completion=2_000_000)


def test_settlement_knows_of_its_row_what_its_lane_needs() -> None:
    result = result_of(Reservation(2**52, 1, ["p", 2**52]), OUTCOME, charge=2**52, duration_ms=1)
    row = row_of(encode_facts(FACTS), result)
    settlement = decode_settlement(row)
    assert (settlement.request_id, settlement.account_id) == (FACTS.request_id, FACTS.account_id)
    assert (settlement.charge, settlement.source, settlement.row) == (2**52, "upstream", row)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"request_id":"x"}', b"\xff"])
def test_what_is_no_settlement_and_no_facts_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_settlement(text)
    with pytest.raises(msgspec.DecodeError):
        decode_facts(text)


COUNTS = st.integers(0, 2**52)


@given(
    st.builds(
        Outcome,
        prompt_tokens=COUNTS,
        completion_tokens=COUNTS,
        cached_tokens=COUNTS,
        reasoning_tokens=COUNTS,
        source=st.sampled_from(Source),
        status=st.sampled_from(Status),
        counted_completion_tokens=st.none() | COUNTS,
    ),
    st.lists(st.text() | COUNTS, max_size=4),
    COUNTS,
)
def test_the_usual_row_says_what_any_row_says(outcome: Outcome, split: list[str | int], charge: int) -> None:
    facts, held = encode_facts(FACTS), Reservation(7, 8, split)
    usual = usual_row(facts, held, outcome, charge=charge, duration_ms=9)
    other = row_of(facts, result_of(held, outcome, charge=charge, duration_ms=9))
    assert msgspec.json.decode(usual) == msgspec.json.decode(other)
