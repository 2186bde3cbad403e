"""/admin/v1/…/keys: API keys. The secret is in the answer that makes one and nowhere else."""

from aiohttp import web
from msgspec import UnsetType

from gateway.admin.forms import read_form
from gateway.admin.moments import require_future
from gateway.admin.paging import list_page, list_query, path_id
from gateway.admin.people_forms import KeyPatch, NewKey, Rotation
from gateway.admin.queries import ListQuery
from gateway.admin.serving import admin, answered
from gateway.body import BODY
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from gateway.openapi.operation import list_of, operation
from metering.books.records import ApiKey, NewApiKey


@operation("adminCreateKey", "Create a key; its secret is shown once", body=NewKey, answer=NewApiKey, status=201)
async def create_key(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/accounts/{id}/keys."""
    account_id = path_id(request, "Account")
    form = await read_form(request, NewKey)
    require_future(form)
    await require_feature(form.feature, deps)
    key = await deps.books.keys.create(account_id, **form.given)
    if key is None:
        raise not_found("Account")
    return answered(key, status=201)


@operation("adminListKeys", "List an account's keys, newest first", query=ListQuery, answer=list_of(ApiKey))
async def list_keys(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/keys, newest first."""
    account_id = path_id(request, "Account")
    asked = list_query(request.query)
    found = await deps.books.keys.page(account_id, limit=asked.limit + 1, before=asked.before)
    if not found and not await deps.books.accounts.exists(account_id):
        raise not_found("Account")
    return answered(list_page(found, asked))


@operation("adminGetKey", "Read a key", answer=ApiKey)
async def get_key(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/keys/{id}."""
    key = await deps.books.keys.get(path_id(request, "Key"))
    if key is None:
        raise not_found("Key")
    return answered(key)


@operation("adminChangeKey", "Change a key", body=KeyPatch, answer=ApiKey)
async def patch_key(request: web.Request, deps: Deps) -> web.Response:
    """Serve PATCH /admin/v1/keys/{id}."""
    return await change_key(request, deps, path_id(request, "Key"))


@operation("adminRotateKey", "Give a key a new secret", body=Rotation, body_required=False, answer=NewApiKey)
async def rotate_key(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/keys/{id}/rotate: a new secret, the old one good for as long as is asked."""
    return await renew_key(request, deps, path_id(request, "Key"))


@operation("adminRevokeKey", "Revoke a key", answer=ApiKey)
async def revoke_key(request: web.Request, deps: Deps) -> web.Response:
    """Serve DELETE /admin/v1/keys/{id}: the key is kept, and good for nothing any more."""
    return await end_key(deps, path_id(request, "Key"))


async def change_key(request: web.Request, deps: Deps, key_id: str) -> web.Response:
    """Change a key as the body says."""
    form = await read_form(request, KeyPatch)
    require_future(form)
    await require_feature(form.feature, deps)
    changed = await deps.books.keys.change(key_id, **form.given)
    if changed is None:
        raise not_found("Key")
    key, digests = changed
    await deps.effects.changed(digests)
    return answered(key)


async def renew_key(request: web.Request, deps: Deps, key_id: str) -> web.Response:
    """Rotate a key; no body: the old secret ends at once."""
    form = await read_form(request, Rotation) if request[BODY] else Rotation()
    rotated = await deps.books.keys.rotate(key_id, overlap_seconds=form.overlap_seconds)
    if rotated is None:
        raise not_found("Key")
    key, digests = rotated
    await deps.effects.changed(digests)
    return answered(key)


async def end_key(deps: Deps, key_id: str) -> web.Response:
    """Revoke a key."""
    revoked = await deps.books.keys.revoke(key_id)
    if revoked is None:
        raise not_found("Key")
    key, digests = revoked
    await deps.effects.changed(digests)
    return answered(key)


async def require_feature(key: str | UnsetType | None, deps: Deps) -> None:
    """Raise ApiError (400) for a feature that does not exist."""
    if isinstance(key, str) and await deps.books.features.get(key) is None:
        raise invalid(f"There is no feature {key}; write the key of one, or null.", "feature")


def routes() -> list[web.RouteDef]:
    """Return the routes of keys."""
    return [
        web.post("/admin/v1/accounts/{id}/keys", admin(create_key, withheld="key")),
        web.get("/admin/v1/accounts/{id}/keys", admin(list_keys), allow_head=False),
        web.get("/admin/v1/keys/{id}", admin(get_key), allow_head=False),
        web.patch("/admin/v1/keys/{id}", admin(patch_key)),
        web.delete("/admin/v1/keys/{id}", admin(revoke_key)),
        web.post("/admin/v1/keys/{id}/rotate", admin(rotate_key, withheld="key")),
    ]
