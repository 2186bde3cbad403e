"""SHELL: pages of the ledger and of the usage events, by keyset: page 1,000 costs what page 1 costs."""

from typing import Any

from asyncpg import Record
from msgspec import UNSET, Raw

from metering.books.filters import (
    ENTRIES,
    ENTRY_ORDER,
    EVENT_ORDER,
    EVENTS,
    Filters,
    Scope,
    Selection,
    order_by,
)
from metering.books.records import Entry, Event, Page, Recovered, Refund
from metering.ledger import AccountState, Ledger
from metering.queries import query


class Pages:
    """Entries and events, and the refund of one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def entries(  # noqa: PLR0913 - what a page is
        self,
        filters: Filters,
        *,
        limit: int,
        scope: Scope | None = None,
        after: tuple[Any, ...] | None = None,
        newest_first: bool = True,
        total: bool = False,
    ) -> Page:
        """Return a page of ledger entries. ``after``: (at, version, seq, account id) of the last one seen."""
        selection = Selection(filters, scope, ENTRIES)
        rows, count = await self._page("entries", selection, ENTRY_ORDER, limit, after, newest_first, total)
        return Page([Entry(*row) for row in rows[:limit]], len(rows) > limit, count)

    async def events(  # noqa: PLR0913 - what a page is
        self,
        filters: Filters,
        *,
        limit: int,
        scope: Scope | None = None,
        after: tuple[Any, ...] | None = None,
        newest_first: bool = True,
        total: bool = False,
    ) -> Page:
        """Return a page of usage events. ``after``: (at, request id) of the last one seen."""
        selection = Selection(filters, scope, EVENTS)
        rows, count = await self._page("events", selection, EVENT_ORDER, limit, after, newest_first, total)
        return Page([event_of(row) for row in rows[:limit]], len(rows) > limit, count)

    async def _page(  # noqa: PLR0913, PLR0917 - what a page is
        self,
        name: str,
        selection: Selection,
        order: tuple[str, ...],
        limit: int,
        after: tuple[Any, ...] | None,
        newest_first: bool,  # noqa: FBT001 - private, and named by both callers
        total: bool,  # noqa: FBT001 - the same
    ) -> tuple[list[Record], int | None]:
        count = None
        async with self._ledger.connection() as connection:
            if total:
                count = await connection.fetchval(_statement(f"{name}_total", where=selection.where), *selection.values)
            selection.after(after, order, newest_first=newest_first)
            statement = _statement(
                f"{name}_page",
                where=selection.where,
                order=order_by(order, newest_first=newest_first),
                limit=f"${len(selection.values) + 1}",
            )
            rows = await connection.fetch(statement, *selection.values, limit + 1)
        return rows, count

    async def refund(self, request_id: str, amount: int | None, reason: str) -> tuple[Refund, AccountState] | None:
        """Give back ``amount`` of a request's charge, or all that is left of it. None: no such request.

        Never more than is left is given back.
        """
        rows = await self._ledger.rows("event_refund", request_id, amount, reason)
        if not rows:
            return None
        refunded, account_id, version, snapshot = rows[0]
        refund = Refund(request_id=request_id, account_id=account_id, refunded=refunded, version=version)
        return refund, AccountState(account_id, version, snapshot)


def _statement(name: str, **parts: str) -> str:
    """Return a statement of sql/books.sql with its parts put in; all of them are our own text."""
    text = query(name).replace("{events}", query("corrected_events").rstrip(";"))
    for part, sql in parts.items():
        text = text.replace("{" + part + "}", sql)
    return text


def event_of(row: Record) -> Event:
    """Return the event in a row of events_page."""
    charge, allocated = row["charge"], row["allocated_amount"]
    return Event(
        request_id=row["request_id"],
        account_id=row["account_id"],
        at=row["at"],
        user_id=row["user_id"],
        key_id=row["key_id"],
        endpoint=row["endpoint"],
        model=row["model"],
        provider=row["provider"],
        prompt_tokens=row["prompt_tokens"],
        cached_tokens=row["cached_tokens"],
        completion_tokens=row["completion_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
        charge=charge,
        unit=row["resource"],
        pool="surplus" if allocated == 0 else "allocated" if allocated == charge else "hybrid",
        allocated_amount=allocated,
        surplus_amount=charge - allocated,
        resource=row["resource"],
        source=row["source"],
        counted_prompt_tokens=row["counted_prompt_tokens"],
        counted_completion_tokens=row["counted_completion_tokens"],
        status=row["status"],
        session_id=row["session_id"],
        reason=row["reason"],
        feature=row["feature"],
        cost=row["cost"],
        attempts=Raw(row["attempts"].encode()),
        duration_ms=row["duration_ms"],
        recovered=_recovered(row) if row["corrected_at"] else UNSET,
    )


def _recovered(row: Record) -> Recovered:
    return Recovered(
        charge=row["booked_charge"],
        prompt_tokens=row["booked_prompt_tokens"],
        completion_tokens=row["booked_completion_tokens"],
        allocated_amount=row["booked_allocated"],
        surplus_amount=row["booked_charge"] - row["booked_allocated"],
        source=row["booked_source"],
        corrected_at=row["corrected_at"],
    )
