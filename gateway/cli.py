"""The command line: `farebox serve`, `migrate`, `audit`, and the admin API from a terminal (gateway/terminal)."""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from config.loader import load_settings
from gateway.client import AdminClient
from gateway.embedded.errors import EmbeddedError
from gateway.kept import KeepError
from gateway.terminal.accounts import account
from gateway.terminal.commands import Shown, asking, given, part, with_query
from gateway.terminal.keys import key
from gateway.terminal.limits import limit
from gateway.terminal.members import member
from gateway.terminal.options import CONFIG, HOST, PORT, STATE, in_one_line, settings_of
from gateway.terminal.packs import pack
from gateway.terminal.prices import prices
from gateway.terminal.trail import trail

if TYPE_CHECKING:
    from gateway.terminal.tables import Column

VERSION = "0.1.0"


@click.group()
@click.version_option(VERSION, prog_name="farebox")
def main() -> None:
    """Farebox: a prepaid token meter in front of large language models."""


@main.command()
@HOST
@PORT
@click.option("--workers", type=int, help="Gateway processes that share the port (1).")
@CONFIG
@STATE
def serve(host: str | None, port: int | None, workers: int | None, config: Path | None, state_dir: Path | None) -> None:
    """Run the gateway, with embedded Postgres and Valkey where no URL is given."""
    overrides = {"server.host": host, "server.port": port, "server.workers": workers, "state_dir": state_dir}
    settings = settings_of(config, **overrides)
    with tempfile.TemporaryDirectory(prefix="farebox-metrics-") as folder:
        if settings.server.workers > 1:
            # prometheus_client decides at import whether its values are shared by processes.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        from gateway.serve import ServeError, serve  # noqa: PLC0415 - after that
        from metering.errors import MeteringError  # noqa: PLC0415 - after that

        try:
            serve(settings, partial(load_settings, config, os.environ, overrides))
        except (ServeError, EmbeddedError, KeepError, MeteringError) as error:
            raise click.ClickException(str(error)) from error


@main.command()
@CONFIG
@STATE
def migrate(config: Path | None, state_dir: Path | None) -> None:
    """Bring the database to this version's schema."""
    from gateway.offline import migrate_database  # noqa: PLC0415 - imports what only it needs

    click.echo(in_one_line(lambda: migrate_database(settings_of(config, state_dir=state_dir))))


@main.command()
@HOST
@PORT
@CONFIG
@STATE
@click.option("--verify", is_flag=True, help="Recompute the seals from the rows, and name the first altered one.")
@click.option("--anchor", "anchors", multiple=True, help="POSITION:HASH that must still be in the chain (repeatable).")
@click.option("--since", help="POSITION:HASH: believe what it and the seals before it cover.")
def audit(  # noqa: PLR0913, PLR0917 - options
    host: str | None,
    port: int | None,
    config: Path | None,
    state_dir: Path | None,
    verify: bool,  # noqa: FBT001 - an option
    anchors: tuple[str, ...],
    since: str | None,
) -> None:
    """Check every invariant; exit with 1 when one is broken, and name the rows."""
    from gateway.offline import run_audit, verify_seals  # noqa: PLC0415 - imports what only it needs
    from metering.core.seals import parse_anchor  # noqa: PLC0415 - the same

    settings = settings_of(config, **{"server.host": host, "server.port": port, "state_dir": state_dir})
    try:
        asked, start = [parse_anchor(text) for text in anchors], parse_anchor(since) if since else None
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    report = in_one_line(lambda: run_audit(settings))
    if verify or asked or start:
        report["seals"] = in_one_line(lambda: verify_seals(settings, asked, start))
        report["clean"] = report["clean"] and report["seals"]["clean"]
    click.echo(json.dumps(report, indent=2))
    for finding in report.get("seals", {}).get("findings", [])[:1]:
        click.echo(f"first finding: {finding['why']} (account {finding['account_id']})", err=True)
    sys.exit(0 if report["clean"] else 1)


@main.command()
@click.argument("account_id")
@click.option("--month", required=True, help="A calendar month in the account's time zone, such as 2026-11.")
@click.option("--resource", help="Only this one.")
@asking
def statement(client: AdminClient, account_id: str, **asked: object) -> Shown:
    """Show how an account's balance moved in a month."""
    path = with_query(f"/accounts/{part(account_id)}/statements", **given(**asked))
    return Shown(client.call("GET", path), _statement_columns)


def _statement_columns() -> "Sequence[Column]":
    from gateway.terminal.tables import number, text  # noqa: PLC0415 - loaded only where it is needed

    sums = ("opening", "granted", "used", "expired", "revoked", "corrections", "refunds", "closing")
    return (text("Month", "month"), text("Resource", "resource"), *(number(name.capitalize(), name) for name in sums))


for group in (account, member, key, limit, pack, prices, trail):
    main.add_command(group)


if __name__ == "__main__":
    main()
