"""`farebox limit`: what an account, its members, keys and models may use."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from gateway.client import AdminClient
from gateway.terminal.commands import Shown, asking, given, paged, part, read_list

if TYPE_CHECKING:
    from gateway.terminal.tables import Column

SCOPES = ("member", "key", "model")


def columns() -> "Sequence[Column]":
    """Return what people see of limits."""
    from gateway.terminal.tables import Column, text  # noqa: PLC0415 - loaded only where it is needed

    return (
        text("Of", "scope", keep=True),
        text("Who", "subject", keep=True),
        Column("Limits", _limits),
        Column("Used", _used),
    )


def _of_reset() -> "Sequence[Column]":
    from gateway.terminal.tables import listed, text  # noqa: PLC0415 - loaded only where it is needed

    return (text("Of", "scope"), text("Who", "subject"), listed("Begun again", "reset", none="nothing"))


def _limits(record: Any) -> str:  # noqa: ANN401 - a record of the API
    return ", ".join(f"{name} {most:,}" for name, most in record["limits"].items()) or "none"


def _used(record: Any) -> str:  # noqa: ANN401 - a record of the API
    if record["usage"] is None:
        return "–"  # noqa: RUF001 - what people read as "nothing here"
    return ", ".join(f"{name} {use['used']:,}" for name, use in record["usage"].items())


def whose(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that says whose limits it is about: by default the account's."""
    for scope, metavar in (("model", "NAME"), ("key", "ID"), ("member", "USER_ID")):
        command = click.option(f"--{scope}", metavar=metavar, help=f"Of this {scope}, not of the account.")(command)
    return command


def _named(fields: dict[str, Any]) -> dict[str, object]:
    """Take whom limits are of out of options. Raises ClickException: of more than one."""
    found = [(scope, value) for scope in SCOPES if (value := fields.pop(scope)) is not None]
    if len(found) > 1:
        raise click.ClickException("limits are of one member, one key or one model; write one of these options")
    scope, subject = found[0] if found else ("account", None)
    return {"scope": scope, **given(subject=subject)}


def read_limits(texts: Sequence[str]) -> dict[str, int]:
    """Return limits written as NAME=N. Raises ClickException."""
    pairs = [text.partition("=") for text in texts]
    if any(not number.isdecimal() for _, _, number in pairs):
        raise click.ClickException("limits are written as NAME=N, such as requests_per_minute=60")
    return {name: int(number) for name, _, number in pairs}


@click.group()
def limit() -> None:
    """Limits of requests, tokens and spend."""


@limit.command("list")
@click.argument("account_id")
@paged
@asking
def list_all(client: AdminClient, account_id: str, *, limit: int, every: bool) -> Shown:
    """Show an account's limits, and what is used of them."""
    return Shown(read_list(client, f"/accounts/{part(account_id)}/limits", limit=limit, every=every), columns)


@limit.command("set")
@click.argument("account_id")
@click.argument("limits", nargs=-1, metavar="[NAME=N]...")
@whose
@asking
def put(client: AdminClient, account_id: str, *, limits: Sequence[str], **fields: Any) -> Shown:  # noqa: ANN401 - options
    """Replace limits, as requests_per_minute=60 spend_per_day=100000; none takes them away."""
    body = {**_named(fields), "limits": read_limits(limits)}
    return Shown(client.call("PUT", f"/accounts/{part(account_id)}/limits", body), columns)


@limit.command("reset")
@click.argument("account_id")
@click.argument("names", nargs=-1)
@whose
@asking
def reset(client: AdminClient, account_id: str, *, names: Sequence[str], **fields: Any) -> Shown:  # noqa: ANN401 - options
    """Begin to count anew: all that is limited, or the limits that are named."""
    body = {**_named(fields), **given(limits=list(names) or None)}
    return Shown(client.call("POST", f"/accounts/{part(account_id)}/limits/reset", body), _of_reset)
