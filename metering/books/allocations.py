"""SHELL: what an account's members may spend, model by model, and what remained after each of the last requests."""

import datetime as dt
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from asyncpg import Record

from config.settings import MeterSettings
from metering.admission import Admission
from metering.books.held import held_on
from metering.books.records import Balance
from metering.core.allocations import (
    NO_MODEL,
    Allocation,
    Lot,
    Move,
    Purse,
    Use,
    allocation_of,
    places_of,
    remains_after,
)
from metering.ledger import Ledger
from metering.queries import query
from metering.stores import Store

USES = 50
MOVES_MAX = 20_000  # undone to tell what remained: more than that since the oldest use, and it is not told


class ModelAllocation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One model; see core/allocations.py. ``expires_at`` null: no expiration."""

    model: str
    engine: str
    available: int
    unlimited: bool
    size: int
    remaining: int
    expires_at: str | None


class RecentUse(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One request; ``generator`` is its model, or what it was for. ``remaining`` null: unlimited, or too long ago."""

    request_id: str
    generator: str
    user_id: str | None
    amount: int
    at: str
    remaining: int | None


class Allocated(msgspec.Struct, frozen=True, kw_only=True):
    """An account or a member of it; amounts in ``unit``. ``total`` is what remains, ``available`` that less holds."""

    account_id: str
    user_id: str | None
    unit: str
    total: int
    available: int
    unlimited: bool
    used_this_month: int
    active_allocations: int
    allocations: list[ModelAllocation]
    recent: list[RecentUse]


class View(NamedTuple):
    """Whose allocations: ``member``: only what this one may use and has used (None: who has no member's name)."""

    account_id: str
    member: bool
    user_id: str | None


class Allocations:
    """Reads of allocations."""

    def __init__(self, ledger: Ledger, settings: MeterSettings) -> None:
        self._ledger = ledger
        self._settings = settings

    async def of_models(
        self, view: View, balance: Balance, models: Sequence[str], admission: Admission, store: Store
    ) -> tuple[list[Allocation], list[Lot], dict[str, int]]:
        """Return the allocation of each model, all lots that are open, and what is held on them."""
        rows = await self._ledger.rows("allocation_packs", view.account_id, balance.resource, [])
        lots = [Lot(*row) for row in rows]
        held = await held_on(view.account_id, balance.resource, [lot.id for lot in lots], admission, store)
        purse = Purse(balance.balance, balance.available, balance.min_reserve, await self._keeps(view.account_id))
        now = time.time_ns() // 1000
        found = [
            allocation_of(model, lots, held, purse, user_id=view.user_id, anybody=not view.member, at=now)
            for model in models
        ]
        return found, [lot for lot in lots if lot.live(now)], held

    async def read(
        self, view: View, balance: Balance, engines: dict[str, str], admission: Admission, store: Store
    ) -> Allocated:
        """Return everything; ``engines``: the models to show, and the kind of provider that answers each."""
        found, lots, held = await self.of_models(view, balance, list(engines), admission, store)
        own = [lot for lot in lots if not view.member or lot.user_id in {None, view.user_id}]
        total = sum(lot.remaining or 0 for lot in own)
        free = sum(max(0, (lot.remaining or 0) - held.get(lot.id, 0)) for lot in own)
        used, recent = await self._used(view, balance.resource)
        return Allocated(
            account_id=view.account_id,
            user_id=view.user_id if view.member else None,
            unit=balance.resource,
            total=total if view.member else balance.balance,
            available=max(0, min(free, balance.available)) if view.member else balance.available,
            unlimited=any(lot.unlimited for lot in own),
            used_this_month=used,
            active_allocations=sum(one.unlimited or one.available > 0 for one in found),
            allocations=[_shown(one, engines[one.model]) for one in found],
            recent=recent,
        )

    async def _keeps(self, account_id: str) -> bool:
        floor = await self._ledger.value("account_floor", account_id)
        return (floor or self._settings.floor) == "keep"

    async def _used(self, view: View, resource: str) -> tuple[int, list[RecentUse]]:
        scope = view.account_id, resource, view.member, view.user_id
        async with (
            self._ledger.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            used = await connection.fetchval(query("used_this_month"), *scope, dt.datetime.now(dt.UTC))
            rows = await connection.fetch(query("allocation_uses"), *scope, USES)
            oldest = min((row["version"] for row in rows), default=0)
            moves = [
                Move(*row)
                for row in await connection.fetch(
                    query("allocation_moves"), view.account_id, resource, oldest, MOVES_MAX + 1
                )
            ]
            packs = sorted({move.pack_id for move in moves if move.pack_id})
            lots = [
                Lot(*row) for row in await connection.fetch(query("allocation_packs"), view.account_id, resource, packs)
            ]
        return used, _recent(rows, lots, moves)


def _recent(rows: Sequence[Record], lots: Sequence[Lot], moves: Sequence[Move]) -> list[RecentUse]:
    places = places_of(moves)
    uses = [
        Use(
            row["request_id"],
            row["version"],
            places.get((row["request_id"], row["version"]), 0),
            row["user_id"],
            row["model"],
            row["at_us"],
        )
        for row in rows
    ]
    remains = remains_after(uses, lots, moves, reaches=len(moves) <= MOVES_MAX)
    return [
        RecentUse(
            request_id=row["request_id"],
            generator=row["service"] if row["model"] == NO_MODEL else row["model"],
            user_id=row["user_id"],
            amount=row["charge"],
            at=row["at"],
            remaining=remains[row["request_id"]],
        )
        for row in rows
    ]


def _shown(found: Allocation, engine: str) -> ModelAllocation:
    ends = None
    if found.expires_at is not None:
        moment = dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=found.expires_at)
        ends = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return ModelAllocation(
        model=found.model,
        engine=engine,
        available=found.available,
        unlimited=found.unlimited,
        size=found.size,
        remaining=found.remaining,
        expires_at=ends,
    )
