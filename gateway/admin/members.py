"""…/members: who is who inside an account. Platform admins and the account's own admins change them alike."""

from aiohttp import web

from gateway.admin.forms import read_form
from gateway.admin.paging import list_page, list_query, path_id
from gateway.admin.people_forms import MemberPatch, NewMember
from gateway.admin.queries import ListQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import list_of, operation
from metering.books.members import DEACTIVATED, ChangedMember
from metering.books.records import Member

USER = "{user_id:[^/]+}"  # any text, braces too; a slash in it is written %2F


async def create_member(request: web.Request, deps: Deps, account_id: str) -> web.Response:
    """Add a member to an account; keys that name them already act with their role from now on."""
    form = await read_form(request, NewMember)
    made = await deps.books.members.create(account_id, **form.given)
    if made is None:
        raise not_found("Account")
    return await _changed(made, deps, status=201)


async def list_members(
    request: web.Request, deps: Deps, account_id: str, *, only: str | None = None, narrowed: bool = False
) -> web.Response:
    """Answer an account's members, newest first; narrowed: the ``only`` one whom the caller may see."""
    asked = list_query(request.query)
    found = await deps.books.members.page(
        account_id, limit=asked.limit + 1, before=asked.before, only=only, narrowed=narrowed
    )
    if not found and not await deps.books.accounts.exists(account_id):
        raise not_found("Account")
    return answered(list_page(found, asked))


async def get_member(request: web.Request, deps: Deps, account_id: str) -> web.Response:
    """Answer one member."""
    member = await deps.books.members.get(account_id, user_of(request))
    if member is None:
        raise not_found("Member")
    return answered(member)


async def patch_member(request: web.Request, deps: Deps, account_id: str) -> web.Response:
    """Change a member; a role is obeyed at once by all of their keys."""
    user_id = user_of(request)
    form = await read_form(request, MemberPatch)
    changed = await deps.books.members.change(account_id, user_id, **form.given)
    if changed is None:
        raise not_found("Member")
    return await _changed(changed, deps)


async def deactivate_member(request: web.Request, deps: Deps, account_id: str) -> web.Response:
    """Deactivate a member: their keys are good for nothing, their history stays."""
    changed = await deps.books.members.change(account_id, user_of(request), status=DEACTIVATED)
    if changed is None:
        raise not_found("Member")
    return await _changed(changed, deps)


def user_of(request: web.Request) -> str:
    """Return the user_id of the path. Raises ApiError (404) for what can be none."""
    text = request.match_info["user_id"]
    if "\0" in text:
        raise not_found("Member")
    return text


async def _changed(changed: ChangedMember, deps: Deps, *, status: int = 200) -> web.Response:
    await deps.effects.changed(changed.digests)
    return answered(changed.member, status=status)


@operation("adminCreateMember", "Add a member", body=NewMember, answer=Member, status=201)
async def admin_create(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/accounts/{id}/members."""
    return await create_member(request, deps, path_id(request, "Account"))


@operation("adminListMembers", "List an account's members, newest first", query=ListQuery, answer=list_of(Member))
async def admin_list(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/members."""
    return await list_members(request, deps, path_id(request, "Account"))


@operation("adminGetMember", "Read a member", answer=Member)
async def admin_get(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/members/{user_id}."""
    return await get_member(request, deps, path_id(request, "Account"))


@operation("adminChangeMember", "Change a member", body=MemberPatch, answer=Member)
async def admin_patch(request: web.Request, deps: Deps) -> web.Response:
    """Serve PATCH /admin/v1/accounts/{id}/members/{user_id}."""
    return await patch_member(request, deps, path_id(request, "Account"))


@operation("adminDeactivateMember", "Deactivate a member", answer=Member)
async def admin_deactivate(request: web.Request, deps: Deps) -> web.Response:
    """Serve DELETE /admin/v1/accounts/{id}/members/{user_id}."""
    return await deactivate_member(request, deps, path_id(request, "Account"))


def routes() -> list[web.RouteDef]:
    """Return the platform admins' routes of members."""
    all_of_them = "/admin/v1/accounts/{id}/members"
    one = f"{all_of_them}/{USER}"
    return [
        web.post(all_of_them, admin(admin_create)),
        web.get(all_of_them, admin(admin_list), allow_head=False),
        web.get(one, admin(admin_get), allow_head=False),
        web.patch(one, admin(admin_patch)),
        web.delete(one, admin(admin_deactivate)),
    ]
