"""`farebox key`: who calls."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from gateway.client import AdminClient
from gateway.terminal.commands import YES, Shown, asking, confirm, given, paged, part, read_list
from gateway.terminal.limits import read_limits

if TYPE_CHECKING:
    from gateway.terminal.tables import Column

KEEP_IT = "The key is shown this once: keep it now."


def columns() -> "Sequence[Column]":
    """Return what people see of a key."""
    from gateway.terminal.tables import Column, listed, text, when  # noqa: PLC0415 - loaded only where it is needed

    return (
        text("Id", "id", keep=True),
        text("Begins with", "prefix", keep=True),
        text("Name", "name"),
        text("User id", "user_id"),
        text("Role", "role"),
        listed("Models", "models", none="any"),
        listed("Addresses", "ip_ranges", none="any"),
        Column("Limits", lambda key: ", ".join(f"{name} {most:,}" for name, most in key["limits"].items()) or "none"),
        when("Expires", "expires_at"),
        when("Last used", "last_used_at"),
        when("Revoked", "revoked_at"),
    )


def _with_secret() -> "Sequence[Column]":
    from gateway.terminal.tables import text, when  # noqa: PLC0415 - loaded only where it is needed

    return (text("Key", "key", keep=True), *columns(), when("Old one ends", "previous_valid_until"))


def terms(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options that create and change have in common."""
    for option in (
        click.option("--limit", "limits", multiple=True, metavar="NAME=N", help="Such as requests_per_minute=60."),
        click.option("--from", "ip_ranges", multiple=True, metavar="CIDR", help="Where it may be used (repeatable)."),
        click.option("--model", "models", multiple=True, help="A model it may be used for (repeatable)."),
        click.option("--expires-at", help="RFC 3339 time after which it is refused."),
        click.option("--role", type=click.Choice(["member", "admin"]), help="Where it has no member with a role."),
    ):
        command = option(command)
    return command


def _body(*, limits: Sequence[str], **fields: object) -> dict[str, object]:
    """Return the body of a key. Raises ClickException: a limit is no NAME=N."""
    return given(limits=read_limits(limits) or None, **fields)


@click.group()
def key() -> None:
    """API keys: who calls."""


@key.command("create")
@click.argument("account_id")
@click.option("--name", help="What it is for.")
@click.option("--user", "user_id", help="The member it belongs to.")
@terms
@asking
def create(client: AdminClient, account_id: str, **fields: Any) -> Shown:  # noqa: ANN401 - options
    """Create a key; its secret is shown once."""
    made = client.call("POST", f"/accounts/{part(account_id)}/keys", _body(**fields))
    return Shown(made, _with_secret, KEEP_IT)


@key.command("list")
@click.argument("account_id")
@paged
@asking
def list_all(client: AdminClient, account_id: str, *, limit: int, every: bool) -> Shown:
    """List an account's keys, newest first."""
    return Shown(read_list(client, f"/accounts/{part(account_id)}/keys", limit=limit, every=every), columns)


@key.command("show")
@click.argument("key_id")
@asking
def show_one(client: AdminClient, key_id: str) -> Shown:
    """Show a key."""
    return Shown(client.call("GET", f"/keys/{part(key_id)}"), columns)


@key.command("change")
@click.argument("key_id")
@click.option("--name", help="What it is for.")
@terms
@asking
def change(client: AdminClient, key_id: str, **fields: Any) -> Shown:  # noqa: ANN401 - options
    """Change a key; what is given replaces what was there."""
    return Shown(client.call("PATCH", f"/keys/{part(key_id)}", _body(**fields)), columns)


@key.command("rotate")
@click.argument("key_id")
@click.option("--overlap-seconds", type=int, default=0, show_default=True, help="How long the old secret is good yet.")
@YES
@asking
def rotate(client: AdminClient, key_id: str, *, overlap_seconds: int, yes: bool) -> Shown:
    """Give a key a new secret; it is shown once."""
    until = f"in {overlap_seconds:,} seconds" if overlap_seconds else "at once"
    confirm(f"{_named(client, key_id, yes=yes)}: its old secret ends {until}.", yes=yes)
    made = client.call("POST", f"/keys/{part(key_id)}/rotate", {"overlap_seconds": overlap_seconds})
    return Shown(made, _with_secret, KEEP_IT)


@key.command("revoke")
@click.argument("key_id")
@YES
@asking
def revoke(client: AdminClient, key_id: str, *, yes: bool) -> Shown:
    """Revoke a key for good."""
    confirm(f"{_named(client, key_id, yes=yes)} will be refused from now on.", yes=yes)
    return Shown(client.call("DELETE", f"/keys/{part(key_id)}"), columns)


def _named(client: AdminClient, key_id: str, *, yes: bool) -> str:
    """Return a key as people know it, to be asked about."""
    if yes:
        return ""
    found = client.call("GET", f"/keys/{part(key_id)}")
    return f'The key "{found["name"]}" ({found["prefix"]}…)'
