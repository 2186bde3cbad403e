"""SHELL: bring a database to this version's schema.

Migrations run once, in order, each in a transaction; functions are replaced at every run. Each transaction takes the
lock and looks anew, so that nothing is kept in a session: a pooler may give each of them another one. A database that
is newer than this code is refused: old code must not write to tables that it does not understand.
"""

import asyncpg

from metering.errors import LedgerDownError, MeteringError
from metering.ledger import DOWN
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
        # No cache: its statements have names, which a pooler in transaction mode would look for in another session.
        connection = await asyncpg.connect(url, timeout=10, statement_cache_size=0)
    except DOWN as error:
        raise LedgerDownError(f"Postgres does not answer: {error}") from error
    applied: list[str] = []
    try:
        while name := await _apply_next(connection):
            applied.append(name)
        return applied
    finally:
        await connection.close()


async def _apply_next(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """Apply the first migration that is missing, and return its name; when there is none, replace the functions."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        missing = await _missing(connection)
        if missing:
            number, name, text = missing
            await connection.execute(text)
            await connection.execute("INSERT INTO migrations (number, name) VALUES ($1, $2)", number, name)
            return name
        for file in sorted((FOLDER / "functions").glob("*.sql")):
            await connection.execute(file.read_text(encoding="utf-8"))
        await connection.execute("SELECT make_partitions($1)", MONTHS_AHEAD)
    return None


async def _missing(connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[int, str, str] | None:
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
    return next((one for one in known if one[0] not in done), None)
