"""What the command line does without a running gateway: migrate, and audit the ledger."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from config.settings import Settings
from gateway.client import AdminClient, NoGatewayError
from gateway.embedded import EmbeddedServers
from metering.audit import Audit
from metering.ledger import Ledger
from metering.migrate import migrate

T = TypeVar("T")


def migrate_database(settings: Settings) -> str:
    """Migrate; return a line that says what was done."""
    applied = _with_database(settings, migrate)
    return f"applied {', '.join(applied)}" if applied else "the database is up to date"


def run_audit(settings: Settings) -> tuple[bool, str]:
    """Return whether every invariant holds, and the report as JSON.

    A running gateway checks Redis as well. With none, the ledger alone is checked: what is in Redis then is
    rebuilt from it at the next start.
    """
    try:
        report = AdminClient(settings).call("POST", "/audit")
    except NoGatewayError:
        report = _with_database(settings, lambda url: _audit(url, settings))
    return bool(report["clean"]), json.dumps(report, indent=2)


async def _audit(url: str, settings: Settings) -> dict[str, Any]:
    ledger = Ledger(url, settings.postgres)
    await ledger.start()
    try:
        report = await Audit(ledger, None).run()
    finally:
        await ledger.stop()
    return msgspec.json.decode(msgspec.json.encode(report), type=dict[str, Any])


def _with_database(settings: Settings, work: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    if settings.postgres.url:
        return asyncio.run(work(settings.postgres.url))
    # An address for Redis keeps the embedded one from being started: it is not needed here.
    servers = EmbeddedServers(state_dir=settings.state_dir, database_url=None, redis_url="redis://127.0.0.1")
    with servers as endpoints:
        return asyncio.run(work(endpoints.database_url))
