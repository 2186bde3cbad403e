"""SHELL: seals for people: what to write down elsewhere, so that nobody can rebuild the chain unnoticed."""

from typing import Any

import msgspec
from msgspec import Raw

from metering.ledger import Ledger


class SealRecord(msgspec.Struct, frozen=True, gc=False):
    """A seal without its leaves; hashes are hex. ``sums``: [resource, kind, entries, amount, delta] each."""

    position: int
    account_id: str
    number: int
    first_version: int
    last_version: int
    entries: int
    first_day: str | None
    last_day: str | None
    sums: Raw
    previous: str
    previous_overall: str
    sealed_at: str
    hash: str


NAMES = SealRecord.__struct_fields__


class SealPages:
    """Pages of seals, newest first."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def page(self, *, limit: int, before: int | None, account_id: str | None) -> list[SealRecord]:
        """Return at most ``limit`` seals below the position ``before``, of one account or of all."""
        rows = await self._ledger.rows("seals_page", before, account_id, limit)
        return [_seal(*row) for row in rows]


def _seal(*columns: Any) -> SealRecord:  # noqa: ANN401 - a row
    fields: list[Any] = [
        Raw(column.encode()) if name == "sums" else column for name, column in zip(NAMES, columns, strict=True)
    ]
    return SealRecord(*fields)
