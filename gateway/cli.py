"""The command line: `farebox serve`, `migrate`, `audit`, and the admin API from a terminal."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import click

from config.errors import ConfigurationError
from config.loader import load_settings
from config.settings import Settings
from gateway.client import AdminClient, ClientError
from gateway.embedded.errors import EmbeddedError
from gateway.kept import KeepError

T = TypeVar("T")
VERSION = "0.1.0"
CONFIG = click.option("--config", type=click.Path(path_type=Path), help="A TOML file over the defaults.")
HOST = click.option("--host", help="Address of the gateway (127.0.0.1).")
PORT = click.option("--port", type=int, help="Port of the gateway (8080).")
STATE = click.option("--state-dir", type=click.Path(path_type=Path), help="Where Farebox keeps its state.")


def settings_of(config: Path | None, **overrides: object) -> Settings:
    """Return the settings, or end with one line for each problem."""
    try:
        return load_settings(config, os.environ, overrides)
    except (ConfigurationError, OSError) as error:
        raise click.ClickException(str(error)) from error


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
            serve(settings)
        except (ServeError, EmbeddedError, KeepError, MeteringError) as error:
            raise click.ClickException(str(error)) from error


@main.command()
@CONFIG
@STATE
def migrate(config: Path | None, state_dir: Path | None) -> None:
    """Bring the database to this version's schema."""
    from gateway.offline import migrate_database  # noqa: PLC0415 - imports what only it needs

    click.echo(_in_one_line(lambda: migrate_database(settings_of(config, state_dir=state_dir))))


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
    report = _in_one_line(lambda: run_audit(settings))
    if verify or asked or start:
        report["seals"] = _in_one_line(lambda: verify_seals(settings, asked, start))
        report["clean"] = report["clean"] and report["seals"]["clean"]
    click.echo(json.dumps(report, indent=2))
    for finding in report.get("seals", {}).get("findings", [])[:1]:
        click.echo(f"first finding: {finding['why']} (account {finding['account_id']})", err=True)
    sys.exit(0 if report["clean"] else 1)


def _in_one_line(work: Callable[[], T]) -> T:
    """Return what ``work`` returns; what goes wrong is one line."""
    from metering.errors import MeteringError  # noqa: PLC0415 - imports what only it needs

    try:
        return work()
    except (ClientError, EmbeddedError, KeepError, MeteringError) as error:
        raise click.ClickException(str(error)) from error


def admin(work: Callable[..., tuple[str, str, dict[str, object] | None]]) -> Callable[..., None]:
    """Return a command that sends what ``work`` answers (method, path, body) to the admin API, and prints the JSON."""

    @HOST
    @PORT
    @CONFIG
    @STATE
    @wraps(work)
    def command(
        host: str | None, port: int | None, config: Path | None, state_dir: Path | None, **options: object
    ) -> None:
        settings = settings_of(config, **{"server.host": host, "server.port": port, "state_dir": state_dir})
        method, path, body = work(**options)
        answer = _in_one_line(lambda: AdminClient(settings).call(method, path, body))
        click.echo(json.dumps(answer, indent=2))

    return command


def given(**fields: object) -> dict[str, object]:
    """Return the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None and value != ()}


@main.group()
def account() -> None:
    """Accounts: who pays."""


@account.command("create")
@click.argument("name")
@click.option("--min-reserve", type=int, help="Tokens below which everything stops.")
@admin
def account_create(name: str, min_reserve: int | None) -> tuple[str, str, dict[str, object] | None]:
    """Create an account."""
    return "POST", "/accounts", given(name=name, min_reserve=min_reserve)


@account.command("list")
@admin
def account_list() -> tuple[str, str, dict[str, object] | None]:
    """List accounts, newest first."""
    return "GET", "/accounts", None


@account.command("balance")
@click.argument("account_id")
@admin
def account_balance(account_id: str) -> tuple[str, str, dict[str, object] | None]:
    """Show an account's balance."""
    return "GET", f"/accounts/{account_id}/balance", None


@main.command()
@click.argument("account_id")
@click.option("--month", required=True, help="A calendar month in the account's time zone, such as 2026-11.")
@click.option("--resource", help="Only this one.")
@admin
def statement(account_id: str, month: str, resource: str | None) -> tuple[str, str, dict[str, object] | None]:
    """Show how an account's balance moved in a month."""
    asked = urlencode(given(month=month, resource=resource))
    return "GET", f"/accounts/{account_id}/statements?{asked}", None


@main.group()
def key() -> None:
    """API keys: who calls."""


@key.command("create")
@click.argument("account_id")
@click.option("--name", default="", help="What it is for.")
@click.option("--user", "user_id", help="The member it belongs to.")
@admin
def key_create(account_id: str, name: str, user_id: str | None) -> tuple[str, str, dict[str, object] | None]:
    """Create a key; its secret is shown once."""
    return "POST", f"/accounts/{account_id}/keys", given(name=name, user_id=user_id)


@key.command("list")
@click.argument("account_id")
@admin
def key_list(account_id: str) -> tuple[str, str, dict[str, object] | None]:
    """List an account's keys."""
    return "GET", f"/accounts/{account_id}/keys", None


@key.command("revoke")
@click.argument("key_id")
@admin
def key_revoke(key_id: str) -> tuple[str, str, dict[str, object] | None]:
    """Revoke a key."""
    return "DELETE", f"/keys/{key_id}", None


@main.group()
def pack() -> None:
    """Packs: lots of prepaid tokens."""


@pack.command("grant")
@click.argument("account_id")
@click.argument("size", type=int)
@click.option("--note", help="A remark.")
@click.option("--expires-at", help="RFC 3339 time after which it no longer counts.")
@click.option("--user", "user_id", help="The only member who may use it.")
@click.option("--model", "models", multiple=True, help="A model it may be used for (repeatable).")
@admin
def pack_grant(account_id: str, **terms: object) -> tuple[str, str, dict[str, object] | None]:
    """Grant a pack."""
    return "POST", f"/accounts/{account_id}/packs", given(**terms)


@pack.command("list")
@click.argument("account_id")
@admin
def pack_list(account_id: str) -> tuple[str, str, dict[str, object] | None]:
    """List an account's packs."""
    return "GET", f"/accounts/{account_id}/packs", None


@pack.command("revoke")
@click.argument("pack_id")
@admin
def pack_revoke(pack_id: str) -> tuple[str, str, dict[str, object] | None]:
    """Withdraw a pack at once."""
    return "POST", f"/packs/{pack_id}/revoke", None


if __name__ == "__main__":
    main()
