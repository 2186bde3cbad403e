"""Fills a ledger with rows as fast as Postgres takes them: by month, in SQL, its indexes made at the end."""

import hashlib
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg

from config.settings import PostgresSettings
from metering.ids import new_id
from metering.ledger import Ledger
from metering.migrate import migrate
from metering.roller import Roller

STATEMENTS = Path(__file__).with_suffix("").parent / "ledger.sql"
OTHERS = 9
CHUNK = 500_000


class Filled(NamedTuple):
    """What is in the ledger now: whom to ask for, and when they were active."""

    account_id: str
    since: datetime
    until: datetime
    key_id: str
    pack_id: str
    session_id: str


def statement(name: str) -> str:
    """Return a statement of bench/ledger.sql."""
    text = STATEMENTS.read_text().partition(f"-- {name}: ")[2]
    return text.partition("\n")[2].partition(";\n\n-- ")[0]


async def fill(database_url: str, *, events: int, others: int, months: int, rolled: bool) -> Filled:
    """Make the rows, and their roll-ups if ``rolled``; print what each step took."""
    await migrate(database_url)
    connection = await asyncpg.connect(database_url, command_timeout=7200)
    await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'")
    until = datetime.now(UTC)
    since = until - timedelta(days=30.4 * months)
    await _make_months(connection, since, until)
    indexes = await connection.fetch(statement("indexes"))
    for name, _ in indexes:
        await connection.execute(f"DROP INDEX {name}")
    account_id, started = "", time.perf_counter()
    for count in (*[others // OTHERS] * OTHERS, events):
        if count:
            account_id = await _account(connection, count)
            await _rows(connection, account_id, count, since, until)
    _tell("rows", started, events + others)
    started = time.perf_counter()
    for _, text in indexes:
        await connection.execute(text.replace(" ON ONLY ", " ON "))  # of all partitions, not of the parent alone
    await connection.execute("ANALYZE events; ANALYZE entries; ANALYZE accounts")
    _tell("indexes", started, events + others)
    await connection.close()
    if rolled:
        await _roll(database_url, events + others)
    pack = hashlib.md5(f"pack{date(until.year, until.month, 1):%Y-%m-%d} 00:00:00".encode(), usedforsecurity=False)
    key = hashlib.md5(b"key3", usedforsecurity=False)
    middle = (events - events // 20) // 14
    return Filled(
        account_id, since, until, str(UUID(key.hexdigest())), str(UUID(pack.hexdigest())), f"session-{middle}"
    )


async def _make_months(connection: "asyncpg.Connection[asyncpg.Record]", since: datetime, until: datetime) -> None:
    first = since.date().replace(day=1)
    while first <= until.date():
        following = (first + timedelta(days=32)).replace(day=1)
        for table in ("events", "entries"):
            text = statement("month")
            for mark, value in (("table", table), ("month", f"{first:%Y%m}"), ("first", first), ("next", following)):
                text = text.replace("{" + mark + "}", str(value))
            await connection.execute(text)
        first = following


async def _account(connection: "asyncpg.Connection[asyncpg.Record]", count: int) -> str:
    account_id = new_id()
    await connection.execute(
        "INSERT INTO accounts (account_id, name, version) VALUES ($1, 'bench', $2)", account_id, count // 20 + 2
    )
    return account_id


async def _rows(
    connection: "asyncpg.Connection[asyncpg.Record]", account_id: str, count: int, since: datetime, until: datetime
) -> None:
    start_ms = int(since.timestamp() * 1000)
    step_ms = (until - since).total_seconds() * 1000 / count
    for first in range(1, count + 1, CHUNK):
        last = min(first + CHUNK - 1, count)
        await connection.execute(statement("events"), account_id, first, last, start_ms, step_ms)
    await connection.execute(statement("packs"), account_id, since.date().replace(day=1), until.date())
    day = since.date()
    while day <= until.date():
        following = (day + timedelta(days=32)).replace(day=1)
        await connection.execute(statement("entries"), account_id, day, following)
        day = following


async def _roll(database_url: str, count: int) -> None:
    ledger = Ledger(database_url, PostgresSettings(timeout_seconds=600))
    await ledger.start()
    started = time.perf_counter()
    await Roller(ledger).roll_due()
    rollups = await _count(ledger)
    await ledger.stop()
    _tell(f"roll-ups ({rollups:,} rows)", started, count)


async def _count(ledger: Ledger) -> int:
    async with ledger.connection() as connection:
        await connection.execute("ANALYZE rollups")
        return int(await connection.fetchval("SELECT count(*) FROM rollups"))


def _tell(what: str, started: float, count: int) -> None:
    seconds = time.perf_counter() - started
    print(f"  {what}: {seconds:.0f} s, {count / seconds:,.0f} events/s", flush=True)
