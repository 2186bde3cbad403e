"""/api/v1/members, /keys and /audit-trail: an account's admins over their own account, members over what is theirs.

Nobody hands out more than they have: no role and no models beyond those of the key that asks, neither on a new key nor
by the new secret of one that is there.
"""

from collections.abc import Iterable

from aiohttp import web

from gateway.account.reads import ADMIN
from gateway.admin import keys, members, trail
from gateway.admin.forms import read_form
from gateway.admin.moments import require_future
from gateway.admin.paging import list_page, list_query, path_id
from gateway.admin.people_forms import KeyForm, KeyPatch, MemberPatch, NewKey, NewMember, Rotation
from gateway.admin.queries import ListQuery, TrailQuery
from gateway.admin.serving import account_write, answered, member
from gateway.auth import Principal
from gateway.deps import Deps
from gateway.errors import forbidden, not_found
from gateway.openapi.operation import list_of, operation
from metering.books.keys import Mine
from metering.books.records import ApiKey, Member, NewApiKey
from metering.books.trail import Line


@operation("createMember", "Add a member", body=NewMember, answer=Member, status=201)
async def create_member(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve POST /api/v1/members."""
    return await members.create_member(request, deps, caller.account_id)


@operation("listMembers", "List members; a member sees themselves", query=ListQuery, answer=list_of(Member))
async def list_members(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve GET /api/v1/members: of a member only their own row."""
    narrowed = caller.role != ADMIN
    return await members.list_members(request, deps, caller.account_id, only=caller.user_id, narrowed=narrowed)


@operation("getMember", "Read a member", answer=Member)
async def get_member(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve GET /api/v1/members/{user_id}."""
    if caller.role != ADMIN and members.user_of(request) != caller.user_id:
        raise not_found("Member")
    return await members.get_member(request, deps, caller.account_id)


@operation("changeMember", "Change a member", body=MemberPatch, answer=Member)
async def patch_member(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve PATCH /api/v1/members/{user_id}."""
    return await members.patch_member(request, deps, caller.account_id)


@operation("deactivateMember", "Deactivate a member", answer=Member)
async def deactivate_member(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve DELETE /api/v1/members/{user_id}."""
    return await members.deactivate_member(request, deps, caller.account_id)


@operation("createKey", "Create a key; its secret is shown once", body=NewKey, answer=NewApiKey, status=201)
async def create_key(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve POST /api/v1/keys; a key for which no models are named has those of the key that asks."""
    form = await read_form(request, NewKey)
    require_future(form)
    terms = form.given
    if "models" not in terms:
        terms["models"] = sorted(caller.models) if caller.models is not None else None
    _require_within(terms["models"], caller)
    await keys.require_feature(form.feature, deps)
    key = await deps.books.keys.create(caller.account_id, **terms)
    assert key
    return answered(key, status=201)


@operation("listKeys", "List keys; a member sees their own", query=ListQuery, answer=list_of(ApiKey))
async def list_keys(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve GET /api/v1/keys, newest first: of a member their own."""
    asked = list_query(request.query)
    mine = None if caller.role == ADMIN else Mine(caller.user_id, caller.key_id)
    found = await deps.books.keys.page(caller.account_id, limit=asked.limit + 1, before=asked.before, mine=mine)
    return answered(list_page(found, asked))


@operation("getKey", "Read a key", answer=ApiKey)
async def get_key(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve GET /api/v1/keys/{id}."""
    return answered(_theirs(await deps.books.keys.get(path_id(request, "Key")), caller))


@operation("changeKey", "Change a key", body=KeyPatch, answer=ApiKey)
async def patch_key(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve PATCH /api/v1/keys/{id}."""
    key = await _locked(request, deps, caller)
    form: KeyForm = await read_form(request, KeyPatch)
    if "models" in form.given:
        _require_within(form.given["models"], caller)
    return await keys.change_key(request, deps, key.id)


@operation("rotateKey", "Give a key a new secret", body=Rotation, body_required=False, answer=NewApiKey)
async def rotate_key(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve POST /api/v1/keys/{id}/rotate; who has the new secret has all that the key may."""
    key = await _locked(request, deps, caller)
    _require_within(key.models, caller)
    if key.role == ADMIN and caller.role != ADMIN:
        raise forbidden("This key's role is admin; ask with a key whose role is admin.")
    return await keys.renew_key(request, deps, key.id)


@operation("revokeKey", "Revoke a key", answer=ApiKey)
async def revoke_key(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve DELETE /api/v1/keys/{id}."""
    key = await _locked(request, deps, caller)
    return await keys.end_key(deps, key.id)


@operation("listTrail", "List who changed what in the account", query=TrailQuery, answer=list_of(Line))
async def list_lines(request: web.Request, deps: Deps, caller: Principal) -> web.Response:
    """Serve GET /api/v1/audit-trail."""
    return await trail.serve_trail(request, deps, caller.account_id)


async def _locked(request: web.Request, deps: Deps, caller: Principal) -> ApiKey:
    """Return the key of the path, which stays as it is while the caller changes it. Raises ApiError (404)."""
    return _theirs(await deps.books.keys.lock(path_id(request, "Key")), caller)


def _theirs(key: ApiKey | None, caller: Principal) -> ApiKey:
    """Return a key that the caller may see: of the account, and a member's own. Raises ApiError (404)."""
    if key is None or key.account_id != caller.account_id:
        raise not_found("Key")
    own = key.id == caller.key_id or (caller.user_id is not None and key.user_id == caller.user_id)
    if caller.role != ADMIN and not own:
        raise not_found("Key")
    return key


def _require_within(models: Iterable[str] | None, caller: Principal) -> None:
    if caller.models is not None and (models is None or not caller.models.issuperset(models)):
        raise forbidden(f"The key that asks may use {', '.join(sorted(caller.models))} only, and give no more.")


def routes() -> list[web.RouteDef]:
    """Return an account's routes of its people."""
    one_member, one_key = f"/api/v1/members/{members.USER}", "/api/v1/keys/{id}"
    return [
        web.post("/api/v1/members", account_write(create_member, admins=True)),
        web.get("/api/v1/members", member(list_members), allow_head=False),
        web.get(one_member, member(get_member), allow_head=False),
        web.patch(one_member, account_write(patch_member, admins=True)),
        web.delete(one_member, account_write(deactivate_member, admins=True)),
        web.post("/api/v1/keys", account_write(create_key, admins=True, withheld="key")),
        web.get("/api/v1/keys", member(list_keys), allow_head=False),
        web.get(one_key, member(get_key), allow_head=False),
        web.patch(one_key, account_write(patch_key, admins=True)),
        web.post(f"{one_key}/rotate", account_write(rotate_key, withheld="key")),
        web.delete(one_key, account_write(revoke_key)),
        web.get("/api/v1/audit-trail", member(list_lines, admins=True), allow_head=False),
    ]
