"""What makes a function a command: it asks a gateway, and what it returns is shown to people or to scripts."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import click

from gateway.client import AdminClient
from gateway.terminal.options import CONFIG, HOST, PORT, STATE, in_one_line, settings_of

if TYPE_CHECKING:
    from gateway.terminal.tables import Column

T = TypeVar("T")
Options = Callable[[Callable[..., None]], Callable[..., None]]
PAGE = 25
PAGE_MAX = 1000
YES = click.option("--yes", is_flag=True, help="Do not ask whether it is meant: it can't be undone.")


class Shown(NamedTuple):
    """An answer of the API (a record, or a list), and the columns that people see of it."""

    answer: Any
    columns: "Callable[[], Sequence[Column]]"  # made when it is shown: the tables' library is loaded only then
    remark: str = ""
    rows: str = "data"  # where a list stands in the answer


def asking(work: Callable[..., Shown]) -> Callable[..., None]:
    """Return a command that is given an AdminClient first, and shows what ``work`` returns."""

    @HOST
    @PORT
    @CONFIG
    @STATE
    @click.option("--json", "as_json", is_flag=True, help="Print the answer of the API, for scripts.")
    @wraps(work)
    def command(
        *,
        host: str | None,
        port: int | None,
        config: Path | None,
        state_dir: Path | None,
        as_json: bool,
        **options: object,
    ) -> None:
        settings = settings_of(config, **{"server.host": host, "server.port": port, "state_dir": state_dir})
        shown = in_one_line(lambda: work(AdminClient(settings), **options))
        if as_json:
            click.echo(json.dumps(shown.answer, indent=2))
        else:
            show(shown)

    return command


def show(shown: Shown) -> None:
    """Print an answer for people."""
    from gateway.terminal.tables import print_card, print_table  # noqa: PLC0415 - loaded only where it is needed

    if shown.rows in shown.answer:
        print_table(shown.columns(), shown.answer[shown.rows])
        if shown.answer.get("next_cursor"):
            click.echo("There are more: --all shows them, --limit more of them.", err=True)
    else:
        print_card(shown.columns(), shown.answer)
    if shown.remark:
        click.echo(shown.remark, err=True)


def paged(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command of a list, with its --limit and --all."""
    every = click.option("--all", "every", is_flag=True, help="All of them, however many pages.")
    limit = click.option("--limit", type=click.IntRange(1, PAGE_MAX), default=PAGE, show_default=True, help="Rows.")
    return limit(every(command))


def read_list(client: AdminClient, path: str, *, limit: int, every: bool, **filters: object) -> dict[str, Any]:
    """Return a list of the API, with ``every`` all of its pages as one."""
    asked = given(**filters)
    if not every:
        page: dict[str, Any] = client.call("GET", with_query(path, **asked, limit=limit))
        return page
    rows: list[Any] = []
    for page in working("reading", _pages(client, path, asked)):
        rows += page["data"]
    return {"data": rows, "next_cursor": None}


def _pages(client: AdminClient, path: str, asked: dict[str, object]) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page: dict[str, Any] = client.call("GET", with_query(path, **asked, limit=PAGE_MAX, **given(cursor=cursor)))
        yield page
        cursor = page["next_cursor"]
        if cursor is None:
            return


def working(label: str, things: Iterable[T], total: int | None = None) -> Iterator[T]:
    """Yield things, with a bar of progress on a terminal (stderr: what is printed stays clean)."""
    from rich.console import Console  # noqa: PLC0415 - loaded only where it is needed
    from rich.progress import track  # noqa: PLC0415 - the same

    console = Console(stderr=True)
    yield from track(things, label, total=total, console=console, transient=True, disable=not console.is_terminal)


def confirm(question: str, *, yes: bool) -> None:
    """Ask about what can't be undone; end unless the answer is yes. Without a terminal there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException("this can't be undone, and there is no terminal to ask at; add --yes to mean it")
    click.confirm(f"{question} This can't be undone.", abort=True, err=True)


def given(**fields: object) -> dict[str, object]:
    """Return the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None and value != ()}


def part(value: str) -> str:
    """Return a text as one part of a path."""
    return quote(value, safe="")


def with_query(path: str, **query: object) -> str:
    """Return a path with its query."""
    return f"{path}?{urlencode(query)}" if query else path
