"""SHELL: bring a database to this version's schema.

Migrations run once, in order, each in a transaction; functions are replaced at every run. A database that is
newer than this code is refused: old code must not write to tables that it does not understand.
"""

import asyncpg

from metering.errors import LedgerDownError, MeteringError
from metering.queries import FOLDER

LOCK = 0xFA_4E_B0_C5  # any fixed number: one migration at a time
MONTHS_AHEAD = 2


class SchemaTooNewError(MeteringError):
    """The database was migrated by newer code."""


def migrations() -> list[tuple[int, str, str]]:
    """Return (number, name, text) of every migration, in order."""
    files = sorted((FOLDER / "migrations").glob("[0-9]*.sql"))
    return [(int(file.stem.split("_")[0]), file.stem, file.read_text(encoding="utf-8")) for file in files]


async def migrate(url: str) -> list[str]:
    """Apply what is missing; return the names of the migrations applied. Raises LedgerDownError."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise LedgerDownError(f"Postgres does not answer: {error}") from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        return await _apply(connection)
    finally:
        await connection.close()


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    done = {row["number"] for row in await connection.fetch("SELECT number FROM migrations")}
    known = migrations()
    if done and max(done) > known[-1][0]:
        raise SchemaTooNewError(
            f"the database is at migration {max(done)}, this code at {known[-1][0]}: upgrade Farebox"
        )
    applied: list[str] = []
    for number, name, text in known:
        if number in done:
            continue
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute("INSERT INTO migrations (number, name) VALUES ($1, $2)", number, name)
        applied.append(name)
    async with connection.transaction():
        for file in sorted((FOLDER / "functions").glob("*.sql")):
            await connection.execute(file.read_text(encoding="utf-8"))
        await connection.execute("SELECT make_partitions($1)", MONTHS_AHEAD)
    return applied
