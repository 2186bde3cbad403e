"""/admin/v1/features and /rates: what requests are made for, and what that is charged."""

from typing import Any

from aiohttp import web

from config.cards import KINDS
from gateway.admin.forms import read_form
from gateway.admin.paging import refuse_unknown
from gateway.admin.serving import admin, answered
from gateway.admin.tariff_forms import FeaturePatch, NewFeature, NewRate, decimal_of, micro_of
from gateway.deps import Deps
from gateway.errors import invalid, not_found
from gateway.openapi.operation import list_of, operation
from gateway.openapi.tariff_shapes import Feature, FeatureRate, RatesNow
from metering.books.features import FeatureRow, RateRow

A_FEATURE = {"key": "search", "name": "Search"}
A_RATE = {"rate": 2.5, "base": "word"}


def shown_rate(row: RateRow) -> dict[str, Any]:
    """Return a version of a rate as it is answered; rates as decimals, null for one that ended."""
    return {
        "feature": row.feature,
        "model": row.model,
        "unit": row.unit,
        "version": row.version,
        "base": row.base,
        "rate": None if row.rate is None else decimal_of(row.rate),
        "prompt_rate": None if row.prompt_rate is None else decimal_of(row.prompt_rate),
        "valid_from": row.valid_from,
    }


async def _shown(feature: FeatureRow, deps: Deps) -> dict[str, Any]:
    rates = [shown_rate(row) for row in await deps.books.features.rates_now() if row.feature == feature.key]
    return {**{name: getattr(feature, name) for name in FeatureRow.__struct_fields__}, "rates": rates}


@operation("adminCreateFeature", "Create a feature", body=NewFeature, answer=Feature, status=201, example=A_FEATURE)
async def create_feature(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/features."""
    form = await read_form(request, NewFeature)
    created = await deps.books.features.create(form.key, name=form.name, note=form.note)
    await deps.effects.tariffs()
    return answered(await _shown(created, deps), status=201)


@operation("adminListFeatures", "List features with their rates", answer=list_of(Feature))
async def list_features(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/features: all of them, with the rates in force."""
    refuse_unknown(request.query, [])
    found = await deps.books.features.all()
    rates = await deps.books.features.rates_now()
    data = [
        {
            **{name: getattr(feature, name) for name in FeatureRow.__struct_fields__},
            "rates": [shown_rate(row) for row in rates if row.feature == feature.key],
        }
        for feature in found
    ]
    return answered({"data": data, "next_cursor": None})


@operation("adminGetFeature", "Read a feature", answer=Feature)
async def get_feature(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/features/{key}."""
    return answered(await _shown(await _found(request, deps), deps))


@operation("adminChangeFeature", "Change a feature", body=FeaturePatch, answer=Feature)
async def patch_feature(request: web.Request, deps: Deps) -> web.Response:
    """Serve PATCH /admin/v1/features/{key}: name, note; ``retired`` makes it unknown, or known again."""
    form = await read_form(request, FeaturePatch)
    return await _changed(request, deps, **form.given)


@operation("adminRetireFeature", "Retire a feature", answer=Feature)
async def retire_feature(request: web.Request, deps: Deps) -> web.Response:
    """Serve DELETE /admin/v1/features/{key}: it is unknown from now on; what was charged by it stays as it is."""
    return await _changed(request, deps, retired=True)


async def _changed(request: web.Request, deps: Deps, **changes: Any) -> web.Response:  # noqa: ANN401 - a form's fields
    changed = await deps.books.features.change(request.match_info["key"], **changes)
    if changed is None:
        raise not_found("Feature")
    await deps.effects.tariffs()
    return answered(await _shown(changed, deps))


@operation("adminAddRate", "Add a version of a rate", body=NewRate, answer=FeatureRate, status=201, example=A_RATE)
async def add_rate(request: web.Request, deps: Deps) -> web.Response:
    """Serve POST /admin/v1/features/{key}/rates: a new version, valid from now."""
    form = await read_form(request, NewRate)
    rate, prompt_rate = micro_of(form.rate, "rate"), micro_of(form.prompt_rate, "prompt_rate")
    if rate is None and prompt_rate is not None:
        raise invalid("prompt_rate has no rate beside it; write rate, or leave prompt_rate out.", "prompt_rate")
    if form.base != "token" and prompt_rate:
        raise invalid("prompt_rate is for base token only: the others charge for the reply alone.", "prompt_rate")
    if rate is not None and prompt_rate is None:
        prompt_rate = rate if form.base == "token" else 0
    added = await deps.books.features.add_rate(
        request.match_info["key"], model=form.model, unit=form.unit, base=form.base, rate=rate, prompt_rate=prompt_rate
    )
    if added is None:
        raise not_found("Feature")
    await deps.effects.tariffs()
    return answered(shown_rate(added), status=201)


@operation("adminListFeatureRates", "List every version of its rates", answer=list_of(FeatureRate))
async def list_rates(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/features/{key}/rates: every version, newest first."""
    refuse_unknown(request.query, [])
    feature = await _found(request, deps)
    found = await deps.books.features.rates_of(feature.key)
    return answered({"data": [shown_rate(row) for row in found], "next_cursor": None})


@operation("adminListRates", "Read what is charged now", answer=RatesNow)
async def all_rates(request: web.Request, deps: Deps) -> web.Response:
    """Serve GET /admin/v1/rates: what is charged now, of every model and feature."""
    refuse_unknown(request.query, [])
    models = [model_rates(name, deps) for name in deps.catalog.names()]
    features = [shown_rate(row) for row in await deps.books.features.rates_now()]
    return answered({"models": models, "features": features})


def model_rates(name: str, deps: Deps) -> dict[str, Any]:
    """Return the rates of a model for accounts in tokens, as it is configured."""
    spec = deps.catalog.resolve(name)
    kinds = {"prompt": spec.rates.prompt, "cached": spec.rates.cached, "completion": spec.rates.completion}
    if spec.card is not None:
        price = spec.card.price_of(service_tier=None, prompt_tokens=0).rates
        kinds = {kind: getattr(price, kind) for kind in KINDS}
    shown = {kind: decimal_of(rate) for kind, rate in kinds.items()}
    return {"model": name, "unit": "tokens", "base": "token", "rates": shown, "version": spec.rate_version}


async def _found(request: web.Request, deps: Deps) -> FeatureRow:
    feature = await deps.books.features.get(request.match_info["key"])
    if feature is None:
        raise not_found("Feature")
    return feature


def routes() -> list[web.RouteDef]:
    """Return the routes of features and rates."""
    return [
        web.post("/admin/v1/features", admin(create_feature)),
        web.get("/admin/v1/features", admin(list_features), allow_head=False),
        web.get("/admin/v1/features/{key}", admin(get_feature), allow_head=False),
        web.patch("/admin/v1/features/{key}", admin(patch_feature)),
        web.delete("/admin/v1/features/{key}", admin(retire_feature)),
        web.post("/admin/v1/features/{key}/rates", admin(add_rate)),
        web.get("/admin/v1/features/{key}/rates", admin(list_rates), allow_head=False),
        web.get("/admin/v1/rates", admin(all_rates), allow_head=False),
    ]
