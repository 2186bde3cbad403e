"""/admin/v1/…/packs: lots of prepaid tokens, granted, listed, changed, revoked."""

from aiohttp import web

from gateway.admin.forms import NewPack, PackPatch, read_form
from gateway.admin.moments import require_future
from gateway.admin.paging import list_page, list_query, path_id
from gateway.admin.queries import PacksQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from gateway.openapi.operation import list_of, operation
from gateway.resources import require_known
from metering.books.held import with_reserved
from metering.books.packs import STATUSES
from metering.books.records import Pack
from metering.ledger import AccountState

A_PACK = {"size": 1_000_000, "expires_at": "2099-12-31T00:00:00Z", "note": "invoice 4711", "user_id": "ada"}


@operation("adminGrantPack", "Grant a pack", body=NewPack, answer=Pack, status=201, example=A_PACK)
async def grant_pack(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/accounts/{id}/packs."""
    account_id = path_id(request, "Account")
    form = await read_form(request, NewPack)
    require_future(form)
    if form.unlimited is (form.size is not None):
        raise invalid("size is missing, or one too many; write size, or unlimited: true without a size.", "size")
    if form.resource is not None:
        require_known(deps.settings, form.resource)
    terms = {name: value for name, value in form.given.items() if name not in {"size", "unlimited"}}
    granted = await deps.books.packs.grant(account_id, form.size, **terms)
    if granted is None:
        raise not_found("Account")
    return await _changed(granted, deps, status=201)


@operation("adminListPacks", "List an account's packs, newest first", query=PacksQuery, answer=list_of(Pack))
async def list_packs(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/packs, newest first."""
    account_id = path_id(request, "Account")
    asked = list_query(request.query, status=STATUSES)
    status = asked.others.get("status")
    found = await deps.books.packs.page(account_id, limit=asked.limit + 1, before=asked.before, status=status)
    if not found and not await deps.books.accounts.exists(account_id):
        raise not_found("Account")
    return answered(list_page(await with_reserved(found, deps.admission, deps.store), asked))


@operation("adminGetPack", "Read a pack", answer=Pack)
async def get_pack(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/packs/{id}."""
    pack = await deps.books.packs.get(path_id(request, "Pack"))
    if pack is None:
        raise not_found("Pack")
    (shown,) = await with_reserved([pack], deps.admission, deps.store)
    return answered(shown)


@operation("adminChangePack", "Change a pack", body=PackPatch, answer=Pack)
async def patch_pack(request: web.Request, deps: Deps) -> web.Response:
    """Serve PATCH /admin/v1/packs/{id}: note, priority, expires_at."""
    pack_id = path_id(request, "Pack")
    form = await read_form(request, PackPatch)
    require_future(form)
    changed = await deps.books.packs.change(pack_id, **form.given)
    if changed is None:
        raise not_found("Pack")
    return await _changed(changed, deps)


@operation("adminRevokePack", "Withdraw what is left of a pack", answer=Pack)
async def revoke_pack(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/packs/{id}/revoke: withdrawn at once, whatever is held on it."""
    revoked = await deps.books.packs.revoke(path_id(request, "Pack"))
    if revoked is None:
        raise not_found("Pack")
    return await _changed(revoked, deps)


async def _changed(changed: tuple[Pack, AccountState], deps: Deps, *, status: int = 200) -> web.Response:
    pack, state = changed
    await deps.effects.push(state)
    (shown,) = await with_reserved([pack], deps.admission, deps.store)
    return answered(shown, status=status)


def routes() -> list[web.RouteDef]:
    """Return the routes of packs."""
    return [
        web.post("/admin/v1/accounts/{id}/packs", admin(grant_pack)),
        web.get("/admin/v1/accounts/{id}/packs", admin(list_packs), allow_head=False),
        web.get("/admin/v1/packs/{id}", admin(get_pack), allow_head=False),
        web.patch("/admin/v1/packs/{id}", admin(patch_pack)),
        web.post("/admin/v1/packs/{id}/revoke", admin(revoke_pack)),
    ]
