"""/admin/v1/models, and an account's pricing and estimate: what there is, what it costs, how far a balance goes."""

import msgspec
from aiohttp import web

from config.settings import ModelSettings
from gateway.admin.features import model_rates
from gateway.admin.paging import path_id, refuse_unknown
from gateway.admin.serving import admin, answered
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import list_of, operation
from gateway.openapi.tariff_shapes import Estimate, Pricing
from gateway.tariffs import Payer, serve_estimate, serve_pricing
from metering.books.prices import PriceRow
from metering.books.records import Account


class ModelConfigured(msgspec.Struct, kw_only=True):
    """A model as it is configured: ``rates`` are of accounts in tokens, ``prices`` of those in credits.

    ``kind`` is the provider's. The model ``*`` passes on every name that no other one has.
    """

    model: str
    provider: str
    kind: str
    upstream_model: str
    encoding: str
    context_tokens: int
    max_completion_tokens: int
    default_hold_tokens: int
    fallbacks: list[str]
    rates: dict[str, float]
    prices: list[PriceRow]


@operation("adminListModels", "List the models that are configured", answer=list_of(ModelConfigured))
async def list_models(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/models: all of them, by name."""
    refuse_unknown(request.query, [])
    prices = await deps.books.prices.now()
    models = sorted(deps.settings.models.values(), key=lambda model: model.name)
    data = [_shown(model, deps, [row for row in prices if row.model == model.name]) for model in models]
    return answered({"data": data, "next_cursor": None})


def _shown(model: ModelSettings, deps: Deps, prices: list[PriceRow]) -> ModelConfigured:
    return ModelConfigured(
        model=model.name,
        provider=model.provider,
        kind=deps.settings.providers[model.provider].kind,
        upstream_model=model.upstream_model,
        encoding=model.encoding,
        context_tokens=model.context_tokens,
        max_completion_tokens=model.max_completion_tokens,
        default_hold_tokens=model.default_hold_tokens,
        fallbacks=list(model.fallbacks),
        rates=model_rates(model.name, deps)["rates"],
        prices=prices,
    )


@operation("adminGetPricing", "Read what models and features cost an account now", answer=Pricing)
async def get_pricing(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/pricing."""
    account = await _account(request, deps)
    return await serve_pricing(request, deps, Payer(account.id, account.unit))


@operation("adminGetEstimate", "Read how far an account's balance goes", answer=Estimate)
async def get_estimate(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/accounts/{id}/estimate: by the use of the whole account."""
    account = await _account(request, deps)
    return await serve_estimate(request, deps, Payer(account.id, account.unit))


async def _account(request: web.Request, deps: Deps) -> Account:
    account = await deps.books.accounts.get(path_id(request, "Account"))
    if account is None:
        raise not_found("Account")
    return account


def routes() -> list[web.RouteDef]:
    """Return the routes of models, and of what an account's use costs."""
    return [
        web.get("/admin/v1/models", admin(list_models), allow_head=False),
        web.get("/admin/v1/accounts/{id}/pricing", admin(get_pricing), allow_head=False),
        web.get("/admin/v1/accounts/{id}/estimate", admin(get_estimate), allow_head=False),
    ]
