"""Records of the API as people like to read them: a list is a table, one record a card."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Record = Mapping[str, Any]

NOTHING = "–"  # noqa: RUF001 - what people read as "nothing here"
PIPE_COLUMNS = 240  # where no terminal says how wide it is, nothing is cut
CHANGE_CHARS_MAX = 80
STYLES = {
    "active": "green",
    "normal": "green",
    "running_low": "yellow",
    "depleted": "yellow",
    "expired": "dim",
    "suspended": "red",
    "deactivated": "red",
    "revoked": "red",
    "stopped": "bold red",
}
STATES = {"normal": "Normal", "running_low": "Running low", "stopped": "AI stopped"}


class Column(NamedTuple):
    """One column: its heading, what stands there for a record, and whether it is a number."""

    heading: str
    show: Callable[[Record], str]
    is_number: bool = False
    keep: bool = False  # never wrapped: somebody copies it


def text(heading: str, field: str, *, keep: bool = False) -> Column:
    """Return a column of a text, or of nothing."""
    return Column(heading, lambda record: NOTHING if record[field] in {None, ""} else str(record[field]), keep=keep)


def number(heading: str, field: str) -> Column:
    """Return a column of an integer."""
    return Column(heading, lambda record: grouped(record[field]), is_number=True)


def when(heading: str, field: str) -> Column:
    """Return a column of a time, in the reader's own zone."""
    return Column(heading, lambda record: local_time(record[field]), keep=True)


def listed(heading: str, field: str, *, none: str) -> Column:
    """Return a column of several texts; ``none``: what their absence means."""
    return Column(heading, lambda record: ", ".join(record[field]) if record[field] else none)


def grouped(value: int | None) -> str:
    """Return an integer in groups of three digits."""
    return NOTHING if value is None else f"{value:,}"


def local_time(value: str | None) -> str:
    """Return a time of the API to the minute, in the reader's own zone."""
    return NOTHING if value is None else datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M")


def changes_of(line: Record) -> str:
    """Return what a line of the trail says was changed: "name: acme → shop"."""
    before, after = line["before"] or {}, line["after"] or {}
    if line["before"] is None:
        parts = [f"{name}: {_shown(value)}" for name, value in after.items() if _tells(name, value)]
    else:
        parts = [f"{name}: {_shown(before.get(name))} → {_shown(value)}" for name, value in after.items()]
    whole = ", ".join(parts)
    return whole if len(whole) <= CHANGE_CHARS_MAX else whole[: CHANGE_CHARS_MAX - 1] + "…"


def _tells(name: str, value: object) -> bool:
    """Tell whether a field of a new row says something that the line does not say anyway."""
    return value not in (None, "", {}, []) and not name.endswith(("_id", "_at"))


def _shown(value: object) -> str:
    return NOTHING if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def print_table(columns: Sequence[Column], records: Sequence[Record], *, err: bool = False) -> None:
    """Print records, one a row; ``err``: on stderr."""
    if not records:
        click.echo("Nothing here.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Any = "right" if column.is_number else "left"
        table.add_column(column.heading, justify=justify, no_wrap=column.keep or column.is_number, overflow="fold")
    for record in records:
        table.add_row(*(_cell(column.show(record)) for column in columns))
    _console(err=err).print(table)


def print_card(columns: Sequence[Column], record: Record) -> None:
    """Print one record, a field a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for column in columns:
        table.add_row(column.heading, _cell(column.show(record)))
    _console().print(table)


def _cell(value: str) -> Text:
    """Return a cell; what looks like markup in a name is no markup."""
    return Text(STATES.get(value, value), style=STYLES.get(value, ""))


def _console(*, err: bool = False) -> Console:
    stream = sys.stderr if err else sys.stdout
    return Console(stderr=err, width=None if stream.isatty() else PIPE_COLUMNS)
