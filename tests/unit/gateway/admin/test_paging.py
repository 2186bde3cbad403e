"""Queries of lists."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from multidict import MultiDict

from gateway.admin.cursors import IdPlace, RowPlace, decode_cursor, encode_cursor, row_place, values_of
from gateway.admin.paging import EVENTS, LEDGER, list_page, list_query, resource_of, rows_query
from gateway.errors import ApiError
from metering.ids import new_id

AT = datetime(2026, 1, 31, 12, 30, 0, 1, tzinfo=UTC)
ID = UUID("01a1fe00-0000-7000-8000-000000000001")  # the same in each process that collects tests


def refused(read: Any, *arguments: Any, **named: Any) -> str | None:
    with pytest.raises(ApiError) as error:
        read(*arguments, **named)
    assert error.value.status == 400
    return error.value.param


CASTS = ("timestamptz", "bigint", "integer", "uuid", "text")
VALUES = (AT, 2**53, 2, str(ID), "gpt")


@pytest.mark.parametrize("place", [IdPlace(ID), row_place(LEDGER, "-at", VALUES), row_place(EVENTS, "at", ())])
def test_a_cursor_is_read_as_it_was_written(place: Any) -> None:
    text = encode_cursor(place)
    assert decode_cursor(text, type(place)) == place
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


def test_a_place_has_the_types_of_its_columns_again() -> None:
    assert values_of(row_place(LEDGER, "-at", VALUES), CASTS) == VALUES


@pytest.mark.parametrize("text", ["", "x", "é", "====", "bm90aGluZw", encode_cursor(IdPlace(ID))])
def test_another_text_is_no_cursor(text: str) -> None:
    assert refused(decode_cursor, text, RowPlace) == "cursor"


@pytest.mark.parametrize(
    ("cast", "value"),
    [
        ("bigint", "1"),
        ("integer", 2**31),
        ("uuid", "x"),
        ("uuid", 5),
        ("text", 5),
        ("text", "a\0"),
        ("timestamptz", "2026-01-01T00:00:00"),
        ("timestamptz", 5),
        ("timestamptz", "0001-01-01T00:00:00+23:59"),
    ],
)
def test_a_cursor_that_somebody_made_up_is_none(cast: str, value: str | int) -> None:
    assert refused(values_of, RowPlace(LEDGER, "-at", [value]), (cast,)) == "cursor"
    assert refused(values_of, RowPlace(LEDGER, "-at", [value]), ()) == "cursor"


def test_a_number_that_no_column_holds_is_no_cursor() -> None:
    assert refused(decode_cursor, encode_cursor(RowPlace(LEDGER, "-at", [2**63])), RowPlace) == "cursor"


def test_nothing_asked_is_the_newest_25() -> None:
    asked = rows_query(MultiDict(), LEDGER)
    assert (asked.limit, asked.sort, asked.after, asked.total) == (25, "-at", None, False)
    assert list_query(MultiDict()).limit == 25


def test_all_filters_are_read() -> None:
    account_id = new_id()
    query = MultiDict(
        [
            ("account_id", account_id.upper()),
            ("user_id", "a"),
            ("user_id", "b"),
            ("from", "2026-01-01T00:00:00Z"),
            ("to", "2026-02-01T01:30:00+01:30"),
            ("min_amount", "0"),
            ("max_amount", "4503599627370496"),
            ("sort", "at"),
            ("total", "true"),
            ("limit", "1000"),
        ]
    )
    asked = rows_query(query, EVENTS)
    filters = asked.filters
    assert (filters.account_id, filters.user_ids) == (account_id, ("a", "b"))
    assert (filters.since, filters.until) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    assert (filters.min_amount, filters.max_amount) == (0, 2**52)
    assert (asked.sort, asked.total, asked.limit) == ("at", True, 1000)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("limit", "1001"),
        ("limit", "-1"),
        ("limit", "1.0"),
        ("limit", ""),
        ("limit", "²"),
        ("limit", "9" * 30),
        ("from", "2026-01-01"),
        ("from", "2026-01-01T00:00:00"),
        ("from", "20260101"),
        ("from", "0001-01-01T00:00:00+23:59"),
        ("to", "9999-12-31T23:59:59-23:59"),
        ("to", "2026-13-01T00:00:00Z"),
        ("account_id", f"{{{ID}}}"),
        ("account_id", ID.hex),
        ("account_id", ID.urn),
        ("min_amount", "+1"),
        ("min_amount", "1_000"),
        ("max_amount", "4503599627370497"),
        ("model", "x" * 1001),
        ("model", "a\0b"),
        ("kind", "usage "),
        ("type", "usage"),
        ("rows", "io"),
        ("io_type", "input"),
        ("sort", "-colour"),
        ("total", "1"),
        ("Limit", "5"),
    ],
)
def test_what_is_malformed_is_named(name: str, text: str) -> None:
    assert refused(rows_query, MultiDict([(name, text)]), LEDGER) == name


def test_a_plain_list_takes_only_its_own_parameters() -> None:
    assert list_query(MultiDict(status="a"), status=("a", "b")).others == {"status": "a"}
    assert refused(list_query, MultiDict(status="c"), status=("a", "b")) == "status"
    assert refused(list_query, MultiDict(status="a")) == "status"
    assert refused(list_query, MultiDict(sort="at")) == "sort"


def test_a_list_goes_on_behind_its_last_record() -> None:
    class Record:
        def __init__(self, text: str) -> None:
            self.id = text

    records = [Record(new_id()) for _ in range(3)]
    asked = list_query(MultiDict(limit="2"))
    page = list_page(records, asked)
    assert page["data"] == records[:2]
    assert list_query(MultiDict(cursor=page["next_cursor"])).before == records[1].id
    assert list_page(records[:2], asked)["next_cursor"] is None
    assert list_page(records[:0], asked) == {"data": [], "next_cursor": None}


def test_a_balance_is_asked_in_one_resource() -> None:
    assert resource_of(MultiDict()) is None
    assert resource_of(MultiDict(resource="images")) == "images"
    assert refused(resource_of, MultiDict([("resource", "a"), ("resource", "b")])) == "resource"
