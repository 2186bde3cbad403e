"""SHELL: the price table brought up to date: asked for by an admin, or by schedule.

Only rows are added, and each is a line in the trail and in the log: nothing that was charged becomes another price.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import structlog

from config.catalog import Catalog
from config.settings import Settings
from metering.books import Books
from metering.books.prices import quote_of
from metering.books.trail import chore
from metering.books.writes import Writes
from metering.core.quotes import Change, changes_of
from metering.tariff import TariffKeeper

if TYPE_CHECKING:
    from gateway.price_source import PriceSource

log = structlog.get_logger()
ACTOR = chore("prices")


class Plan(msgspec.Struct, frozen=True, gc=False):
    """What an import would change; ``digest`` stands for exactly this. ``unknown`` are models without a known price."""

    source: str
    changes: list[Change]
    unknown: list[str]
    digest: str


class PriceImporter:
    """Compares the price table with the package, and brings it up to date."""

    def __init__(
        self, books: Books, writes: Writes, tariff: TariffKeeper, catalog: Catalog, settings: Settings
    ) -> None:
        self._books = books
        self._writes = writes
        self._tariff = tariff
        self._catalog = catalog
        self._settings = settings

    async def plan(self, models: Sequence[str] = (), *, everything: bool = False) -> Plan:
        """Return what would change for these models: all that are configured, where none is named.

        ``everything``: also each that the provider of ``"*"`` has. Raises UnknownModelError, LedgerDownError.
        """
        return await self._plan(await asyncio.to_thread(self._installed), models, everything=everything)

    async def apply(self, plan: Plan) -> None:
        """Make the changes, valid from now, all or none. Raises LedgerDownError."""
        await self._books.prices.add_all([change.after for change in plan.changes], source=plan.source)
        for change in plan.changes:
            after = msgspec.to_builtins(change.after)
            log.info("price_changed", source=plan.source, before=msgspec.to_builtins(change.before), after=after)

    def over(self, books: Books) -> "PriceImporter":
        """Return an importer over other books: those of a write that is not committed yet."""
        return PriceImporter(books, self._writes, self._tariff, self._catalog, self._settings)

    async def update(self) -> None:
        """Fetch prices and take them over: the chore of ``prices.update_hours``."""
        try:
            source = await asyncio.to_thread(self._fetched)
        except Exception as error:  # noqa: BLE001 - the package lets through whatever its client raises
            log.warning("prices_not_fetched", error=str(error) or type(error).__name__)
            return
        if source is not None:
            plan = await self._plan(source, (), everything=False)
            if plan.changes:
                async with self._writes.once(None, "", ACTOR) as write:
                    await self.over(Books(write.ledger, self._settings.meter)).apply(plan)
                await self._tariff.reload()

    async def _plan(self, source: "PriceSource", models: Sequence[str], *, everything: bool) -> Plan:
        specs = [self._catalog.resolve(name) for name in models or self._catalog.names()]
        now = [quote_of(row) for row in await self._books.prices.now()]
        then, unknown = await asyncio.to_thread(source.quotes, specs, everything=everything)
        changes = changes_of(now, then, {quote.model for quote in then})
        digest = hashlib.sha256(msgspec.json.encode([source.name, changes])).hexdigest()[:16]
        return Plan(source.name, changes, unknown, digest)

    def _installed(self) -> "PriceSource":
        from gateway.price_source import PriceSource  # noqa: PLC0415 - see there

        return PriceSource.installed(self._settings)

    def _fetched(self) -> "PriceSource | None":
        from gateway.price_source import PriceSource  # noqa: PLC0415 - see there

        return PriceSource.fetched(self._settings)
