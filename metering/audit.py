"""SHELL: the invariants of DESIGN 3.4, checked on a living system.

Those of the ledger are statements of sql/invariants*.sql, all of one moment. Those of Redis are in redis_audit.py.
``broken`` counts the rows that break an invariant; at most 100 of them are named.
"""

import msgspec
from asyncpg import Record

from metering.ledger import Ledger
from metering.metrics import METRICS
from metering.queries import load_invariants, query
from metering.redis_audit import RedisAudit

ROWS_MAX = 100
# A ledger of 50 million rows is read in minutes, not in the ten seconds that a statement has elsewhere.
STATEMENT_SECONDS = 3600.0
REPORTS = frozenset({"largest_debt"})  # told, not judged


class Invariant(msgspec.Struct, frozen=True):
    """One invariant: how many rows break it, and which."""

    name: str
    broken: int
    rows: list[msgspec.Raw]


class AuditReport(msgspec.Struct, frozen=True):
    """The result of one audit."""

    clean: bool
    checked_at: str
    invariants: list[Invariant]


class Audit:
    """Run the invariants, and remember what the last run found."""

    def __init__(self, ledger: Ledger, redis: RedisAudit | None) -> None:
        """Prepare; without ``redis`` only the ledger is checked."""
        self._ledger = ledger
        self._redis = redis

    async def run(self) -> AuditReport:
        """Check everything, store the result and return it. Raises MeterUnavailableError: it could not be checked."""
        invariants = await self._ledger_invariants()
        if self._redis:
            found = await self._redis.check()
            invariants += [Invariant(name, len(rows), _raw(rows)) for name, rows in found.items()]
        broken = sum(invariant.broken > 0 for invariant in invariants)
        text = msgspec.json.encode(invariants).decode()
        checked_at = await self._ledger.value("audit_add", broken == 0, text)
        METRICS.audit_broken.set(broken)
        return AuditReport(broken == 0, checked_at, invariants)

    async def last(self) -> AuditReport | None:
        """Return the result of the last run of any gateway, or None when there was none."""
        rows = await self._ledger.rows("audit_last")
        if not rows:
            return None
        clean, checked_at, invariants = rows[0]
        return AuditReport(clean, checked_at, msgspec.json.decode(invariants, type=list[Invariant]))

    async def _ledger_invariants(self) -> list[Invariant]:
        async with (
            self._ledger.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return [
                _invariant(name, await connection.fetch(_counted(name), timeout=STATEMENT_SECONDS))
                for name in load_invariants()
            ]


def _counted(name: str) -> str:
    """Return a statement that gives the first rows as JSON, each with the number of all."""
    return (
        f"SELECT to_jsonb(x)::text AS found, count(*) OVER () AS broken FROM (\n{query(name).rstrip(';')}\n) x "  # noqa: S608 - our own text
        f"LIMIT {ROWS_MAX}"
    )


def _invariant(name: str, rows: list[Record]) -> Invariant:
    broken = rows[0]["broken"] if rows and name not in REPORTS else 0
    return Invariant(name, broken, [msgspec.Raw(row["found"].encode()) for row in rows])


def _raw(rows: list[dict[str, str | int]]) -> list[msgspec.Raw]:
    return [msgspec.Raw(msgspec.json.encode(row)) for row in rows[:ROWS_MAX]]
