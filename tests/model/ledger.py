"""The truth of one account, as DESIGN 2 and 3 state it: packs, charges, debts, entries. No SQL, no clock, no Redis."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(slots=True)
class Pack:
    """A lot of prepaid tokens; ``size`` is None for an unlimited one, which always nets zero."""

    pack_id: str
    number: int  # grants of an account are numbered: the earliest first
    resource: str
    size: int | None
    left: int
    priority: int
    user: str | None
    models: tuple[str, ...] | None
    expires: int | None  # milliseconds
    closed: str | None = None  # "expired" or "revoked": its rest is booked

    @property
    def unlimited(self) -> bool:
        return self.size is None

    def fits(self, resource: str, user: str, model: str) -> bool:
        mine = self.user is None or self.user == user
        return self.resource == resource and mine and (self.models is None or model in self.models)

    def live(self, at: int) -> bool:
        return self.expires is None or self.expires > at

    @property
    def burn_order(self) -> tuple[object, ...]:
        forever = self.expires is None
        scope = (self.user is None, self.models is None)
        return self.priority, self.unlimited, *scope, forever, self.expires or 0, self.number


class Snapshot(NamedTuple):
    """What Redis gets to know of an account: its open packs in burn-down order, its debts, its settings."""

    version: int
    packs: tuple[Pack, ...]
    debts: dict[str, int]  # by resource
    min_reserve: int | None
    floor: str | None


class Row(NamedTuple):
    """A finished request, as it is settled."""

    request_id: str
    resource: str
    user: str
    model: str
    reserved: int
    reserved_at: int
    split: tuple[tuple[str, int], ...]
    charge: int
    recovered: bool


class Entry(NamedTuple):
    """One transfer between two books; ``delta`` is its effect on the balance of its resource."""

    version: int
    kind: str
    resource: str
    amount: int
    delta: int
    source: str
    target: str
    pack_id: str | None
    request_id: str | None
    balance_after: int


class Book:
    """One account's ledger."""

    def __init__(self, min_reserve: int | None, floor: str | None) -> None:
        self.version = 0
        self.min_reserve = min_reserve
        self.floor = floor
        self.packs: dict[str, Pack] = {}
        self.debts: dict[str, int] = {}  # what each request left unpaid
        self.charges: dict[str, Row] = {}
        self.corrected: dict[str, int] = {}
        self.refunded: dict[str, int] = {}
        self.entries: list[Entry] = []

    def snapshot(self) -> Snapshot:
        """Return what is open, copied: a snapshot never changes."""
        owed: dict[str, int] = {}
        for request_id, debt in self.debts.items():
            resource = self.charges[request_id].resource
            owed[resource] = owed.get(resource, 0) + debt
        packs = tuple(replace(pack) for pack in self._open() if pack.unlimited or pack.left > 0)
        return Snapshot(self.version, packs, owed, self.min_reserve, self.floor)

    def balance(self, resource: str) -> int:
        """Return open packs less debt; an expired pack counts until its rest is booked."""
        packs = sum(pack.left for pack in self._open() if pack.resource == resource)
        return packs - sum(debt for request, debt in self.debts.items() if self.charges[request].resource == resource)

    def _open(self) -> list[Pack]:
        return sorted((pack for pack in self.packs.values() if not pack.closed), key=lambda pack: pack.burn_order)

    def _move(
        self, kind: str, resource: str, amount: int, source: str, target: str, pack: Pack | None, request: str | None
    ) -> None:
        """Book one entry and its effect."""
        before = self.balance(resource)
        if pack and not (pack.unlimited or pack.closed):
            pack.left += amount * ((target == _book(pack)) - (source == _book(pack)))
        if "debt" in {source, target}:
            assert request
            self.debts[request] = self.debts.get(request, 0) + (amount if source == "debt" else 0 - amount)
            self.debts = {request: debt for request, debt in self.debts.items() if debt}
        after = self.balance(resource)
        pack_id = pack.pack_id if pack else None
        self.entries.append(
            Entry(self.version, kind, resource, amount, after - before, source, target, pack_id, request, after)
        )

    def grant(self, pack: Pack) -> None:
        """Add a pack: it repays the debts of requests it would have fitted, oldest first. Again: nothing."""
        if pack.pack_id in self.packs:
            return
        self.version += 1
        size, pack.left = pack.left, 0
        self.packs[pack.pack_id] = pack
        if not pack.unlimited:
            self._move("grant", pack.resource, size, "issued", _book(pack), pack, None)
        for request_id in sorted(self.debts):
            row, debt = self.charges[request_id], self.debts[request_id]
            take = debt if pack.unlimited else min(debt, pack.left)
            if take and pack.fits(row.resource, row.user, row.model):
                if pack.unlimited:
                    self._move("auto_grant", pack.resource, take, "issued", _book(pack), pack, request_id)
                self._move("repay", pack.resource, take, _book(pack), "debt", pack, request_id)

    def close(self, pack: Pack, kind: str) -> None:
        """Book the rest of a pack to ``revoked`` or ``expired``. Again: nothing."""
        if pack.closed:
            return
        self.version += 1
        book = {"revoke": "revoked", "expire": "expired"}[kind]
        if pack.left:
            self._move(kind, pack.resource, pack.left, _book(pack), book, pack, None)
        pack.closed = book

    def touch(self) -> None:
        """Count a change that moves nothing."""
        self.version += 1

    def settle(self, rows: Iterable[Row]) -> None:
        """Book what is new, each request once; an exact row corrects a recovered one, once."""
        rows = list(rows)
        exact_first = sorted(rows, key=lambda row: row.recovered)
        new = {row.request_id: row for row in reversed(exact_first) if row.request_id not in self.charges}
        self.version += bool(new)
        for row in sorted(new.values(), key=lambda row: (row.resource, row.reserved_at, row.request_id)):
            self.charges[row.request_id] = row
            self._draw(row)
        for row in sorted(rows, key=lambda row: row.request_id):
            if not row.recovered and self.charges[row.request_id].recovered:
                self._correct(row)

    def _draw(self, row: Row) -> None:
        """The hold's own split, then what an unlimited pack let in unheld, then burn-down order, then debt."""
        fitting = [p for p in self._open() if p.fits(row.resource, row.user, row.model) and p.live(row.reserved_at)]
        unheld = row.reserved - sum(part for _, part in row.split)
        wishes = [(self.packs[pack_id], part) for pack_id, part in row.split]
        wishes += [(pack, unheld) for pack in fitting if pack.unlimited][:1]
        wishes += [(pack, row.charge) for pack in fitting]
        need, takes = row.charge, dict[str, int]()
        for pack, wish in wishes:
            taken = takes.get(pack.pack_id, 0)
            there = 0 if pack.closed else need if pack.unlimited else pack.left - taken
            if (take := min(wish, there, need)) > 0:
                takes[pack.pack_id] = taken + take
                need -= take
        for pack_id, take in takes.items():
            pack = self.packs[pack_id]
            if pack.unlimited:
                self._move("auto_grant", row.resource, take, "issued", _book(pack), pack, row.request_id)
            self._move("usage", row.resource, take, _book(pack), "usage", pack, row.request_id)
        if need:
            self._move("overdraft", row.resource, need, "debt", "usage", None, row.request_id)

    def _correct(self, row: Row) -> None:
        """Book the difference between an exact charge and the recovered one, over what was refunded."""
        booked, refunded = self.charges[row.request_id], self.refunded.get(row.request_id, 0)
        if row.request_id in self.corrected:
            return
        delta = max(0, row.charge - refunded) - (booked.charge - refunded)
        self.version += 1
        self.corrected[row.request_id] = delta
        if delta < 0:
            self._give_back(booked, "correction", 0 - delta)
        fitting = [p for p in self._open() if p.fits(booked.resource, booked.user, booked.model)]
        for pack in fitting:
            take = delta if pack.unlimited else min(pack.left, delta)
            if take <= 0 or not pack.live(booked.reserved_at):
                continue
            if pack.unlimited:
                self._move("auto_grant", booked.resource, take, "issued", _book(pack), pack, row.request_id)
            self._move("correction", booked.resource, take, _book(pack), "usage", pack, row.request_id)
            delta -= take
        if delta > 0:
            self._move("overdraft", booked.resource, delta, "debt", "usage", None, row.request_id)

    def refund(self, request_id: str, amount: int | None) -> int:
        """Give back some of a charge, at most what is left of it; return how much."""
        row = self.charges[request_id]
        left = row.charge + self.corrected.get(request_id, 0) - self.refunded.get(request_id, 0)
        amount = left if amount is None else min(amount, left)
        if amount > 0:
            self.version += 1
            self.refunded[request_id] = self.refunded.get(request_id, 0) + amount
            self._give_back(row, "refund", amount)
        return amount

    def _give_back(self, row: Row, kind: str, amount: int) -> None:
        """Reverse a request's own entries, last first: its open debt, then each pack it drew on."""
        debt = min(amount, self.debts.get(row.request_id, 0))
        if debt:
            self._move(kind, row.resource, debt, "usage", "debt", None, row.request_id)
            amount -= debt
        drawn: dict[str, int] = {}
        for entry in self.entries:
            if entry.request_id == row.request_id and entry.pack_id and entry.kind != "auto_grant":
                back = entry.source == "usage"
                total = drawn.pop(entry.pack_id, 0) + (0 - entry.amount if back else entry.amount)
                drawn[entry.pack_id] = total  # at the end: it was touched last
        for pack_id, total in reversed(drawn.items()):
            pack, take = self.packs[pack_id], min(amount, total)
            if take > 0:
                target = pack.closed or ("issued" if pack.unlimited else _book(pack))
                self._move(kind, row.resource, take, "usage", target, pack, row.request_id)
                amount -= take
        assert amount == 0, "a request gives back what it drew"


def _book(pack: Pack) -> str:
    return f"pack:{pack.pack_id}"
