"""What both APIs tell of pools: the surplus over time, and what may be spent model by model."""

from datetime import UTC, datetime, timedelta

from aiohttp import web
from multidict import MultiMapping

from gateway.admin.paging import one_of, read_moment, read_text, refuse_unknown
from gateway.admin.serving import answered
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from gateway.resources import require_known
from metering.books.allocations import View
from metering.books.records import Balance

STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=28)}
STEPS_MAX = 1000
DEFAULT_RANGE = timedelta(days=7)


async def serve_surplus(request: web.Request, deps: Deps, account_id: str, *, unit: str) -> web.Response:
    """Answer an account's surplus: ``?from=&to=&step=hour|day|month&resource=``, by default the last 7 days."""
    query = request.query
    refuse_unknown(query, ["from", "to", "step", "resource"])
    resource = one_of(query, "resource", unit)
    require_known(deps.settings, resource)
    until = read_moment(one_of(query, "to"), "to") if "to" in query else datetime.now(UTC)
    since = read_moment(one_of(query, "from"), "from") if "from" in query else until - DEFAULT_RANGE
    step = one_of(query, "step", "day")
    _check_range(since, until, step)
    found = await deps.books.surplus.series(account_id, resource, since=since, until=until, step=step)
    if found is None:
        raise not_found("Account")
    return answered(found)


def _check_range(since: datetime, until: datetime, step: str) -> None:
    if step not in STEPS:
        raise invalid(f"step is not right; write one of {', '.join(STEPS)}.", "step")
    if since >= until:
        raise invalid("from is not before to; write an earlier time.", "from")
    if (until - since) / STEPS[step] > STEPS_MAX:
        raise invalid(f"So many steps are no chart: at most {STEPS_MAX}; write a longer step, or a later from.", "step")


async def serve_allocations(
    request: web.Request, deps: Deps, view: View, models: frozenset[str] | None
) -> web.Response:
    """Answer what may be spent on each model (None: on all), and the last uses."""
    balance = await balance_of(request, deps, view.account_id)
    engines = engines_of(deps, models)
    return answered(await deps.books.allocations.read(view, balance, engines, deps.admission, deps.store))


async def balance_of(request: web.Request, deps: Deps, account_id: str) -> Balance:
    """Return the balance of the resource that is asked for. Raises ApiError (400, 404)."""
    resource = one_of(request.query, "resource") if "resource" in request.query else None
    if resource is not None:
        require_known(deps.settings, resource)
    found = await deps.books.balances.read(deps.admission, [account_id], resource)
    if account_id not in found:
        raise not_found("Account")
    return found[account_id]


def engines_of(deps: Deps, models: frozenset[str] | None) -> dict[str, str]:
    """Return the models that may be used, and the kind of provider that answers each.

    A key may name models that only ``"*"`` takes: they are among them.
    """
    names = deps.catalog.names()
    allowed = names if models is None else [*(n for n in names if n in models), *sorted(models - set(names))]
    providers = deps.settings.providers
    return {name: providers[spec.provider].kind for name in allowed if (spec := deps.catalog.find(name)) is not None}


def asked_member(query: MultiMapping[str]) -> str | None:
    """Return the member that is asked for, if one is. Raises ApiError (400)."""
    return read_text(one_of(query, "user_id"), "user_id") if "user_id" in query else None
