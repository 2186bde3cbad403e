"""SHELL: pages of the ledger and of the usage events, by keyset: page 1,000 costs what page 1 costs."""

from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy
from msgspec import UNSET, Raw

from metering.books.filters import ENTRIES, EVENTS, IO_EVENTS, PROBE, Filters, Scope, Selection, days_of
from metering.books.order import ENTRY_LIST, EVENT_LIST, IO_LIST, Order
from metering.books.records import TYPES, Entry, Event, Page, Recovered, Refund
from metering.ledger import AccountState, Ledger
from metering.queries import query

TOTAL_MAX = 10_000
# Up to so many requests are looked up one by one; where more match, walking through time meets them soon enough.
PROBE_MAX = 1000
PROBED = ("user_ids", "model", "key_id", "session_id", "resource", "pool", "feature", "endpoint", "min_amount")
EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
NEWEST_FIRST = "-at"
Connection: TypeAlias = "PoolConnectionProxy[Record]"


class Pages:
    """Entries and events, and the refund of one.

    ``sort`` is a field to rise by, or ``-field`` to fall by; ``after`` is where the last row seen stands in that order.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def entries(  # noqa: PLR0913 - what a page is
        self,
        filters: Filters,
        *,
        limit: int,
        scope: Scope | None = None,
        after: tuple[Any, ...] | None = None,
        sort: str = NEWEST_FIRST,
        total: bool = False,
    ) -> Page:
        """Return a page of ledger entries."""
        order = ENTRY_LIST.order(sort)
        async with self._ledger.connection() as connection, connection.transaction(readonly=True):
            await connection.execute(query("read_plans"))
            selection = await entries_selection(connection, filters, scope)
            rows, count = await _page(connection, "entries", selection, order, limit, after, total=total)
        found = [_entry_of(row, len(order.columns)) for row in rows[:limit]]
        return _page_of(found, rows, order, limit, count)

    async def events(  # noqa: PLR0913 - what a page is
        self,
        filters: Filters,
        *,
        limit: int,
        scope: Scope | None = None,
        after: tuple[Any, ...] | None = None,
        sort: str = NEWEST_FIRST,
        total: bool = False,
        io_rows: bool = False,
    ) -> Page:
        """Return a page of usage events. ``io_rows``: two rows a request, one for its input and one for its output."""
        order = (IO_LIST if io_rows else EVENT_LIST).order(sort)
        async with self._ledger.connection() as connection, connection.transaction(readonly=True):
            await connection.execute(query("read_plans"))
            selection = await events_selection(connection, filters, scope, io_rows=io_rows)
            name = "io_events" if io_rows else "events"
            rows, count = await _page(connection, name, selection, order, limit, after, total=total)
        return _page_of([event_of(row) for row in rows[:limit]], rows, order, limit, count)

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


async def events_selection(
    connection: Connection, filters: Filters, scope: Scope | None, *, io_rows: bool = False
) -> Selection:
    """Return what selects events, in the partitions that they can be in."""
    selection = Selection(filters, scope, IO_EVENTS if io_rows else EVENTS)
    selection.days(*await days_in(connection, filters, scope))
    return selection


async def days_in(connection: Connection, filters: Filters, scope: Scope | None) -> tuple[date | None, date | None]:
    """Return the first and the last day whose requests may have been booked in the filters' time."""
    if filters.since is None and filters.until is None:
        return None, None
    account_id = scope.account_id if scope else filters.account_id
    since, until = filters.since or EVER[0], filters.until or EVER[1]
    odd = await connection.fetchrow(query("odd_days"), since, until, account_id)
    assert odd
    return days_of(filters, (odd[0], odd[1]))


async def entries_selection(connection: Connection, filters: Filters, scope: Scope | None) -> Selection:
    """Return what selects entries: by the requests that they are of, where those are few.

    The ledger has no indexes by member, model and so on: each would cost every settlement another write. Its entries
    are of requests, and the events have these indexes.
    """
    selection = Selection(filters, scope, ENTRIES)
    narrow = (scope is not None and scope.member) or any(getattr(filters, name) is not None for name in PROBED)
    if not narrow or filters.request_id or filters.pack_id or filters.kinds or not (scope or filters.account_id):
        return selection
    values: list[Any] = []
    events = Selection(filters, scope, PROBE, values)
    events.days(*await days_in(connection, filters, scope))
    entries = Selection(filters, scope, ENTRIES, values)
    statement = statement_of(
        "entries_probe",
        events=events.where,
        entries=entries.where,
        # Pools have indexes by time alone; without an order Postgres may take one that begins long before the time.
        order=" ORDER BY e.at DESC" if filters.pool else "",
        limit=f"${len(values) + 1}",
    )
    found = await connection.fetch(statement, *values, PROBE_MAX + 1)
    if len(found) <= PROBE_MAX:
        selection.requests([row[0] for row in found])
    return selection


async def _page(  # noqa: PLR0913, PLR0917 - what a page is
    connection: Connection,
    name: str,
    selection: Selection,
    order: Order,
    limit: int,
    after: tuple[Any, ...] | None,
    *,
    total: bool,
) -> tuple[list[Record], int | None]:
    """Return the rows of a page, and one more if there is one."""
    count = None
    if total:
        statement = statement_of(f"{name}_total", where=selection.where, limit=f"${len(selection.values) + 1}")
        count = await connection.fetchval(statement, *selection.values, TOTAL_MAX + 1)
    if after is not None:
        selection.after(after, order.columns, order.casts, falls=order.falls)
    statement = statement_of(
        f"{name}_page", where=selection.where, order=order.sql, key=order.key, limit=f"${len(selection.values) + 1}"
    )
    return await connection.fetch(statement, *selection.values, limit + 1), count


def _entry_of(row: Record, key_columns: int) -> Entry:
    *fields, resource = [*row.values()][:-key_columns]
    return Entry(*[*fields, TYPES[row["kind"]], resource])


def _page_of(found: list[Any], rows: list[Record], order: Order, limit: int, count: int | None) -> Page:
    after = order.place_of(rows[limit - 1]) if len(rows) > limit else None
    exact = count is None or count <= TOTAL_MAX
    return Page(found, after, count if exact else TOTAL_MAX, exact)


def statement_of(name: str, **parts: str) -> str:
    """Return a statement with its parts put in; all of them are our own text.

    ``io_events_page`` is events_page over rows of input and output.
    """
    rows = "io_rows" if name.startswith("io_") else "whole_rows"
    text = query(name.removeprefix("io_"))
    for part, sql in parts.items():
        text = text.replace("{" + part + "}", sql)
    for source in ("plain", "recovered"):
        text = text.replace("{" + source + "}", text_of(rows, source=text_of(f"{source}_events")))
    return text


def text_of(name: str, **parts: str) -> str:
    """Return a statement to be put into another one: without its name, which is a comment, and its end."""
    text = query(name).partition("\n")[2].rstrip(";")
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
        io_type=UNSET if row["io_type"] is None else row["io_type"],
        amount=UNSET if row["amount"] is None else row["amount"],
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
