"""What a statement adds up."""

import datetime as dt
import itertools

import pytest

from gateway.admin.paging import KINDS
from metering.core.statement import LINES, Movement, lines_of, parse_month

ONE_OF_EACH = [
    Movement("grant", 2, 500, 500),
    Movement("purchase", 1, 70, 70),
    Movement("auto_grant", 1, 30, 30),
    Movement("usage", 9, 200, -200),
    Movement("overdraft", 1, 40, -40),
    Movement("repay", 1, 40, 0),
    Movement("expire", 1, 25, -25),
    Movement("revoke", 1, 15, -15),
    Movement("correction", 3, 30, -10),
    Movement("refund", 2, 20, 12),
]


def test_every_kind_of_entry_has_a_line() -> None:
    assert set(LINES) == set(KINDS) == {movement.kind for movement in ONE_OF_EACH}


def test_one_of_each_adds_up() -> None:
    lines = lines_of(ONE_OF_EACH, opening=100, closing=422, started_from=100, breaks=0)
    assert (lines.granted, lines.used, lines.expired, lines.revoked) == (600, 240, 25, 15)
    assert (lines.corrections, lines.refunds, lines.entries) == (-10, 12, 22)
    assert lines.closes


@pytest.mark.parametrize(
    "wrong",
    [{"opening": 101}, {"closing": 421}, {"closing": 423}, {"started_from": 99}, {"breaks": 1}],
)
def test_it_closes_only_when_everything_agrees(wrong: dict[str, int]) -> None:
    right = {"opening": 100, "closing": 422, "started_from": 100, "breaks": 0}
    assert not lines_of(ONE_OF_EACH, **{**right, **wrong}).closes


def test_one_movement_left_out_does_not_close() -> None:
    moving = [movement for movement in ONE_OF_EACH if movement.delta]
    for left in itertools.combinations(ONE_OF_EACH, len(ONE_OF_EACH) - 1):
        whole = all(movement in left for movement in moving)
        assert lines_of(left, opening=100, closing=422, started_from=100, breaks=0).closes is whole


def test_a_month_without_an_entry_closes_where_it_opened() -> None:
    lines = lines_of([], opening=-7, closing=-7, started_from=None, breaks=0)
    assert (lines.granted, lines.used, lines.entries, lines.closes) == (0, 0, 0, True)
    assert not lines_of([], opening=-7, closing=0, started_from=None, breaks=0).closes


def test_a_month_is_its_first_day() -> None:
    assert parse_month("2026-11") == dt.date(2026, 11, 1)
    assert parse_month("9998-12") == dt.date(9998, 12, 1)


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", "2026-11\n", " 2026-11", "9999-12", "0001-01",
     "\u0662\u0660\u0662\u0666-11"],
)  # fmt: skip
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2026-11"):
        parse_month(text)
