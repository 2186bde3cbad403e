"""`farebox pack`: lots of prepaid tokens."""

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.client import AdminClient, ClientError
from gateway.terminal.commands import YES, Shown, asking, confirm, given, paged, part, read_list, working

if TYPE_CHECKING:
    from gateway.terminal.tables import Column

NUMBERS = frozenset({"size", "priority"})
FIELDS = ("account_id", "size", "user_id", "models", "resource", "note", "priority", "expires_at")
STATUSES = ["active", "depleted", "expired", "revoked"]


def columns() -> "Sequence[Column]":
    """Return what people see of a pack."""
    from gateway.terminal.tables import (  # noqa: PLC0415 - loaded only where it is needed
        Column,
        grouped,
        listed,
        text,
        when,
    )

    def left(pack: Any) -> str:  # noqa: ANN401 - JSON
        return "unlimited" if pack["unlimited"] else f"{grouped(pack['remaining'])} / {grouped(pack['size'])}"

    return (
        text("Id", "id", keep=True),
        text("Status", "status"),
        Column("Remaining / Total", left, is_number=True),
        text("Resource", "resource"),
        text("User id", "user_id"),
        listed("Models", "models", none="any"),
        when("Expires", "expires_at"),
        when("Granted", "granted_at"),
        text("Note", "note"),
    )


@click.group()
def pack() -> None:
    """Packs: lots of prepaid tokens."""


@pack.command("grant")
@click.argument("account_id")
@click.argument("size", type=int, required=False)
@click.option("--unlimited", is_flag=True, default=None, help="It never depletes; without a size.")
@click.option("--note", help="A remark.")
@click.option("--priority", type=int, help="Lower burns down first (50).")
@click.option("--resource", help="Such as images; the account's unit unless given.")
@click.option("--expires-at", help="RFC 3339 time after which it no longer counts.")
@click.option("--user", "user_id", help="The only member who may use it.")
@click.option("--model", "models", multiple=True, help="A model it may be used for (repeatable).")
@asking
def grant(client: AdminClient, account_id: str, **terms: object) -> Shown:
    """Grant a pack."""
    return Shown(client.call("POST", f"/accounts/{part(account_id)}/packs", given(**terms)), columns)


@pack.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@YES
@asking
def grant_many(client: AdminClient, file: Path, *, yes: bool) -> Shown:
    """Grant a pack for each line of a CSV file.

    Its first line names the columns: account_id and size, and any of user_id, models (with | between them), resource,
    note, priority, expires_at. A file that was imported in part, or as a whole, may be imported again: no line of it is
    granted twice.
    """
    data = file.read_bytes()
    rows = _rows(data)
    total = sum(int(row["size"]) for row in rows)
    accounts = len({row["account_id"] for row in rows})
    confirm(f"Grant {len(rows):,} packs with {total:,} in all to {accounts:,} accounts?", yes=yes)
    mark = hashlib.sha256(data).hexdigest()[:32]
    made = []
    for number, row in working("granting", list(enumerate(rows, start=2)), total=len(rows)):
        body = {name: value for name, value in row.items() if name != "account_id"}
        try:
            path = f"/accounts/{part(row['account_id'])}/packs"
            made.append(client.call("POST", path, body, once=f"import-{mark}-{number}"))
        except ClientError as error:
            raise ClientError(f"line {number}: {error} ({len(made)} packs of this file are granted)") from error
    return Shown({"data": made, "next_cursor": None}, columns)


def _rows(data: bytes) -> list[dict[str, Any]]:
    """Return the packs of a CSV file. Raises ClickException naming the line: nothing is granted of a wrong file."""
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"the file is no CSV in UTF-8: {error}") from error
    names = reader.fieldnames or []
    if not {"account_id", "size"} <= set(names) <= set(FIELDS):
        raise click.ClickException(f"line 1: the columns are account_id, size, and any of {', '.join(FIELDS[2:])}")
    return [_row(number, row) for number, row in enumerate(rows, start=2)]


def _row(number: int, row: dict[str, str | None]) -> dict[str, Any]:
    if None in row or None in row.values():
        raise click.ClickException(f"line {number}: it has more or fewer fields than line 1")
    found: dict[str, Any] = {name: value for name, value in row.items() if value}
    if not {"account_id", "size"} <= found.keys():
        raise click.ClickException(f"line {number}: account_id or size is missing")
    for name in NUMBERS & found.keys():
        if not found[name].isdecimal():
            raise click.ClickException(f"line {number}: {name} is no whole number")
        found[name] = int(found[name])
    if "models" in found:
        found["models"] = found["models"].split("|")
    return found


@pack.command("list")
@click.argument("account_id")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@paged
@asking
def list_all(client: AdminClient, account_id: str, *, limit: int, every: bool, status: str | None) -> Shown:
    """List an account's packs, newest first."""
    path = f"/accounts/{part(account_id)}/packs"
    return Shown(read_list(client, path, limit=limit, every=every, status=status), columns)


@pack.command("show")
@click.argument("pack_id")
@asking
def show_one(client: AdminClient, pack_id: str) -> Shown:
    """Show a pack."""
    return Shown(client.call("GET", f"/packs/{part(pack_id)}"), columns)


@pack.command("change")
@click.argument("pack_id")
@click.option("--note", help="A remark.")
@click.option("--priority", type=int, help="Lower burns down first.")
@click.option("--expires-at", help="RFC 3339 time after which it no longer counts.")
@asking
def change(client: AdminClient, pack_id: str, **fields: object) -> Shown:
    """Change a pack's note, priority or expiry."""
    return Shown(client.call("PATCH", f"/packs/{part(pack_id)}", given(**fields)), columns)


@pack.command("revoke")
@click.argument("pack_id")
@YES
@asking
def revoke(client: AdminClient, pack_id: str, *, yes: bool) -> Shown:
    """Withdraw a pack at once."""
    if not yes:
        found = client.call("GET", f"/packs/{part(pack_id)}")
        left = "an unlimited pack" if found["unlimited"] else f"{found['remaining']:,} {found['resource']}"
        confirm(f"Withdraw {left} from the account {found['account_id']}?", yes=yes)
    return Shown(client.call("POST", f"/packs/{part(pack_id)}/revoke"), columns)
