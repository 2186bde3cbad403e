"""`farebox prices`: the price table. Dollars for a million tokens, and for 10,000 images."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from gateway.client import AdminClient
from gateway.terminal.commands import YES, Shown, asking, confirm, given, with_query

if TYPE_CHECKING:
    from gateway.terminal.tables import Column

MICRO = 1_000_000
AMOUNTS = {
    "input": "Input",
    "cached_input": "Cached",
    "cache_write": "Cache write",
    "completion": "Completion",
    "reasoning": "Reasoning",
    "image": "Image",
    "audio": "Audio",
    "image_completion": "Image out",
    "audio_completion": "Audio out",
    "images": "10,000 images",
}


@click.group()
def prices() -> None:
    """Prices of models: what accounts in credits are charged by."""


@prices.command("list")
@click.option("--model", help="Only this one.")
@asking
def list_(client: AdminClient, **filters: object) -> Shown:
    """Show the prices in force."""
    answer = client.call("GET", with_query("/prices", current="true", **given(**filters)))
    remark = "" if answer["data"] else "There are no prices; `farebox prices import` makes some."
    return Shown(answer, lambda: price_columns(answer["data"]), remark)


@prices.command("import")
@click.option("--model", "models", multiple=True, help="Only this one (repeatable).")
@click.option("--everything", is_flag=True, help="Also every model that the provider of '*' has.")
@YES
@asking
def import_(client: AdminClient, *, models: tuple[str, ...], everything: bool, yes: bool) -> Shown:
    """Compare the price table with genai-prices, show what would change, and ask.

    Prices that were valid stay in the table: what was charged by them stays charged.
    """
    asked: dict[str, object] = {"models": list(models), "everything": everything}
    plan = client.call("POST", "/prices/import", asked)
    for model in plan["unknown"]:
        click.echo(f"No price is known for {model}: set one with POST /admin/v1/prices.", err=True)
    if not plan["changes"]:
        return _shown(plan, "The prices are up to date.")
    if not yes:
        show_changes(plan["changes"])
    confirm(f"Add these {len(plan['changes'])} prices ({plan['source']}), valid from now?", yes=yes)
    plan = client.call("POST", "/prices/import", {**asked, "apply": plan["digest"]})
    return _shown(plan, f"Added {len(plan['changes'])} prices.")


def _shown(plan: dict[str, Any], remark: str) -> Shown:
    changes = plan["changes"]
    return Shown(plan, lambda: change_columns(changes), remark, rows="changes")


def show_changes(changes: Sequence[dict[str, Any]]) -> None:
    """Show on stderr what is asked about: what is printed stays the answer."""
    from gateway.terminal.tables import print_table  # noqa: PLC0415 - loaded only where it is needed

    print_table(change_columns(changes), changes, err=True)


def dollars(micro: int | None) -> str:
    """Return an amount as people read it: $2.50, $0.0625."""
    if micro is None:
        return ""
    whole, rest = divmod(micro, MICRO)
    places = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"${whole:,}.{places}"


def price_columns(rows: Iterable[dict[str, Any]]) -> "Sequence[Column]":
    """Return what people see of prices; columns in which none has a price are left out."""
    from gateway.terminal.tables import Column  # noqa: PLC0415 - loaded only where it is needed

    shown = list(rows)
    names = [name for name in AMOUNTS if any(row[name] is not None for row in shown)]
    return (*_places(), *(Column(AMOUNTS[name], partial(_price, name), is_number=True) for name in names))


def change_columns(changes: Iterable[dict[str, Any]]) -> "Sequence[Column]":
    """Return what people see of an import: the old price and the new one where they differ."""
    from gateway.terminal.tables import Column  # noqa: PLC0415 - loaded only where it is needed

    shown = list(changes)
    names = [name for name in AMOUNTS if any(_before(change).get(name) != change["after"][name] for change in shown)]
    amounts = [Column(AMOUNTS[name], partial(_amount, name), is_number=True) for name in names]
    return (Column("What", _what), *_places("after"), *amounts)


def _places(inside: str | None = None) -> "Sequence[Column]":
    from gateway.terminal.tables import Column  # noqa: PLC0415 - loaded only where it is needed

    def row_of(record: Any) -> Any:  # noqa: ANN401 - JSON
        return record[inside] if inside else record

    def above(record: Any) -> str:  # noqa: ANN401 - JSON
        tokens = row_of(record)["above_prompt_tokens"]
        return f"{tokens:,}" if tokens else ""

    return (
        Column("Model", lambda record: row_of(record)["model"]),
        Column("Tier", lambda record: row_of(record)["service_tier"]),
        Column("Prompt above", above, is_number=True),
    )


def _what(change: Any) -> str:  # noqa: ANN401 - JSON
    return "ends" if change["after"]["ended"] else "new" if change["before"] is None else "changes"


def _before(change: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return change["before"] or {}


def _price(name: str, row: Any) -> str:  # noqa: ANN401 - JSON
    return dollars(row[name])


def _amount(name: str, change: Any) -> str:  # noqa: ANN401 - JSON
    before, after = _before(change).get(name), change["after"][name]
    if before == after or before is None:
        return dollars(after)
    return f"{dollars(before)} → {dollars(after) or '-'}"
