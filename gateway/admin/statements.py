"""…/statements: an account's month, as JSON and as CSV. The account's own reads serve the same."""

from aiohttp import web

from gateway.admin.paging import path_id, statement_query
from gateway.admin.queries import MonthQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import list_of, operation
from metering.books.statements import COLUMNS, Statement, row_of
from metering.core.sheet import encode_rows


async def serve_json(request: web.Request, deps: Deps, account_id: str) -> web.Response:
    """Answer a month's statements as a list, one a resource."""
    return answered({"data": await _read(request, deps, account_id), "next_cursor": None})


async def serve_csv(request: web.Request, deps: Deps, account_id: str) -> web.Response:
    """Answer the same as CSV, to be saved."""
    found = await _read(request, deps, account_id)
    name = f"statement-{account_id}-{found[0].month if found else 'empty'}.csv"
    return web.Response(
        body=encode_rows([COLUMNS, *map(row_of, found)]),
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


async def _read(request: web.Request, deps: Deps, account_id: str) -> list[Statement]:
    month, resource = statement_query(request.query)
    found = await deps.books.statements.of_month(account_id, month, resource)
    if found is None:
        raise not_found("Account")
    return found


@operation("adminGetStatements", "Read an account's month", query=MonthQuery, answer=list_of(Statement))
async def get_json(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/statements."""
    return await serve_json(request, deps, path_id(request, "Account"))


@operation("adminGetStatementsCsv", "The same as CSV", query=MonthQuery, media="text/csv")
async def get_csv(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/statements.csv."""
    return await serve_csv(request, deps, path_id(request, "Account"))


def routes() -> list[web.RouteDef]:
    """Return the routes of statements."""
    return [
        web.get("/admin/v1/accounts/{id}/statements", admin(get_json), allow_head=False),
        web.get("/admin/v1/accounts/{id}/statements.csv", admin(get_csv), allow_head=False),
    ]
