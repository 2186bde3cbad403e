"""/admin/v1/ledger and /admin/v1/events: where every token went, and giving one back."""

from typing import Any

from aiohttp import web

from gateway.admin.forms import RefundOrder, read_form
from gateway.admin.paging import EVENTS, IO_EVENTS, LEDGER, RowsQuery, path_id, rows_page, rows_query
from gateway.admin.queries import EntriesQuery, EventsQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import list_of, operation
from metering.books.filters import Scope
from metering.books.records import Entry, Event, Page, Refund


@operation("adminListEntries", "List entries of the ledger", query=EntriesQuery, answer=list_of(Entry, total=True))
async def list_entries(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.Response:
    """Serve GET …/ledger, of all accounts or within a scope."""
    asked = rows_query(request.query, LEDGER)
    return answered(rows_page(await read_page(deps, asked, scope), asked))


@operation("adminListEvents", "List usage events", query=EventsQuery, answer=list_of(Event, total=True))
async def list_events(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.Response:
    """Serve GET …/events, of all accounts or within a scope."""
    asked = rows_query(request.query, EVENTS)
    return answered(rows_page(await read_page(deps, asked, scope), asked))


async def read_page(deps: Deps, asked: RowsQuery, scope: Scope | None) -> Page:
    """Return the page that a query asks for."""
    pages = deps.books.pages
    terms: dict[str, Any] = {"scope": scope, "limit": asked.limit, "after": asked.after, "sort": asked.sort}
    if asked.of == LEDGER:
        return await pages.entries(asked.filters, total=asked.total, **terms)
    return await pages.events(asked.filters, total=asked.total, io_rows=asked.of == IO_EVENTS, **terms)


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
