"""An account at a glance, and one request from its hold to the ledger. The account's own reads serve the same."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gateway.admin.paging import path_id, refuse_unknown
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from metering.books.filters import Scope

IMAGES = "images"
UNITS = {"tokens", "credits"}


async def serve_overview(request: web.Request, deps: Deps, account_id: str, scope: Scope | None = None) -> web.Response:
    """Answer who an account is, what it has, and all that it has used; to a member, what they have used."""
    refuse_unknown(request.query, [])
    account = await deps.books.accounts.get(account_id)
    if account is None:
        raise not_found("Account")
    balances = await deps.books.balances.read(deps.admission, [account_id])
    sums = await deps.books.usage.sums(account_id, scope)
    used: dict[str, dict[str, Any]] = {
        one.resource: {"requests": one.requests, "charge": one.charge, "refunded": one.refunded, "tokens": one.tokens}
        for one in sums
    }
    own = used.get(account.unit, {})
    images = used.get(IMAGES, {})
    statistics = {
        "current_balance": balances[account_id].balance,
        "tokens_used": sum(one.tokens for one in sums if one.resource in UNITS),
        "used": own.get("charge", 0) - own.get("refunded", 0),
        "api_calls": sum(one.requests for one in sums),
        "images_processed": images.get("charge", 0) - images.get("refunded", 0),
        "last_updated": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
    shown = {name: getattr(account, name) for name in ("id", "name", "email", "plan", "domain", "unit", "time_zone")}
    return answered(
        {
            "account": {**shown, "status": account.status, "since": account.created_at},
            "balance": balances[account_id],
            "statistics": statistics,
            "used": used,
        }
    )


async def get_overview(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/overview."""
    return await serve_overview(request, deps, path_id(request, "Account"))


async def get_event(request: web.Request, deps: Deps, scope: Scope | None = None) -> web.Response:
    """Serve GET …/events/{request_id}."""
    refuse_unknown(request.query, [])
    trace = await deps.books.traces.of_request(deps.store, path_id(request, "Event", "request_id"), scope)
    if trace is None:
        raise not_found("Event")
    return answered(trace)


def routes() -> list[web.RouteDef]:
    """Return the routes of overviews and of single requests."""
    return [
        web.get("/admin/v1/accounts/{id}/overview", admin(get_overview), allow_head=False),
        web.get("/admin/v1/events/{request_id}", admin(get_event), allow_head=False),
    ]
