"""/admin/v1/ledger and /admin/v1/events: where every token went, and giving one back."""

from aiohttp import web

from gateway.admin.cursors import EntryPlace, EventPlace
from gateway.admin.forms import RefundOrder, read_form
from gateway.admin.paging import path_id, rows_page, rows_query
from gateway.admin.queries import RowsQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import list_of, operation
from metering.books.filters import Scope
from metering.books.records import Entry, Event, Refund


@operation("adminListEntries", "List entries of the ledger", query=RowsQuery, answer=list_of(Entry, total=True))
async def list_entries(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.Response:
    """Serve GET …/ledger, of all accounts or within a scope."""
    asked = rows_query(request.query, EntryPlace)
    page = await deps.books.pages.entries(
        asked.filters,
        scope=scope,
        limit=asked.limit,
        after=asked.after,
        newest_first=asked.newest_first,
        total=asked.total,
    )
    return answered(rows_page(page, asked))


@operation("adminListEvents", "List usage events", query=RowsQuery, answer=list_of(Event, total=True))
async def list_events(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.Response:
    """Serve GET …/events, of all accounts or within a scope."""
    asked = rows_query(request.query, EventPlace)
    page = await deps.books.pages.events(
        asked.filters,
        scope=scope,
        limit=asked.limit,
        after=asked.after,
        newest_first=asked.newest_first,
        total=asked.total,
    )
    return answered(rows_page(page, asked))


@operation("adminRefundEvent", "Give back what a request was charged", body=RefundOrder, answer=Refund)
async def refund_event(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/events/{request_id}/refund."""
    request_id = path_id(request, "Event", "request_id")
    form = await read_form(request, RefundOrder)
    refunded = await deps.books.pages.refund(request_id, form.amount, form.reason)
    if refunded is None:
        raise not_found("Event")
    refund, state = refunded
    await deps.effects.push(state)
    return answered(refund)


def routes() -> list[web.RouteDef]:
    """Return the routes of the ledger."""
    return [
        web.get("/admin/v1/ledger", admin(list_entries), allow_head=False),
        web.get("/admin/v1/events", admin(list_events), allow_head=False),
        web.post("/admin/v1/events/{request_id}/refund", admin(refund_event)),
    ]
