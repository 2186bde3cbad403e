"""What a request pays whose gateway died."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.orphan import orphan_charge, recover
from metering.core.settlement import Facts, Orphan, Reservation, decode_facts, encode_facts

ONE = (1_000_000, 1_000_000, 1_000_000)
HALF = (500_000, 500_000, 500_000)


def facts(*, orphan: str, stream: bool = True, prompt: int = 100, rates: tuple[int, int, int] = ONE) -> Facts:
    return Facts(
        request_id="01890000-0000-7000-8000-000000000001",
        account_id="01890000-0000-7000-8000-000000000002",
        user_id="u1",
        key_id=None,
        endpoint="chat.completions",
        model="m",
        provider="p",
        resource="tokens",
        stream=stream,
        counted_prompt_tokens=prompt,
        rates=rates,
        rate_version="v",
        session_id="s",
        reason="",
        feature=None,
        orphan=orphan,
        started_at_ms=1_000,
    )


@pytest.mark.parametrize(
    ("orphan", "stream", "amount", "progress", "charge"),
    [
        ("bounded", True, 10_000, 0, 356),  # nothing noted: prompt and 256 tokens
        ("bounded", True, 10_000, 700, 956),
        ("bounded", True, 800, 700, 800),
        ("bounded", True, 50, 0, 50),
        ("bounded", False, 10_000, 0, 10_000),
        ("upper_bound", True, 10_000, 700, 10_000),
        ("upper_bound", False, 10_000, 0, 10_000),
        ("checkpoint", True, 10_000, 700, 700),
        ("checkpoint", True, 10_000, 0, 100),
        ("checkpoint", False, 10_000, 0, 100),
        ("checkpoint", True, 500, 700, 500),
    ],
)
def test_orphan_pays_by_its_policy(orphan: str, *, stream: bool, amount: int, progress: int, charge: int) -> None:
    assert orphan_charge(facts(orphan=orphan, stream=stream), amount=amount, progress=progress) == charge


def test_progress_is_a_charge_and_the_margin_is_priced() -> None:
    assert orphan_charge(facts(orphan="bounded", rates=HALF), amount=10_000, progress=350) == 350 + 128
    assert orphan_charge(facts(orphan="bounded", rates=HALF, prompt=3), amount=10_000, progress=0) == 2 + 128


def test_unknown_policy_is_an_error_not_a_gift() -> None:
    with pytest.raises(ValueError, match="free"):
        orphan_charge(facts(orphan="free"), amount=1, progress=0)


@given(
    orphan=st.sampled_from(list(Orphan)),
    stream=st.booleans(),
    amount=st.integers(0, 10**9),
    progress=st.integers(0, 10**9),
    prompt=st.integers(0, 10**6),
)
def test_no_orphan_pays_more_than_its_hold_nor_less_than_was_noted(
    orphan: Orphan, *, stream: bool, amount: int, progress: int, prompt: int
) -> None:
    charge = orphan_charge(facts(orphan=orphan, stream=stream, prompt=prompt), amount=amount, progress=progress)
    assert min(amount, progress) <= charge <= amount
    bound = orphan_charge(
        facts(orphan=Orphan.UPPER_BOUND, stream=stream, prompt=prompt), amount=amount, progress=progress
    )
    assert charge <= bound


def test_recovered_settlement_carries_the_hold_and_says_what_it_is() -> None:
    reservation = Reservation(1000, 1_700_000_000_000, ["p1", 600, "p2", 400])
    settlement = recover(facts(orphan="bounded"), reservation, progress=300, now_ms=5_000)
    row = msgspec.json.decode(settlement.row)
    assert (settlement.charge, settlement.source, settlement.request_id) == (556, "recovered", row["request_id"])
    assert (row["charge"], row["prompt_tokens"], row["completion_tokens"]) == (556, 100, 456)
    assert (row["source"], row["status"]) == ("recovered", "recovered")
    assert (row["reserved"], row["reserved_at"]) == (1000, 1_700_000_000_000)
    assert row["split"] == ["p1", 600, "p2", 400]
    assert (row["counted_prompt_tokens"], row["counted_completion_tokens"]) == (100, None)
    assert row["duration_ms"] == 4_000


def test_clock_that_stepped_back_gives_no_negative_duration() -> None:
    settlement = recover(facts(orphan="bounded"), Reservation(1, 1, []), progress=0, now_ms=0)
    assert msgspec.json.decode(settlement.row)["duration_ms"] == 0


def test_facts_survive_their_json() -> None:
    before = facts(orphan="bounded")
    assert decode_facts(encode_facts(before)) == before
