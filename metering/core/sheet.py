"""Rows as CSV: RFC 4180, in UTF-8, and safe to open in a spreadsheet.

A text that begins with one of ``= + - @``, a tab or a carriage return would be run as a formula there; such a cell
begins with an apostrophe instead, which spreadsheets take as "this is text". Numbers stay numbers, negative ones too.
"""

import re
from collections.abc import Iterable

Cell = str | int | bool | None
_FORMULA = re.compile(r"[=+\-@\t\r]")
_QUOTED = re.compile(r"[\",\r\n]")


def encode_rows(rows: Iterable[Iterable[Cell]]) -> bytes:
    """Return rows as lines that end with CR LF. None is an empty cell; true and false are words."""
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in rows).encode()


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = f"'{value}" if _FORMULA.match(value) else value
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
