"""/admin/v1/prices: what models cost, in rows that are added and never changed."""

from aiohttp import web
from multidict import MultiDict

from gateway.admin.forms import read_form
from gateway.admin.paging import list_page, list_query, one_of, refuse_unknown
from gateway.admin.queries import PricesQuery
from gateway.admin.serving import admin, answered
from gateway.admin.tariff_forms import NewPrice, PriceImport
from gateway.deps import Deps
from gateway.errors import ApiError, invalid
from gateway.openapi.operation import list_of, operation
from gateway.openapi.tariff_shapes import ImportedPrices
from metering.books.prices import PriceRow
from metering.core.quotes import AMOUNTS, Quote

SOURCE = "admin"
A_PRICE = {"model": "m", "input": 2_500_000, "completion": 10_000_000}
MODEL_CHARS_MAX = 256


@operation("adminListPrices", "List rows of the price table", query=PricesQuery, answer=list_of(PriceRow))
async def list_prices(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/prices: every row, newest first; ``?current=true`` those in force, by model."""
    refuse_unknown(request.query, ["model", "current", "limit", "cursor"])
    query = MultiDict(request.query)
    model = one_of(query, "model") if "model" in query else None
    if model is not None and (not 1 <= len(model) <= MODEL_CHARS_MAX or "\0" in model):
        raise invalid("model is not right; write a model's name.", "model")
    query.popall("model", None)
    asked = list_query(query, current=("true", "false"))
    if asked.others.get("current") == "true":
        rows = [row for row in await deps.books.prices.now() if model in {None, row.model}]
        return answered({"data": rows, "next_cursor": None})
    found = await deps.books.prices.page(limit=asked.limit + 1, before=asked.before, model=model)
    return answered(list_page(found, asked))


@operation("adminAddPrice", "Add a row", body=NewPrice, answer=PriceRow, status=201, example=A_PRICE)
async def add_price(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/prices: a new row, valid from now or from a later date."""
    form = await read_form(request, NewPrice)
    amounts = {name: getattr(form, name) for name in AMOUNTS}
    if form.ended and any(amount is not None for amount in amounts.values()):
        raise invalid("A price that has ended has no amounts; write either.", "ended")
    for name in ("input", "completion"):
        if not form.ended and amounts[name] is None:
            raise invalid(f"{name} is missing; write micro-dollars for a million tokens (0: none).", name)
    quote = Quote(
        model=form.model,
        service_tier=form.service_tier,
        above_prompt_tokens=form.above_prompt_tokens,
        ended=form.ended,
        **amounts,
    )
    added = await deps.books.prices.add(quote, source=SOURCE, valid_from=form.valid_from)
    await deps.effects.tariffs()
    return answered(added, status=201)


@operation(
    "adminImportPrices",
    "Show what genai-prices would change, or change it",
    body=PriceImport,
    answer=ImportedPrices,
    refuses=(404, 409),
    example={"models": ["simulated"]},
)
async def import_prices(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/prices/import: what genai-prices would change; with the digest of that, change it."""
    form = await read_form(request, PriceImport)
    importer = deps.importer.over(deps.books)
    plan = await importer.plan(form.models, everything=form.everything)
    if form.apply is not None:
        if form.apply != plan.digest:
            raise ApiError(
                409,
                "The price table is no longer as it was when this was shown; look at what would change now.",
                code="plan_changed",
                param="apply",
            )
        await importer.apply(plan)
        await deps.effects.tariffs()
    return answered({"applied": form.apply is not None, **_fields(plan)})


def _fields(plan: object) -> dict[str, object]:
    return {name: getattr(plan, name) for name in ("source", "changes", "unknown", "digest")}


def routes() -> list[web.RouteDef]:
    """Return the routes of prices."""
    return [
        web.get("/admin/v1/prices", admin(list_prices), allow_head=False),
        web.post("/admin/v1/prices", admin(add_price)),
        web.post("/admin/v1/prices/import", admin(import_prices)),
    ]
