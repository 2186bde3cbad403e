"""/api/v1/surplus, /api/v1/allocations, and the balance in the form that the token dashboard's users know."""

from aiohttp import web

from gateway.admin.paging import refuse_unknown
from gateway.admin.queries import AllocationsQuery, ResourceQuery, SurplusQuery
from gateway.admin.serving import ADMIN, answered, member
from gateway.auth import Principal
from gateway.deps import Deps
from gateway.errors import forbidden
from gateway.openapi.operation import operation
from gateway.openapi.shapes import TokenBalance
from gateway.pools import asked_member, balance_of, engines_of, serve_allocations, serve_surplus
from metering.books.allocations import Allocated, View
from metering.books.surplus import Surplus


@operation("getSurplus", "Read the surplus over time", query=SurplusQuery, answer=Surplus)
async def get_surplus(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/surplus: the whole account's, so for its admins."""
    return await serve_surplus(request, deps, principal.account_id, unit=principal.unit)


@operation("getAllocations", "Read what may be spent on each model", query=AllocationsQuery, answer=Allocated)
async def get_allocations(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/allocations: a member's own; for an admin the account's, or those of the member ``user_id``."""
    refuse_unknown(request.query, ["resource", "user_id"])
    asked, is_admin = asked_member(request.query), principal.role == ADMIN
    if asked is not None and not is_admin and asked != principal.user_id:
        raise forbidden("A member sees their own allocations; leave user_id out.")
    user_id = asked if is_admin else principal.user_id
    view = View(principal.account_id, not is_admin or asked is not None, user_id)
    return await serve_allocations(request, deps, view, principal.models)


@operation("getTokenBalance", "The same in the published form", query=ResourceQuery, answer=TokenBalance)
async def get_token_balance(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /dashboard/user/token-management/balance: what this caller may spend on each model.

    Field names and types are the published ones.
    """
    view = View(principal.account_id, member=True, user_id=principal.user_id)
    balance = await balance_of(request, deps, principal.account_id)
    engines = engines_of(deps, principal.models)
    found, _, _ = await deps.books.allocations.of_models(view, balance, list(engines), deps.admission, deps.store)
    data = {
        one.model: {
            "credit": one.available,
            "isUnlimited": one.unlimited,
            "entity_key": one.model,
            "engine": engines[one.model],
        }
        for one in found
    }
    return answered({"success": True, "data": data})


def routes() -> list[web.RouteDef]:
    """Return the routes of pools."""
    return [
        web.get("/api/v1/surplus", member(get_surplus, admins=True), allow_head=False),
        web.get("/api/v1/allocations", member(get_allocations), allow_head=False),
        web.get("/dashboard/user/token-management/balance", member(get_token_balance), allow_head=False),
    ]
