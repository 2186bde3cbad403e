"""What both APIs tell of prices, rates and how far a balance goes."""

import datetime as dt
from typing import Any, NamedTuple

from aiohttp import web

from gateway.admin.features import model_rates
from gateway.admin.paging import refuse_unknown
from gateway.admin.serving import answered
from gateway.admin.tariff_forms import decimal_of
from gateway.deps import Deps
from gateway.errors import timestamp
from metering.books.estimates import MIX_DAYS
from metering.core.estimate import ByPrice, Empty, by_price, empty_of, left_of, total_of
from metering.core.settlement import CREDITS

Models = frozenset[str] | None  # that a caller may use; None: any


class Payer(NamedTuple):
    """Whose prices and estimates: an account's, or those of one member's key."""

    account_id: str
    unit: str
    models: Models = None
    user_id: str | None = None  # None: by the use of the whole account


async def serve_pricing(request: web.Request, deps: Deps, payer: Payer) -> web.Response:
    """Answer what models and all features cost now."""
    refuse_unknown(request.query, [])
    rows = [row for row in await deps.books.prices.now() if _may_use(payer.models, row.model)]
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
    return answered(
        {
            "unit": payer.unit,
            "prices": rows,
            "prices_per": {"tokens": 1_000_000, "images": 10_000, "currency": "micro-dollars"},
            "rates": [model_rates(name, deps) for name in deps.catalog.names() if _may_use(payer.models, name)],
            "features": features,
            "updated_at": max((row.valid_from for row in rows), default=None),
        }
    )


async def serve_estimate(request: web.Request, deps: Deps, payer: Payer) -> web.Response:
    """Answer how far the balance goes, by the payer's own mix and at the account's rate."""
    refuse_unknown(request.query, [])
    account_id, unit, models, user_id = payer
    balance = (await deps.books.balances.read(deps.admission, [account_id], unit))[account_id]
    lately = await deps.books.estimates.of(account_id, user_id, unit)
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
            "left_by_price": _by_price(deps, models, available) if unit == CREDITS else [],
            "time_to_empty": None if empty is None or balance.unlimited else _empty(empty),
        }
    )


def _by_price(deps: Deps, models: Models, available: int) -> list[ByPrice]:
    cards = deps.tariff.now.prices
    names = sorted(name for name in cards if _may_use(models, name))
    return [by_price(available, name, cards[name].price_of(service_tier=None, prompt_tokens=0)) for name in names]


def _empty(empty: Empty) -> dict[str, Any]:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=empty.seconds)
    fields = {name: getattr(empty, name) for name in empty.__struct_fields__}
    return {**fields, "at": timestamp(int(at.timestamp() * 1000))}


def _may_use(models: Models, model: str) -> bool:
    return models is None or model in models
