"""SHELL: the price table. Rows are added, never changed."""

import datetime as dt
from collections.abc import Sequence

import msgspec

from metering.books.errors import ChangeRefusedError
from metering.core.quotes import AMOUNTS, Quote
from metering.ids import new_id
from metering.ledger import Ledger
from metering.queries import query


class PriceRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the price table: micro-dollars for a million tokens of each kind, ``images`` for 10,000 images.

    None: no price of its own; it costs what the whole costs that it is part of.
    """

    id: str
    model: str
    service_tier: str
    above_prompt_tokens: int
    input: int | None
    cached_input: int | None
    cache_write: int | None
    completion: int | None
    reasoning: int | None
    image: int | None
    audio: int | None
    image_completion: int | None
    audio_completion: int | None
    images: int | None
    ended: bool
    source: str
    valid_from: str
    created_at: str


class Prices:
    """Read, add."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def now(self) -> list[PriceRow]:
        """Return the prices in force, by model, service tier and threshold."""
        return [PriceRow(*row) for row in await self._ledger.rows("prices_now")]

    async def page(self, *, limit: int, before: str | None, model: str | None) -> list[PriceRow]:
        """Return at most ``limit`` rows, newest first, older than the id ``before``."""
        return [PriceRow(*row) for row in await self._ledger.rows("prices_page", before, model, limit)]

    async def add(self, quote: Quote, *, source: str, valid_from: dt.datetime | None = None) -> PriceRow:
        """Add a row, valid from now or from a later date. Raises ChangeRefusedError: the date is past."""
        rows = await self._ledger.rows("price_add", *_arguments(quote, source, valid_from))
        if not rows:
            raise ChangeRefusedError("valid_from is in the past; what was charged then stays as it is.", "valid_from")
        return PriceRow(*rows[0])

    async def add_all(self, quotes: Sequence[Quote], *, source: str) -> None:
        """Add rows, all or none, valid from now; what says the same already is left out.

        Gateways that update at the same time wait for each other here, and the first one makes the rows.
        """
        async with self._ledger.connection() as connection, connection.transaction():
            await connection.execute(query("prices_lock"))
            known = {quote_of(PriceRow(*row)) for row in await connection.fetch(query("prices_now"))}
            places = {quote.place for quote in known}
            for quote in quotes:
                if quote not in known and (not quote.ended or quote.place in places):
                    await connection.fetch(query("price_add"), *_arguments(quote, source, None))


def quote_of(row: PriceRow) -> Quote:
    """Return what a row of the price table says."""
    amounts = {name: getattr(row, name) for name in AMOUNTS}
    return Quote(
        model=row.model,
        service_tier=row.service_tier,
        above_prompt_tokens=row.above_prompt_tokens,
        ended=row.ended,
        **amounts,
    )


def _arguments(quote: Quote, source: str, valid_from: dt.datetime | None) -> list[object]:
    return [
        new_id(),
        quote.model,
        quote.service_tier,
        quote.above_prompt_tokens,
        *(getattr(quote, name) for name in AMOUNTS),
        quote.ended,
        source,
        valid_from,
    ]
