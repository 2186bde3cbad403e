"""…/events.csv, /ledger.csv, /usage.csv: all rows of the same filters, streamed.

Rows are read by keyset, some hundred at a time, and each read ends before its rows are sent: a client that is slow, or
stops reading, holds no connection and no snapshot of Postgres, and memory for one read only. A file that could not be
finished is cut off where it stands, so that its client sees an error and not an end.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from aiohttp import web
from msgspec import UNSET, Raw

from gateway.admin.ledger import read_page
from gateway.admin.paging import EVENTS, IO_EVENTS, LEDGER, RowsQuery, rows_query
from gateway.admin.queries import AccountUsageFileQuery, EntriesFileQuery, EventsFileQuery
from gateway.admin.serving import admin
from gateway.admin.usage import question_of, read_series
from gateway.deps import Deps
from gateway.openapi.operation import CSV, operation
from metering.books.filters import Scope
from metering.books.records import Entry, Event, Recovered
from metering.books.series import Question
from metering.books.usage import COLUMNS
from metering.core.sheet import Cell, encode_rows

log = structlog.get_logger()
READ_ROWS = 500
# A few hundred microseconds of the event loop; others have their turn between two of them.
WRITE_ROWS = 50
READ_POINTS = 10_000
IO_COLUMNS = ("io_type", "amount")
RECOVERED = "recovered"
# Columns of a file: the name of each, and the field that it is; those of a part of a record have the part's name first.
LEDGER_COLUMNS = dict(zip(Entry.__struct_encode_fields__, Entry.__struct_fields__, strict=True))
EVENT_COLUMNS = {name: name for name in Event.__struct_fields__ if name not in {RECOVERED, *IO_COLUMNS}} | {
    f"{RECOVERED}_{name}": f"{RECOVERED}.{name}" for name in Recovered.__struct_fields__
}


@operation("adminGetLedgerCsv", "List entries of the ledger as CSV: all rows", query=EntriesFileQuery, media=CSV)
async def send_ledger(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.StreamResponse:
    """Serve GET …/ledger.csv."""
    asked = replace(rows_query(request.query, LEDGER, paged=False), limit=READ_ROWS)
    return await _send(request, "ledger", LEDGER_COLUMNS, _rows(deps, asked, scope))


@operation("adminGetEventsCsv", "List usage events as CSV: all rows", query=EventsFileQuery, media=CSV)
async def send_events(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.StreamResponse:
    """Serve GET …/events.csv."""
    asked = replace(rows_query(request.query, EVENTS, paged=False), limit=READ_ROWS)
    io_columns = {name: name for name in IO_COLUMNS} if asked.of == IO_EVENTS else {}
    return await _send(request, "events", EVENT_COLUMNS | io_columns, _rows(deps, asked, scope))


@operation(
    "adminGetUsageCsv", "Read a series as CSV: all points", query=AccountUsageFileQuery, media=CSV, refuses=(404,)
)
async def send_usage(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.StreamResponse:
    """Serve GET …/usage.csv."""
    asked = question_of(request.query, scope, paged=False)
    columns = {name: name for name in (*COLUMNS[:2], *asked.groups, *COLUMNS[2:])}
    return await _send(request, "usage", columns, _points(deps, asked, scope))


async def _rows(deps: Deps, asked: RowsQuery, scope: Scope | None) -> AsyncIterator[Sequence[Any]]:
    more = True
    while more:
        page = await read_page(deps, asked, scope)
        yield page.rows
        asked, more = replace(asked, after=page.after), page.more


async def _points(deps: Deps, asked: Question, scope: Scope | None) -> AsyncIterator[Sequence[Any]]:
    after, more = None, True
    while more:
        series = await read_series(deps, asked, limit=READ_POINTS, scope=scope, after=after)
        yield series.points
        after, more = series.after, series.after is not None


async def _send(
    request: web.Request, name: str, columns: Mapping[str, str], chunks: AsyncIterator[Sequence[Any]]
) -> web.StreamResponse:
    """Send a file. What is wrong before its first rows were read is answered as everywhere."""
    first = await anext(chunks)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": f'attachment; filename="{name}.csv"',
            "Cache-Control": "no-store",
        }
    )
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        await response.write(encode_rows([columns]))
        await _write(response, first, columns.values())
        async for rows in chunks:
            await _write(response, rows, columns.values())
        await response.write_eof()
    except ConnectionResetError:
        raise
    except Exception as error:
        log.exception("file_cut_off", file=name)
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the file was cut off") from error
    return response


async def _write(response: web.StreamResponse, rows: Sequence[Any], fields: Iterable[str]) -> None:
    """Send rows, a few at a time; waits for the client."""
    for at in range(0, len(rows), WRITE_ROWS):
        await response.write(encode_rows([_cell(row, field) for field in fields] for row in rows[at : at + WRITE_ROWS]))
        await asyncio.sleep(0)


def _cell(record: Any, field: str) -> Cell:  # noqa: ANN401 - a record, or what stands in one
    part, _, name = field.rpartition(".")
    value = getattr(getattr(record, part, UNSET) if part else record, name, None)
    return None if value is UNSET else bytes(value).decode() if isinstance(value, Raw) else value


def routes() -> list[web.RouteDef]:
    """Return the routes of files, for platform admins."""
    return [
        web.get("/admin/v1/ledger.csv", admin(send_ledger), allow_head=False),
        web.get("/admin/v1/events.csv", admin(send_events), allow_head=False),
        web.get("/admin/v1/usage.csv", admin(send_usage), allow_head=False),
    ]
