"""/api/v1: what an account may read of itself. A member sees the requests and packs that are theirs to see."""

from aiohttp import web

from gateway.admin import ledger, overview, sheets, statements, usage
from gateway.admin.overview import Overview
from gateway.admin.paging import list_page, list_query, resource_of
from gateway.admin.queries import (
    EntriesFileQuery,
    EntriesQuery,
    EventsFileQuery,
    EventsQuery,
    MonthQuery,
    PacksQuery,
    ResourceQuery,
    UsageFileQuery,
    UsageQuery,
)
from gateway.admin.serving import answered, member
from gateway.admin.usage import UsageSeries
from gateway.auth import Principal
from gateway.deps import Deps
from gateway.openapi.operation import CSV, list_of, operation
from gateway.resources import require_known
from metering.books.filters import Scope
from metering.books.held import with_reserved
from metering.books.packs import STATUSES
from metering.books.records import Balance, Entry, Event, Pack
from metering.books.statements import Statement
from metering.books.trace import Trace

ADMIN = "admin"


def scope_of(principal: Principal) -> Scope:
    """Return what a caller may see: an account's admin all of it, a member what is their own."""
    return Scope(principal.account_id, principal.role != ADMIN, principal.user_id)


@operation("getBalance", "Read how the account stands", query=ResourceQuery, answer=Balance)
async def get_balance(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/balance."""
    resource = resource_of(request.query)
    if resource is not None:
        require_known(deps.settings, resource)
    found = await deps.books.balances.read(deps.admission, [principal.account_id], resource)
    return answered(found[principal.account_id])


@operation(
    "listPacks", "List packs; a member sees the shared ones and their own", query=PacksQuery, answer=list_of(Pack)
)
async def list_packs(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/packs, newest first: of a member the shared ones and their own."""
    asked = list_query(request.query, status=STATUSES)
    found = await deps.books.packs.page(
        principal.account_id,
        limit=asked.limit + 1,
        before=asked.before,
        status=asked.others.get("status"),
        scope=scope_of(principal),
    )
    return answered(list_page(await with_reserved(found, deps.admission, deps.store), asked))


@operation("listEntries", "List entries of the ledger", query=EntriesQuery, answer=list_of(Entry, total=True))
async def list_entries(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/ledger."""
    return await ledger.list_entries(request, deps, scope_of(principal))


@operation("listEvents", "List usage events", query=EventsQuery, answer=list_of(Event, total=True))
async def list_events(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/events."""
    return await ledger.list_events(request, deps, scope_of(principal))


@operation("getLedgerCsv", "List entries of the ledger as CSV: all rows", query=EntriesFileQuery, media=CSV)
async def send_entries(request: web.Request, deps: Deps, principal: Principal) -> web.StreamResponse:
    """Serve GET /api/v1/ledger.csv."""
    return await sheets.send_ledger(request, deps, scope_of(principal))


@operation("getEventsCsv", "List usage events as CSV: all rows", query=EventsFileQuery, media=CSV)
async def send_events(request: web.Request, deps: Deps, principal: Principal) -> web.StreamResponse:
    """Serve GET /api/v1/events.csv."""
    return await sheets.send_events(request, deps, scope_of(principal))


@operation("getEvent", "Read one request from its hold to the ledger", answer=Trace)
async def get_event(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/events/{request_id}."""
    return await overview.get_event(request, deps, scope_of(principal))


@operation("getUsage", "Read a series of what was used", query=UsageQuery, answer=UsageSeries)
async def get_usage(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/usage."""
    return await usage.get_usage(request, deps, scope_of(principal))


@operation("getUsageCsv", "Read a series as CSV: all points", query=UsageFileQuery, media=CSV)
async def send_usage(request: web.Request, deps: Deps, principal: Principal) -> web.StreamResponse:
    """Serve GET /api/v1/usage.csv."""
    return await sheets.send_usage(request, deps, scope_of(principal))


@operation("getOverview", "Read who the account is, what it has and what was used", answer=Overview)
async def get_overview(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/overview: the account's balance; to a member, with what they have used themselves."""
    return await overview.serve_overview(request, deps, principal.account_id, scope_of(principal))


@operation("getStatements", "Read the account's month", query=MonthQuery, answer=list_of(Statement))
async def get_statements(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/statements: the whole account's, so for its admins."""
    return await statements.serve_json(request, deps, principal.account_id)


@operation("getStatementsCsv", "The same as CSV", query=MonthQuery, media="text/csv")
async def get_statements_csv(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/statements.csv."""
    return await statements.serve_csv(request, deps, principal.account_id)


def routes() -> list[web.RouteDef]:
    """Return the routes of an account's own reads."""
    return [
        web.get("/api/v1/balance", member(get_balance), allow_head=False),
        web.get("/api/v1/packs", member(list_packs), allow_head=False),
        web.get("/api/v1/ledger", member(list_entries), allow_head=False),
        web.get("/api/v1/events", member(list_events), allow_head=False),
        web.get("/api/v1/ledger.csv", member(send_entries), allow_head=False),
        web.get("/api/v1/events.csv", member(send_events), allow_head=False),
        web.get("/api/v1/events/{request_id}", member(get_event), allow_head=False),
        web.get("/api/v1/usage", member(get_usage), allow_head=False),
        web.get("/api/v1/usage.csv", member(send_usage), allow_head=False),
        web.get("/api/v1/overview", member(get_overview), allow_head=False),
        web.get("/api/v1/statements", member(get_statements, admins=True), allow_head=False),
        web.get("/api/v1/statements.csv", member(get_statements_csv, admins=True), allow_head=False),
    ]
