"""SHELL: the tariffs in force, kept in memory: no request asks Postgres for a price.

A change that was made here counts at once, one that was made elsewhere, or begins to be valid, within
``prices.refresh_seconds``. While Postgres is away, what is known stays in force.
"""

from dataclasses import replace

import structlog

from config.cards import Rates
from config.settings import Settings
from metering.books.features import FeatureRow, Features, RateRow
from metering.books.prices import PriceRow, Prices, quote_of
from metering.core.quotes import cards_of
from metering.core.tariffs import Feature, FeatureRate, Tariffs
from metering.ledger import Ledger

log = structlog.get_logger()


class TariffKeeper:
    """``now`` is what holds now; whoever uses it for a request uses one value of it throughout."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._prices = Prices(ledger)
        self._features = Features(ledger)
        self.now = self._tariffs([], [], [], mark="")

    def follow(self, settings: Settings) -> None:
        """Judge what nobody has made or priced by other settings from now on."""
        self._settings = settings
        self.now = replace(self.now, price_settings=settings.prices, feature_settings=settings.features, priced={})

    async def refresh(self) -> None:
        """Read everything again if anything has changed. Raises LedgerDownError."""
        mark = str(await self._ledger.value("tariff_mark"))
        if mark != self.now.mark:
            await self._load(mark)

    async def reload(self) -> None:
        """Read everything again. Raises LedgerDownError."""
        await self._load(str(await self._ledger.value("tariff_mark")))

    async def _load(self, mark: str) -> None:
        prices, features = await self._prices.now(), await self._features.all()
        self.now = self._tariffs(prices, features, await self._features.rates_now(), mark=mark)
        log.info("tariffs_loaded", prices=len(prices), features=len(features))

    def _tariffs(
        self, prices: list[PriceRow], features: list[FeatureRow], rates: list[RateRow], *, mark: str
    ) -> Tariffs:
        return Tariffs(
            prices=cards_of([(row.id, quote_of(row)) for row in prices]),
            features={row.key: _feature(row, rates) for row in features if row.retired_at is None},
            price_settings=self._settings.prices,
            feature_settings=self._settings.features,
            mark=mark,
        )


def _feature(row: FeatureRow, rates: list[RateRow]) -> Feature:
    return Feature(key=row.key, name=row.name, rates=tuple(_rate(rate) for rate in rates if rate.feature == row.key))


def _rate(row: RateRow) -> FeatureRate:
    assert row.rate is not None
    prompt = row.prompt_rate or 0
    return FeatureRate(
        model=row.model,
        unit=row.unit,
        version=row.version,
        rates=Rates(prompt=prompt, cached=prompt, completion=row.rate, base=row.base),
        name=f"feature:{row.feature}:{row.model or '*'}:{row.unit}@{row.version}",
    )
