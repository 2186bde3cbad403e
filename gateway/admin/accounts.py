"""/admin/v1/accounts: who pays, and how they stand."""

from collections.abc import Sequence

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType
from multidict import MultiDict

from gateway.admin.forms import AccountPatch, NewAccount, read_form
from gateway.admin.paging import list_page, list_query, one_of, path_id, read_text, refuse_unknown, resource_of
from gateway.admin.queries import AccountsQuery, ResourceQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import list_of, operation
from gateway.resources import require_known
from metering.books.records import Account, Balance


@operation("adminCreateAccount", "Create an account", body=NewAccount, answer=Account, status=201)
async def create_account(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/accounts."""
    form = await read_form(request, NewAccount)
    return answered(await deps.books.accounts.create(**form.given), status=201)


class Standing(msgspec.Struct, kw_only=True):
    """How an account stands at a glance, in its unit."""

    state: str
    critical: bool
    balance: int
    reserved: int
    available: int
    unlimited: bool
    active_packs: int
    used_this_month: int


class AccountListed(Account, frozen=True, kw_only=True):
    """An account; how it stands where that was asked for."""

    standing: Standing | UnsetType = UNSET


@operation("adminListAccounts", "List accounts, newest first", query=AccountsQuery, answer=list_of(AccountListed))
async def list_accounts(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts, newest first: perhaps those with some text, perhaps with how they stand."""
    query = MultiDict(request.query)
    search = read_text(one_of(query, "search"), "search") if "search" in query else None
    refuse_unknown(query, ["search", "standing", "limit", "cursor"])
    query.popall("search", None)
    asked = list_query(query, standing=("true", "false"))
    found = await deps.books.accounts.page(limit=asked.limit + 1, before=asked.before, search=search)
    page = list_page(found, asked)
    if asked.others.get("standing") == "true":
        page["data"] = await _with_standing(page["data"], deps)
    return answered(page)


async def _with_standing(accounts: Sequence[Account], deps: Deps) -> list[AccountListed]:
    ids = [account.id for account in accounts]
    balances = await deps.books.balances.read(deps.admission, ids)
    used = await deps.books.usage.this_month(ids)
    return [
        AccountListed(
            **msgspec.structs.asdict(account), standing=_standing(balances[account.id], used.get(account.id, 0))
        )
        for account in accounts
    ]


def _standing(balance: Balance, used: int) -> Standing:
    return Standing(
        state=balance.state,
        critical=balance.critical,
        balance=balance.balance,
        reserved=balance.reserved,
        available=balance.available,
        unlimited=balance.unlimited,
        active_packs=balance.active_packs,
        used_this_month=used,
    )


@operation("adminGetAccount", "Read an account", answer=Account)
async def get_account(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}."""
    account = await deps.books.accounts.get(path_id(request, "Account"))
    if account is None:
        raise not_found("Account")
    return answered(account)


@operation("adminChangeAccount", "Change an account", body=AccountPatch, answer=Account)
async def patch_account(request: web.Request, deps: Deps) -> web.Response:
    """Serve PATCH /admin/v1/accounts/{id}."""
    account_id = path_id(request, "Account")
    form = await read_form(request, AccountPatch)
    changed = await deps.books.accounts.change(account_id, **form.given)
    if changed is None:
        raise not_found("Account")
    account, state = changed
    if state is not None:
        await deps.effects.push(state)
        await deps.effects.account_changed(account_id)
    return answered(account)


@operation("adminGetBalance", "Read how an account stands", query=ResourceQuery, answer=Balance)
async def get_balance(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/balance."""
    account_id = path_id(request, "Account")
    resource = resource_of(request.query)
    if resource is not None:
        require_known(deps.settings, resource)
    found = await deps.books.balances.read(deps.admission, [account_id], resource)
    if account_id not in found:
        raise not_found("Account")
    return answered(found[account_id])


def routes() -> list[web.RouteDef]:
    """Return the routes of accounts."""
    return [
        web.post("/admin/v1/accounts", admin(create_account)),
        web.get("/admin/v1/accounts", admin(list_accounts), allow_head=False),
        web.get("/admin/v1/accounts/{id}", admin(get_account), allow_head=False),
        web.patch("/admin/v1/accounts/{id}", admin(patch_account)),
        web.get("/admin/v1/accounts/{id}/balance", admin(get_balance), allow_head=False),
    ]
