"""/admin/v1/accounts/{id}/resources: what an account may hold, and when it is low or stopped in each of it."""

from aiohttp import web
from msgspec import UNSET, UnsetType

from config.resources import UNITS
from gateway.admin.forms import Form, Threshold, read_form
from gateway.admin.paging import path_id, refuse_unknown
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from gateway.openapi.operation import list_of, operation
from gateway.resources import require_known
from metering.books.resources import AccountResource


class ResourcePatch(Form):
    """PATCH /admin/v1/accounts/{id}/resources/{name}; null gives a setting back to the configuration."""

    min_reserve: Threshold | UnsetType | None = UNSET
    warning_threshold: Threshold | UnsetType | None = UNSET


@operation("adminListResources", "List what an account may hold", answer=list_of(AccountResource))
async def list_resources(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/resources."""
    refuse_unknown(request.query, [])
    found = await deps.books.resources.of(path_id(request, "Account"))
    if found is None:
        raise not_found("Account")
    return answered({"data": found, "next_cursor": None})


@operation(
    "adminChangeResource", "Change when a resource is low or stopped", body=ResourcePatch, answer=AccountResource
)
async def patch_resource(request: web.Request, deps: Deps) -> web.Response:
    """Serve PATCH /admin/v1/accounts/{id}/resources/{name}."""
    account_id, name = path_id(request, "Account"), request.match_info["name"]
    form = await read_form(request, ResourcePatch)
    require_known(deps.settings, name)
    if name in UNITS:
        raise invalid(
            f"Those of {name} are settings of the account; write them with PATCH /accounts/{{id}}.", "resource"
        )
    changed = await deps.books.resources.change(account_id, name, **form.given)
    if changed is None:
        raise not_found("Account")
    resource, state = changed
    await deps.effects.push(state)
    return answered(resource)


def routes() -> list[web.RouteDef]:
    """Return the routes of resources."""
    return [
        web.get("/admin/v1/accounts/{id}/resources", admin(list_resources), allow_head=False),
        web.patch("/admin/v1/accounts/{id}/resources/{name}", admin(patch_resource)),
    ]
