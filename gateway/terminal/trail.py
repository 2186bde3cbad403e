"""`farebox trail`: who changed what."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gateway.client import AdminClient
from gateway.terminal.commands import Shown, asking, paged, read_list

if TYPE_CHECKING:
    from gateway.terminal.tables import Column

KINDS = {"platform_admin": "platform admin", "account_admin": "account admin"}


def columns() -> "Sequence[Column]":
    """Return what people see of a line."""
    from gateway.terminal.tables import Column, changes_of, text, when  # noqa: PLC0415 - loaded only where it is needed

    def who(line: Any) -> str:  # noqa: ANN401 - JSON
        return f"{KINDS.get(line['actor_kind'], line['actor_kind'])} {line['user_id'] or line['actor']}"

    return (
        when("When", "at"),
        Column("Who", who),
        text("Via", "via"),
        Column("Did", lambda line: f"{line['action']} {line['object']}"),
        text("Object", "object_id"),
        text("Account", "account_id"),
        Column("What changed", changes_of),
    )


@click.command()
@click.option("--account", "account_id", help="Only what concerns this account.")
@click.option("--actor", help="A key's id or fingerprint, a user id, or a kind such as platform_admin.")
@click.option("--action", help="Such as create, change, grant, revoke, rotate, refund.")
@click.option("--object", "object_", help="A kind such as key or pack, or an id.")
@click.option("--from", "since", help="RFC 3339 time, inclusive.")
@click.option("--to", "until", help="RFC 3339 time, exclusive.")
@paged
@asking
def trail(client: AdminClient, *, limit: int, every: bool, **filters: Any) -> Shown:  # noqa: ANN401 - options
    """Show who changed what, newest first."""
    names = {"object_": "object", "since": "from", "until": "to"}
    asked = {names.get(name, name): value for name, value in filters.items()}
    return Shown(read_list(client, "/audit-trail", limit=limit, every=every, **asked), columns)
