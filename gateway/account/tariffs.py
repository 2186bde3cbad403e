"""/api/v1/pricing and /api/v1/estimate, and /api/feature-rates as the seed documents print it."""

from aiohttp import web

from gateway.admin.paging import one_of, refuse_unknown
from gateway.admin.queries import ModelQuery
from gateway.admin.serving import ADMIN, answered, member
from gateway.admin.tariff_forms import decimal_of
from gateway.auth import Principal
from gateway.deps import Deps
from gateway.errors import not_found
from gateway.openapi.operation import operation
from gateway.openapi.tariff_shapes import Estimate, FeatureRateFound, Pricing
from gateway.tariffs import Payer, serve_estimate, serve_pricing

TOKENS = "tokens"


@operation("getFeatureRate", "Read what a feature is charged", query=ModelQuery, answer=FeatureRateFound)
async def get_feature_rate(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/feature-rates/{key}?model=: what a feature is charged in the caller's unit, else in tokens."""
    refuse_unknown(request.query, ["model"])
    model = one_of(request.query, "model") if "model" in request.query else None
    feature = deps.tariff.now.features.get(request.match_info["key"])
    if feature is None:
        raise not_found("Feature")
    rate = feature.rate_for(model, principal.unit) or feature.rate_for(model, TOKENS)
    data = {
        "feature_key": feature.key,
        "feature_name": feature.name,
        "tokens_per_unit": 1 if rate is None else decimal_of(rate.rates.completion),
        "token_type": "token" if rate is None else rate.rates.base,
    }
    return answered({"success": True, "data": data})


@operation("getPricing", "Read what models and features cost now", answer=Pricing)
async def get_pricing(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/pricing: what this key's models and all features cost now."""
    return await serve_pricing(request, deps, Payer(principal.account_id, principal.unit, principal.models))


@operation("getEstimate", "Read how far the balance goes", answer=Estimate)
async def get_estimate(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/estimate: how far the balance goes, by the caller's own mix and at the present rate.

    A member's mix is what they used themselves; how fast the account spends is all of it.
    """
    user_id = None if principal.role == ADMIN else principal.user_id
    payer = Payer(principal.account_id, principal.unit, principal.models, user_id)
    return await serve_estimate(request, deps, payer)


def routes() -> list[web.RouteDef]:
    """Return the routes of prices, rates and estimates."""
    return [
        web.get("/api/feature-rates/{key}", member(get_feature_rate), allow_head=False),
        web.get("/api/v1/pricing", member(get_pricing), allow_head=False),
        web.get("/api/v1/estimate", member(get_estimate), allow_head=False),
    ]
