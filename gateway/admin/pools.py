"""/admin/v1/accounts/{id}/surplus and /allocations."""

from aiohttp import web

from gateway.admin.paging import path_id, refuse_unknown
from gateway.admin.queries import AllocationsQuery, SurplusQuery
from gateway.admin.serving import admin
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import operation
from gateway.pools import asked_member, serve_allocations, serve_surplus
from metering.books.allocations import Allocated, View
from metering.books.surplus import Surplus


@operation("adminGetSurplus", "Read an account's surplus over time", query=SurplusQuery, answer=Surplus)
async def get_surplus(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/surplus."""
    account = await deps.books.accounts.get(path_id(request, "Account"))
    if account is None:
        raise not_found("Account")
    return await serve_surplus(request, deps, account.id, unit=account.unit)


@operation("adminGetAllocations", "Read what may be spent on each model", query=AllocationsQuery, answer=Allocated)
async def get_allocations(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/allocations: of the account, or of the member ``user_id``."""
    refuse_unknown(request.query, ["resource", "user_id"])
    user_id = asked_member(request.query)
    view = View(path_id(request, "Account"), user_id is not None, user_id)
    return await serve_allocations(request, deps, view, None)


def routes() -> list[web.RouteDef]:
    """Return the routes of pools."""
    return [
        web.get("/admin/v1/accounts/{id}/surplus", admin(get_surplus), allow_head=False),
        web.get("/admin/v1/accounts/{id}/allocations", admin(get_allocations), allow_head=False),
    ]
