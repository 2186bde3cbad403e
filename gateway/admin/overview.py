"""An account at a glance, and one request from its hold to the ledger. The account's own reads serve the same."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from gateway.admin.paging import path_id, refuse_unknown
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import operation
from metering.books.filters import Scope
from metering.books.records import Account, Balance
from metering.books.trace import Trace
from metering.books.usage import Sums

UNITS = {"tokens", "credits"}


class AccountShown(msgspec.Struct, frozen=True, kw_only=True):
    """Who an account is; ``since`` is when it was made."""

    id: str
    name: str
    email: str | None
    plan: str | None
    domain: str | None
    unit: str
    time_zone: str
    status: str
    since: str


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """All that was ever used; ``used`` is in the account's unit, less refunds; images count however they were paid."""

    current_balance: int
    tokens_used: int
    used: int
    api_calls: int
    images_processed: int
    last_updated: str


class ResourceUse(msgspec.Struct, frozen=True, kw_only=True):
    """All use of one resource; ``charge`` has corrections in it and refunds not."""

    requests: int
    charge: int
    refunded: int
    tokens: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a glance; ``used`` is by resource."""

    account: AccountShown
    balance: Balance
    statistics: Statistics
    used: dict[str, ResourceUse]


async def serve_overview(request: web.Request, deps: Deps, account_id: str, scope: Scope | None = None) -> web.Response:
    """Answer who an account is, what it has, and all that it has used; to a member, what they have used."""
    refuse_unknown(request.query, [])
    account = await deps.books.accounts.get(account_id)
    if account is None:
        raise not_found("Account")
    balances = await deps.books.balances.read(deps.admission, [account_id])
    sums = await deps.books.usage.sums(account_id, scope)
    balance = balances[account_id]
    overview = Overview(
        account=_shown(account),
        balance=balance,
        statistics=_statistics(balance, account.unit, {one.resource: one for one in sums}),
        used={
            one.resource: ResourceUse(
                requests=one.requests, charge=one.charge, refunded=one.refunded, tokens=one.tokens
            )
            for one in sums
        },
    )
    return answered(overview)


def _shown(account: Account) -> AccountShown:
    return AccountShown(
        id=account.id,
        name=account.name,
        email=account.email,
        plan=account.plan,
        domain=account.domain,
        unit=account.unit,
        time_zone=account.time_zone,
        status=account.status,
        since=account.created_at,
    )


def _statistics(balance: Balance, unit: str, sums: Mapping[str, Sums]) -> Statistics:
    own = sums.get(unit)
    return Statistics(
        current_balance=balance.balance,
        tokens_used=sum(one.tokens for one in sums.values() if one.resource in UNITS),
        used=own.charge - own.refunded if own else 0,
        api_calls=sum(one.requests for one in sums.values()),
        images_processed=sum(one.images for one in sums.values()),
        last_updated=datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    )


@operation("adminGetOverview", "Read who an account is, what it has and what was used", answer=Overview)
async def get_overview(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/overview."""
    return await serve_overview(request, deps, path_id(request, "Account"))


@operation("adminGetEvent", "Read one request from its hold to the ledger", answer=Trace)
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
