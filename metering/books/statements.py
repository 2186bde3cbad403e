"""SHELL: statements: what an account had, was granted, used, lost and got back in a calendar month of its time zone."""

import datetime as dt
from typing import Any

import msgspec

from metering.core.statement import Movement, lines_of
from metering.ledger import Ledger
from metering.queries import query

SECONDS_MAX = 60.0  # for a month of millions of entries


class Seals(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The seals over a statement's versions, as anchors; ``complete``: every one of its entries is sealed."""

    first: str | None
    last: str | None
    complete: bool


class Statement(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """One account, resource and month; amounts are integers in the resource's unit, ``until`` is exclusive.

    It covers the versions above ``opening_version`` up to ``closing_version``. ``final``: nothing can be added.
    """

    account_id: str
    month: str
    time_zone: str
    since: str
    until: str
    resource: str
    opening: int
    granted: int
    used: int
    expired: int
    revoked: int
    corrections: int
    refunds: int
    closing: int
    closes: bool
    final: bool
    entries: int
    opening_version: int
    closing_version: int
    kinds: list[Movement]
    seals: Seals


COLUMNS = [
    *(name for name in Statement.__struct_encode_fields__ if name not in {"kinds", "seals"}),
    "first_seal",
    "last_seal",
]


def row_of(statement: Statement) -> list[Any]:
    """Return a statement as a row of ``COLUMNS``."""
    names = [name for name in Statement.__struct_fields__ if name not in {"kinds", "seals"}]
    return [*(getattr(statement, name) for name in names), statement.seals.first, statement.seals.last]


class Statements:
    """Statements of accounts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def of_month(self, account_id: str, month: dt.date, resource: str | None = None) -> list[Statement] | None:
        """Return a month's statements, one a resource: all that the account ever had, or just one.

        ``month`` is its first day. None: there is no such account. Raises LedgerDownError.
        """
        async with (
            self._ledger.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            period = await connection.fetchrow(query("statement_period"), account_id, month, timeout=SECONDS_MAX)
            if period is None:
                return None
            zone, since, until, final, first, last = period
            moved = await connection.fetch(query("statement_movements"), account_id, first, last, timeout=SECONDS_MAX)
            balances = await connection.fetch(
                query("statement_balances"), account_id, first, last, resource, timeout=SECONDS_MAX
            )
            seals = await connection.fetchrow(query("statement_seals"), account_id, first + 1, last)
        assert seals
        statements = []
        for name, opening, closing, started_from, breaks in balances:
            movements = [Movement(*row[1:]) for row in map(tuple, moved) if row[0] == name]
            lines = lines_of(movements, opening=opening, closing=closing, started_from=started_from, breaks=breaks)
            statements.append(
                Statement(
                    account_id=account_id,
                    month=f"{month:%Y-%m}",
                    time_zone=zone,
                    since=since,
                    until=until,
                    resource=name,
                    opening=opening,
                    granted=lines.granted,
                    used=lines.used,
                    expired=lines.expired,
                    revoked=lines.revoked,
                    corrections=lines.corrections,
                    refunds=lines.refunds,
                    closing=closing,
                    closes=lines.closes,
                    final=final,
                    entries=lines.entries,
                    opening_version=first,
                    closing_version=last,
                    kinds=movements,
                    seals=Seals(first=seals[0], last=seals[1], complete=seals[2] or first == last),
                )
            )
        return statements
