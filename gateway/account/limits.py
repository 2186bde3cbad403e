"""/api/v1/limits: an account's admins over the limits of its members and keys; a member sees their own."""

from aiohttp import web

from gateway.account.reads import ADMIN
from gateway.admin import limits
from gateway.admin.queries import LimitsQuery
from gateway.admin.serving import account_write, member
from gateway.auth import Principal
from gateway.deps import Deps
from gateway.openapi.limit_shapes import LimitSet, LimitsReset
from gateway.openapi.operation import list_of, operation
from metering.books.keys import Mine

OWN_SCOPES = ("member", "key")  # what an account may use as a whole is between it and the platform


@operation("listLimits", "List limits, and what is used of them", query=LimitsQuery, answer=list_of(LimitSet))
async def list_limits(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve GET /api/v1/limits."""
    mine = None if caller.role == ADMIN else Mine(caller.user_id, caller.key_id)
    return await limits.show_limits(request, deps, caller.account_id, mine=mine)


@operation(
    "setLimits", "Set limits", body=limits.NewLimits, answer=LimitSet, example=limits.SOME_LIMITS, refuses=(404,)
)
async def put_limits(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve PUT /api/v1/limits."""
    return await limits.change_limits(request, deps, caller.account_id, OWN_SCOPES)


@operation(
    "resetLimits", "Count limits anew", body=limits.Reset, answer=LimitsReset, example=limits.SOME_NAMES, refuses=(404,)
)
async def post_reset(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve POST /api/v1/limits/reset."""
    return await limits.reset_limits(request, deps, caller.account_id, OWN_SCOPES)


def routes() -> list[web.RouteDef]:
    """Return an account's routes of limits."""
    return [
        web.get("/api/v1/limits", member(list_limits), allow_head=False),
        web.put("/api/v1/limits", account_write(put_limits, admins=True)),
        web.post("/api/v1/limits/reset", account_write(post_reset, admins=True)),
    ]
