"""`farebox member`: who is who inside an account."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.client import AdminClient
from gateway.terminal.commands import Shown, asking, given, paged, part, read_list

if TYPE_CHECKING:
    from gateway.terminal.tables import Column

ROLE = click.option("--role", type=click.Choice(["member", "admin"]), help="What their keys act with.")


def columns() -> "Sequence[Column]":
    """Return what people see of a member."""
    from gateway.terminal.tables import text, when  # noqa: PLC0415 - loaded only where it is needed

    return (
        text("User id", "user_id", keep=True),
        text("Name", "name"),
        text("E-mail", "email"),
        text("Role", "role"),
        text("Status", "status"),
        when("Created", "created_at"),
    )


@click.group()
def member() -> None:
    """Members: people and apps inside an account."""


@member.command("add")
@click.argument("account_id")
@click.argument("user_id")
@click.option("--name", help="What they are called.")
@click.option("--email", help="Where to write to.")
@ROLE
@asking
def add(client: AdminClient, account_id: str, **fields: object) -> Shown:
    """Add a member."""
    return Shown(client.call("POST", f"/accounts/{part(account_id)}/members", given(**fields)), columns)


@member.command("list")
@click.argument("account_id")
@paged
@asking
def list_all(client: AdminClient, account_id: str, *, limit: int, every: bool) -> Shown:
    """List an account's members, newest first."""
    return Shown(read_list(client, f"/accounts/{part(account_id)}/members", limit=limit, every=every), columns)


@member.command("change")
@click.argument("account_id")
@click.argument("user_id")
@click.option("--name", help="What they are called.")
@click.option("--email", help="Where to write to.")
@click.option("--status", type=click.Choice(["active", "deactivated"]), help="A deactivated member's keys are refused.")
@ROLE
@asking
def change(client: AdminClient, account_id: str, user_id: str, **fields: object) -> Shown:
    """Change a member; their keys obey at once."""
    path = f"/accounts/{part(account_id)}/members/{part(user_id)}"
    return Shown(client.call("PATCH", path, given(**fields)), columns)


@member.command("deactivate")
@click.argument("account_id")
@click.argument("user_id")
@asking
def deactivate(client: AdminClient, account_id: str, user_id: str) -> Shown:
    """Refuse all keys of a member; what they did stays. `change --status active` undoes it."""
    return Shown(client.call("DELETE", f"/accounts/{part(account_id)}/members/{part(user_id)}"), columns)
