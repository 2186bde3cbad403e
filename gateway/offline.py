"""What the command line does without a running gateway: migrate, audit the ledger, verify its seals."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from config.settings import Settings
from gateway.client import AdminClient, NoGatewayError
from gateway.embedded import EmbeddedServers
from metering.audit import Audit, AuditReport
from metering.core.seals import Anchor
from metering.ledger import Ledger
from metering.migrate import migrate
from metering.verifier import CHUNK_ALONE, Verification, Verifier

T = TypeVar("T")


def migrate_database(settings: Settings) -> str:
    """Migrate; return a line that says what was done."""
    applied = _with_database(settings, migrate)
    return f"applied {', '.join(applied)}" if applied else "the database is up to date"


def run_audit(settings: Settings) -> dict[str, Any]:
    """Return the report on every invariant.

    A running gateway checks Redis as well. With none, the ledger alone is checked: what is in Redis then is
    rebuilt from it at the next start.
    """
    try:
        report: dict[str, Any] = AdminClient(settings).call("POST", "/audit")
    except NoGatewayError:
        report = _with_database(settings, lambda url: _with_ledger(url, settings, _audit))
    return report


def verify_seals(settings: Settings, anchors: Sequence[Anchor], since: Anchor | None) -> dict[str, Any]:
    """Return what recomputing the seals found (metering/verifier.py).

    With a Postgres of one's own no gateway is asked: its rows are read here. An embedded Postgres that is running
    belongs to its gateway, which does it then.
    """
    if settings.postgres.url is None:
        asked = [("anchor", str(anchor)) for anchor in anchors] + ([("since", str(since))] if since else [])
        with suppress(NoGatewayError):
            path = "/seals/verify" + (f"?{urlencode(asked)}" if asked else "")
            report: dict[str, Any] = AdminClient(settings).call("POST", path)
            return report

    async def verify(ledger: Ledger) -> Verification:
        return await Verifier(ledger, chunk=CHUNK_ALONE).run(anchors, since)

    return _with_database(settings, lambda url: _with_ledger(url, settings, verify))


async def _audit(ledger: Ledger) -> AuditReport:
    return await Audit(ledger, None).run()


async def _with_ledger(
    url: str, settings: Settings, work: Callable[[Ledger], Awaitable[AuditReport | Verification]]
) -> dict[str, Any]:
    ledger = Ledger(url, settings.postgres)
    await ledger.start()
    try:
        report = await work(ledger)
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
