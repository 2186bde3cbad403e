"""/api/v1/pricing and /api/v1/estimate, and /api/feature-rates as the seed documents print it."""

import datetime as dt
from typing import Any

from aiohttp import web

from gateway.admin.features import model_rates
from gateway.admin.paging import one_of, refuse_unknown
from gateway.admin.queries import ModelQuery
from gateway.admin.serving import ADMIN, answered, member
from gateway.admin.tariff_forms import decimal_of
from gateway.auth import Principal
from gateway.deps import Deps
from gateway.errors import not_found, timestamp
from gateway.openapi.operation import operation
from gateway.openapi.tariff_shapes import Estimate, FeatureRateFound, Pricing
from metering.books.estimates import MIX_DAYS
from metering.core.estimate import ByPrice, Empty, by_price, empty_of, left_of, total_of
from metering.core.settlement import CREDITS

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
    refuse_unknown(request.query, [])
    rows = [row for row in await deps.books.prices.now() if _may_use(principal, row.model)]
    models = [model_rates(name, deps) for name in deps.catalog.names() if _may_use(principal, name)]
    features = [
        {
            "feature": feature.key,
            "name": feature.name,
            "model": rate.model,
            "unit": rate.unit,
            "base": rate.rates.base,
            "rate": decimal_of(rate.rates.completion),
            "version": rate.version,
        }
        for feature in deps.tariff.now.features.values()
        for rate in feature.rates
    ]
    updated_at = max((row.valid_from for row in rows), default=None)
    return answered(
        {
            "unit": principal.unit,
            "prices": rows,
            "prices_per": {"tokens": 1_000_000, "images": 10_000, "currency": "micro-dollars"},
            "rates": models,
            "features": features,
            "updated_at": updated_at,
        }
    )


@operation("getEstimate", "Read how far the balance goes", answer=Estimate)
async def get_estimate(request: web.Request, deps: Deps, principal: Principal) -> web.Response:
    """Serve GET /api/v1/estimate: how far the balance goes, by the caller's own mix and at the present rate.

    A member's mix is what they used themselves; how fast the account spends is all of it.
    """
    refuse_unknown(request.query, [])
    unit, account = principal.unit, principal.account_id
    balance = (await deps.books.balances.read(deps.admission, [account], unit))[account]
    user = None if principal.role == ADMIN else principal.user_id
    lately = await deps.books.estimates.of(account, user, unit)
    available = balance.available
    known = [] if balance.unlimited else lately.mixes
    empty = empty_of(available, last_day=lately.last_day, last_week=lately.last_week, age_seconds=lately.age_seconds)
    return answered(
        {
            "unit": unit,
            "balance": balance.balance,
            "available": available,
            "unlimited": balance.unlimited,
            "days": MIX_DAYS,
            "since": timestamp(int(lately.since.timestamp() * 1000)),
            "mix": total_of(lately.mixes),
            "models": lately.mixes,
            "left": left_of(available, total_of(known)),
            "left_by_model": [left for mix in known if (left := left_of(available, mix)) is not None],
            "left_by_price": _by_price(deps, principal, available) if unit == CREDITS else [],
            "time_to_empty": None if empty is None or balance.unlimited else _empty(empty),
        }
    )


def _by_price(deps: Deps, principal: Principal, available: int) -> list[ByPrice]:
    cards = deps.tariff.now.prices
    names = sorted(name for name in cards if _may_use(principal, name))
    return [by_price(available, name, cards[name].price_of(service_tier=None, prompt_tokens=0)) for name in names]


def _empty(empty: Empty) -> dict[str, Any]:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=empty.seconds)
    fields = {name: getattr(empty, name) for name in empty.__struct_fields__}
    return {**fields, "at": timestamp(int(at.timestamp() * 1000))}


def _may_use(principal: Principal, model: str) -> bool:
    return principal.models is None or model in principal.models


def routes() -> list[web.RouteDef]:
    """Return the routes of prices, rates and estimates."""
    return [
        web.get("/api/feature-rates/{key}", member(get_feature_rate), allow_head=False),
        web.get("/api/v1/pricing", member(get_pricing), allow_head=False),
        web.get("/api/v1/estimate", member(get_estimate), allow_head=False),
    ]
