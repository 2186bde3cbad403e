"""A dump of the ledger that is restored elsewhere is the ledger."""

import os
import secrets
import subprocess
from pathlib import Path

import asyncpg

from config.settings import PostgresSettings
from gateway.embedded.binaries import find_postgres
from gateway.embedded.identity import Identity
from gateway.embedded.servers import Endpoints
from metering.audit import Audit
from metering.ledger import Ledger
from metering.migrate import migrate
from tests.conftest import with_database
from tests.integration.booking import Booking


def run(folder: Path, program: str, *arguments: str | Path) -> None:
    programs = find_postgres(folder / "copies", Identity(os.geteuid(), os.getegid(), changes=False))
    done = subprocess.run([programs / program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_restored_dump_passes_the_audit_and_goes_on(
    booking: Booking, database_url: str, servers: Endpoints, tmp_path: Path
) -> None:
    await booking.grant(1000)
    await booking.book(booking.row(70), booking.row(30))
    run(tmp_path, "pg_dump", "-Fc", "-f", tmp_path / "dump", database_url)
    name = f"test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f"CREATE DATABASE {name}")
    restored = with_database(servers.database_url, name)
    run(tmp_path, "pg_restore", "--exit-on-error", "-d", restored, tmp_path / "dump")
    assert await migrate(restored) == []
    ledger = Ledger(restored, PostgresSettings())
    await ledger.start()
    report = await Audit(ledger, None).run()
    state = await ledger.state(booking.account_id)
    await ledger.stop()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
    assert report.clean
    assert state == await booking.ledger.state(booking.account_id)
