"""/admin/v1/…/recurring: packs that are granted by schedule, once a month, a week or a day."""

from datetime import date
from typing import Annotated, Literal

from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from gateway.admin.forms import Amount, Form, Member, Models, Note, Priority, Resource, read_form
from gateway.admin.paging import list_page, list_query, path_id
from gateway.admin.queries import ListQuery
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from gateway.openapi.operation import list_of, operation
from gateway.resources import require_resource
from metering.books.recurring import RecurringPack
from metering.ledger import AccountState

Day = Annotated[date, Meta(description="a day such as 2027-01-31, in the account's time zone")]
Period = Literal["month", "week", "day"]
WHAT = "Recurring pack"
A_MONTHLY_PACK = {"size": 1_000_000, "period": "month", "starts_on": "2099-01-01", "user_id": "ada"}
YEARS = range(2000, 3000)  # what every part can count in


class NewRecurringPack(Form):
    """POST /admin/v1/accounts/{id}/recurring."""

    size: Amount
    period: Period
    resource: Resource | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    rollover: bool = False
    priority: Priority = 50
    user_id: Member | None = None
    models: Models | None = None
    note: Note = ""


class RecurringPatch(Form):
    """PATCH /admin/v1/recurring/{id}: for the packs to come."""

    size: Amount | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    rollover: bool | UnsetType = UNSET
    ends_on: Day | UnsetType | None = UNSET
    paused: bool | UnsetType = UNSET


@operation(
    "adminCreateRecurring",
    "Grant a pack by schedule",
    body=NewRecurringPack,
    answer=RecurringPack,
    status=201,
    example=A_MONTHLY_PACK,
)
async def create_recurring(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/accounts/{id}/recurring: the period that has begun gets its pack at once."""
    account_id = path_id(request, "Account")
    form = await read_form(request, NewRecurringPack)
    _check_days(form.starts_on, form.ends_on)
    account = await deps.books.accounts.get(account_id)
    if account is None:
        raise not_found("Account")
    resource = form.resource or account.unit
    require_resource(deps.settings, resource, unit=account.unit)
    given = {name: value for name, value in form.given.items() if name not in {"size", "period", "resource"}}
    created = await deps.books.recurring.create(
        account_id, resource=resource, size=form.size, period=form.period, **given
    )
    if created is None:
        raise not_found("Account")
    return await _changed(created, deps, status=201)


@operation("adminListRecurring", "List an account's schedules", query=ListQuery, answer=list_of(RecurringPack))
async def list_recurring(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/recurring, newest first."""
    account_id = path_id(request, "Account")
    asked = list_query(request.query)
    found = await deps.books.recurring.page(account_id, limit=asked.limit + 1, before=asked.before)
    if not found and not await deps.books.accounts.exists(account_id):
        raise not_found("Account")
    return answered(list_page(found, asked))


@operation(
    "adminChangeRecurring",
    "Change the packs to come",
    body=RecurringPatch,
    answer=RecurringPack,
    example={"size": 2_000_000},
)
async def patch_recurring(request: web.Request, deps: Deps) -> web.Response:
    """Serve PATCH /admin/v1/recurring/{id}."""
    recurring_id = path_id(request, WHAT)
    form = await read_form(request, RecurringPatch)
    _check_days(None, form.given.get("ends_on"))
    changed = await deps.books.recurring.change(recurring_id, **form.given)
    if changed is None:
        raise not_found(WHAT)
    return await _changed(changed, deps)


@operation("adminDeleteRecurring", "End a schedule", answer=RecurringPack)
async def delete_recurring(request: web.Request, deps: Deps) -> web.Response:
    """Serve DELETE /admin/v1/recurring/{id}: what it granted stays; it is shown as it was."""
    recurring_id = path_id(request, WHAT)
    found = await deps.books.recurring.get(recurring_id)
    if found is None or not await deps.books.recurring.delete(recurring_id):
        raise not_found(WHAT)
    return answered(found)


async def _changed(changed: tuple[RecurringPack, AccountState], deps: Deps, *, status: int = 200) -> web.Response:
    recurring, state = changed
    await deps.effects.push(state)
    return answered(recurring, status=status)


def _check_days(starts_on: date | None, ends_on: date | None) -> None:
    for name, day in (("starts_on", starts_on), ("ends_on", ends_on)):
        if day is not None and day.year not in YEARS:
            raise invalid(f"{name} is not right; write a day of the years {YEARS.start} to {YEARS.stop - 1}.", name)
    if starts_on is not None and ends_on is not None and ends_on <= starts_on:
        raise invalid("ends_on is the day on which no period begins any more; write one after starts_on.", "ends_on")


def routes() -> list[web.RouteDef]:
    """Return the routes of recurring packs."""
    return [
        web.post("/admin/v1/accounts/{id}/recurring", admin(create_recurring)),
        web.get("/admin/v1/accounts/{id}/recurring", admin(list_recurring), allow_head=False),
        web.patch("/admin/v1/recurring/{id}", admin(patch_recurring)),
        web.delete("/admin/v1/recurring/{id}", admin(delete_recurring)),
    ]
