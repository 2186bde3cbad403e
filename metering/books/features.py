"""SHELL: features and the versions of their rates."""

from typing import TypedDict, Unpack

import msgspec

from config.cards import Base
from metering.books.errors import ChangeRefusedError
from metering.ledger import Ledger
from metering.queries import query


class FeatureRow(msgspec.Struct, frozen=True, gc=False):
    """What requests may be made for."""

    key: str
    name: str
    note: str
    retired_at: str | None
    created_at: str


class RateRow(msgspec.Struct, frozen=True, gc=False):
    """One version of a rate: millionths of ``unit`` for a token of the reply, word, character or unit; None ends it."""

    feature: str
    model: str | None
    unit: str
    version: int
    base: Base
    rate: int | None
    prompt_rate: int | None
    valid_from: str


class FeatureChanges(TypedDict, total=False):
    """What may be set in a feature."""

    name: str
    note: str
    retired: bool


class Features:
    """Create, read, change; and their rates, which only ever get a newer version."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, key: str, *, name: str, note: str = "") -> FeatureRow:
        """Return a new feature. Raises ChangeRefusedError: there is one with this key."""
        if not await self._ledger.rows("feature_add", key, name, note):
            raise ChangeRefusedError(f"There is a feature {key} already; write another key, or change that one.", "key")
        found = await self.get(key)
        assert found
        return found

    async def get(self, key: str) -> FeatureRow | None:
        """Return a feature, or None."""
        rows = await self._ledger.rows("feature_get", key)
        return FeatureRow(*rows[0]) if rows else None

    async def all(self) -> list[FeatureRow]:
        """Return every feature, in the order of their keys."""
        return [FeatureRow(*row) for row in await self._ledger.rows("features_all")]

    async def change(self, key: str, **changes: Unpack[FeatureChanges]) -> FeatureRow | None:
        """Change a feature; return it, or None when there is none."""
        values = [changes.get(column) for column in ("name", "note", "retired")]
        if not await self._ledger.rows("feature_change", key, list(changes), *values):
            return None
        return await self.get(key)

    async def add_rate(  # noqa: PLR0913 - the fields of a rate
        self, key: str, *, model: str | None, unit: str, base: Base, rate: int | None, prompt_rate: int | None
    ) -> RateRow | None:
        """Make the next version of a rate, valid from now; None when there is no such feature."""
        async with self._ledger.connection() as connection, connection.transaction():
            if await connection.fetchval(query("feature_lock"), key) is None:
                return None
            row = await connection.fetchrow(query("feature_rate_add"), key, model, unit, base, rate, prompt_rate)
        assert row
        return RateRow(*row)

    async def rates_of(self, key: str) -> list[RateRow]:
        """Return all versions of a feature's rates, newest first."""
        return [RateRow(*row) for row in await self._ledger.rows("feature_rates_of", key)]

    async def rates_now(self) -> list[RateRow]:
        """Return the rates in force, of all features."""
        return [RateRow(*row) for row in await self._ledger.rows("feature_rates_now")]
