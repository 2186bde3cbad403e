"""Rows as CSV."""

import csv
import io

import pytest

from metering.core.sheet import Cell, encode_rows


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("plain", "plain"), ("", ""), (None, ""), (7, "7"), (-7, "-7"), (2**52, "4503599627370496"), (True, "true"),
        (False, "false"), ("a,b", '"a,b"'), ('say "hi"', '"say ""hi"""'), ("two\nlines", '"two\nlines"'),
        ("two\r\nlines", '"two\r\nlines"'), ("über €", "über €"),
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@sum", "'@sum"), ("\tx", "'\tx"), ("\rx", '"\'\rx"'),
        ('=cmd|" /c calc"!A1', '"\'=cmd|"" /c calc""!A1"'), ("a=1", "a=1"), ("1-2", "1-2"),
    ],
)  # fmt: skip
def test_a_cell(cell: Cell, text: str) -> None:
    assert encode_rows([[cell, 1]]) == f"{text},1\r\n".encode()


def test_rows_are_read_back_by_a_reader_of_csv() -> None:
    rows = [["name", "n"], ['a "b", c', "1"], ["two\r\nlines", "2"], ["", "3"]]
    assert list(csv.reader(io.StringIO(encode_rows(rows).decode(), newline=""))) == rows
    assert encode_rows([]) == b""
