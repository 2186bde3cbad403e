"""`farebox account`: who pays, and how they stand."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from gateway.client import AdminClient
from gateway.terminal.commands import Shown, asking, given, paged, part, read_list, with_query

if TYPE_CHECKING:
    from gateway.terminal.tables import Column


def columns() -> "Sequence[Column]":
    """Return what people see of an account."""
    from gateway.terminal.tables import number, text, when  # noqa: PLC0415 - loaded only where it is needed

    return (
        text("Id", "id", keep=True),
        text("Name", "name"),
        text("Status", "status"),
        text("E-mail", "email"),
        text("Plan", "plan"),
        text("Unit", "unit"),
        number("Minimum reserve", "min_reserve"),
        when("Created", "created_at"),
    )


def _balance_columns() -> "Sequence[Column]":
    from gateway.terminal.tables import number, text  # noqa: PLC0415 - loaded only where it is needed

    numbers = ("balance", "reserved", "available", "debt", "min_reserve", "warning_threshold", "active_packs")
    headings = ("Balance", "Reserved", "Available", "Debt", "Minimum reserve", "Warning below", "Active packs")
    return (
        text("State", "state"),
        *map(number, headings, numbers),
        text("Unlimited", "unlimited"),
        text("Resource", "resource"),
    )


def settings(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options that create and change have in common."""
    for option in (
        click.option(
            "--orphan",
            type=click.Choice(["bounded", "upper_bound", "checkpoint"]),
            help="What a request pays whose gateway died.",
        ),
        click.option("--clamp", type=click.Choice(["unset", "never", "always"]), help="May limits be lowered?"),
        click.option("--floor", type=click.Choice(["cross", "keep"]), help="May the reserve be crossed by use?"),
        click.option("--warning-threshold", type=int, help="Below it the account is running low."),
        click.option("--min-reserve", type=int, help="Below it everything stops."),
        click.option("--time-zone", help="Such as Europe/Berlin: when its months and days turn."),
        click.option("--domain", help="Its domain."),
        click.option("--plan", help="What its plan is called."),
        click.option("--email", help="Whom to write to."),
    ):
        command = option(command)
    return command


@click.group()
def account() -> None:
    """Accounts: who pays."""


@account.command("create")
@click.argument("name")
@click.option("--unit", type=click.Choice(["tokens", "credits"]), help="What it is charged in (tokens).")
@settings
@asking
def create(client: AdminClient, **fields: object) -> Shown:
    """Create an account."""
    return Shown(client.call("POST", "/accounts", given(**fields)), columns)


@account.command("list")
@paged
@asking
def list_all(client: AdminClient, *, limit: int, every: bool) -> Shown:
    """List accounts, newest first."""
    return Shown(read_list(client, "/accounts", limit=limit, every=every), columns)


@account.command("show")
@click.argument("account_id")
@asking
def show_one(client: AdminClient, account_id: str) -> Shown:
    """Show an account."""
    return Shown(client.call("GET", f"/accounts/{part(account_id)}"), columns)


@account.command("change")
@click.argument("account_id")
@click.option("--name", help="What it is called.")
@click.option("--status", type=click.Choice(["active", "suspended"]), help="A suspended account may spend nothing.")
@settings
@asking
def change(client: AdminClient, account_id: str, **fields: object) -> Shown:
    """Change settings of an account."""
    return Shown(client.call("PATCH", f"/accounts/{part(account_id)}", given(**fields)), columns)


@account.command("balance")
@click.argument("account_id")
@click.option("--resource", help="Such as images; its own unit unless given.")
@asking
def balance(client: AdminClient, account_id: str, resource: str | None) -> Shown:
    """Show an account's balance."""
    path = with_query(f"/accounts/{part(account_id)}/balance", **given(resource=resource))
    return Shown(client.call("GET", path), _balance_columns)
