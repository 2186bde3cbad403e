"""One account, in the model and in reality: every step is taken in both, and what they answer is compared."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from metering.ask import Ask, Granted
from metering.core.limits import LimitSet
from metering.core.orphan import orphan_charge, recover
from metering.core.settlement import (
    Facts,
    Outcome,
    Reservation,
    Settlement,
    Source,
    Status,
    decode_settlement,
    result_of,
    row_of,
)
from metering.ledger import AccountState
from metering.queries import query
from metering.recovery import SPLIT, settlement_of_hold
from tests.model.holds import TOMBSTONE, Gate, Held
from tests.model.holds import Granted as Expected
from tests.model.ledger import Book, Pack, Row, Snapshot
from tests.model.limits import Rules, check_spend
from tests.model.real import BUCKET, RESOURCES, Real, moment, now_ms, seen, split_of

SOON_MS = 6


@dataclass(slots=True)
class Request:
    """A request as its gateway knows it."""

    ask: Ask
    facts: Facts
    held: Reservation | None = None
    progress: int = 0
    settlement: Settlement | None = None  # its usage is known
    dead: bool = False  # its gateway is: only others can still settle it
    done: bool = False  # booked and applied: nobody states it again

    @property
    def request_id(self) -> str:
        return self.ask.request_id

    @property
    def open(self) -> bool:
        return self.held is not None and not self.done

    def use(self, charge: int) -> None:
        """Know the usage: the charge is what it is from now on."""
        assert self.held
        if self.settlement is None:
            outcome = Outcome(
                prompt_tokens=0,
                completion_tokens=charge,
                source=Source.UPSTREAM,
                status=Status.COMPLETED,
                counted_completion_tokens=charge,
            )
            result = result_of(self.held, outcome, charge=charge, duration_ms=1)
            self.settlement = decode_settlement(row_of(self.ask.facts, result))


@dataclass
class Account:
    """The account, its requests, and every message that was ever sent to Redis."""

    real: Real = field(repr=False)
    account_id: str
    book: Book = field(repr=False)
    at_once: Rules = field(repr=False)
    terms: dict[str, LimitSet | None] = field(repr=False)
    gate: Gate = field(default_factory=Gate, repr=False)
    requests: dict[str, Request] = field(default_factory=dict, repr=False)
    messages: list[tuple[AccountState, Snapshot, list[str]]] = field(default_factory=list, repr=False)
    heard: set[int] = field(default_factory=set, repr=False)  # which of them have arrived
    believed: int = 0  # sums of spend that Redis had, and had right
    entries_seen: int = 0
    versions_seen: int = 0

    @property
    def admission(self) -> Any:
        return self.real.gateway.admission

    # The ledger's changes: each answers the newest state, a message that is delivered now, later or twice.

    async def booked(self, state: AccountState, request_ids: list[str], *, deliver: bool = True) -> None:
        """Compare the ledger with the book, and keep the message for Redis."""
        snapshot = self.book.snapshot()
        assert (state.account_id, state.version) == (self.account_id, snapshot.version)
        assert msgspec.json.decode(state.snapshot) == seen(snapshot)
        found = await self.real.entries(self.account_id, self.versions_seen)
        expected = self.book.entries[self.entries_seen :]
        forever = {pack.pack_id for pack in self.book.packs.values() if pack.unlimited}
        # How the two entries of an unlimited pack share its zero is theirs.
        nets = [pair for pair in zip(found, expected, strict=False) if pair[0].pack_id in forever]
        same = {id(real): model._replace(delta=real.delta, balance_after=real.balance_after) for real, model in nets}
        assert found == [same.get(id(real), model) for real, model in zip(found, expected, strict=False)]
        assert len(found) == len(expected)
        self.entries_seen, self.versions_seen = len(self.book.entries), self.book.version
        self.messages.append((state, snapshot, request_ids))
        if deliver:
            await self.deliver(-1)

    async def deliver(self, place: int) -> None:
        """Hand a message to Redis: late, twice, out of order."""
        state, snapshot, request_ids = self.messages[place]
        self.heard.add(place % len(self.messages))
        await self.admission.apply(state, request_ids)
        self.gate.apply(snapshot, request_ids)
        for request_id in request_ids:
            request = self.requests[request_id]
            request.done = request.done or bool(request.settlement or request.dead)
        if self.at_once and len(self.heard) == len(self.messages):
            self.believed += await check_spend(self.real.gateway.store, self.real.connection, self.account_id)

    async def grant(self, pack: Pack, *, deliver: bool) -> None:
        state = await self.real.grant(self.account_id, pack)
        self.book.grant(pack)
        await self.booked(state, [], deliver=deliver)

    async def revoke(self, pack: Pack, *, deliver: bool) -> None:
        (state,) = await self.real.change("pack_revoke", pack.pack_id)
        self.book.close(pack, "revoke")
        await self.booked(state, [], deliver=deliver)

    async def expire(self, pack: Pack) -> None:
        """Let a pack's time come. Redis knows when: what it holds on a pack later than that, that pack pays."""
        await self.change_pack(pack, pack.priority, now_ms() + SOON_MS, deliver=True)
        await asyncio.sleep((SOON_MS + 2) / 1000)

    async def change_pack(self, pack: Pack, priority: int, expires: int | None, *, deliver: bool) -> None:
        names = ["priority", "expires_at"]
        (state,) = await self.real.change("pack_change", pack.pack_id, names, "", priority, moment(expires))
        pack.priority, pack.expires = priority, expires
        self.book.touch()
        await self.booked(state, [], deliver=deliver)

    async def change(self, min_reserve: int | None, floor: str | None, *, deliver: bool) -> None:
        state = await self.real.change_account(self.account_id, min_reserve, floor)
        self.book.min_reserve, self.book.floor = min_reserve, floor
        self.book.touch()
        await self.booked(state, [], deliver=deliver)

    async def refund(self, request_id: str, amount: int | None, *, deliver: bool) -> None:
        row = await self.real.connection.fetchrow(query("event_refund"), request_id, amount, "sorry")
        assert row["refunded"] == self.book.refund(request_id, amount)
        await self.booked(AccountState(*tuple(row)[1:]), [], deliver=deliver)

    # The moves of a hold.

    async def _loaded(self) -> None:
        if self.gate.snapshot is None:
            self.gate.load(self.book.snapshot())

    async def reserve(self, request: Request) -> None:
        ask, now = request.ask, now_ms()
        answer = await self.real.reserve(ask)
        await self._loaded()
        wanted = Held("R", ask.want, 0, ask.resource, ask.user_id, ask.model)
        expected = self.gate.reserve(ask.request_id, wanted, ask.least, now, self.at_once)
        if not isinstance(answer, Granted):
            assert answer == expected
            return
        held = answer.reservation
        assert Expected(held.amount, split_of(held.split), answer.available) == expected
        self.gate.holds[ask.request_id].at = held.reserved_at
        # A successor covers what is not charged yet; with what was charged it is all that was held before.
        amount = max(held.amount, request.held.amount) if request.held else held.amount
        request.held = Reservation(amount, held.reserved_at, held.split)

    async def extend(self, request: Request, want: int, least: int) -> None:
        now, known = now_ms(), self.gate.holds.get(request.request_id)
        grown = await self.admission.extend(self.account_id, request.request_id, want=want, least=least)
        if known and known.state == "R" and known.amount < want:
            await self._loaded()
        assert (grown.amount if grown else None) == self.gate.extend(request.request_id, want, least, now)
        if grown and request.held:
            request.held = Reservation(max(request.held.amount, grown.amount), request.held.reserved_at, grown.split)

    async def progress(self, request: Request, charge: int) -> None:
        request.progress = max(request.progress, charge)
        reply = await self.admission.renew(BUCKET, [(self.account_id, request.request_id, charge)])
        assert reply == ([1] if self.gate.progress(request.request_id, charge) else [1, 1])

    async def finish(self, request: Request, charge: int) -> None:
        request.use(charge)
        assert request.settlement
        known = request.settlement
        reply = await self.admission.finish(
            self.account_id, request.request_id, charge=known.charge, settlement=known.row
        )
        assert reply == [self.gate.finish(request.request_id, known.charge)]

    async def release(self, request: Request) -> None:
        await self.admission.release(self.account_id, request.request_id)
        self.gate.release(request.request_id, now_ms())
        request.held = None

    async def announce(self) -> None:
        """State again what is open, as its owner does; what dead owners left is not stated."""
        for request in self.requests.values():
            if not request.open or request.dead:
                continue
            held, known = request.held, request.settlement
            assert held
            state, amount = ("S", known.charge) if known else ("R", held.amount)
            facts, progress = (known.row, 0) if known else (request.ask.facts, request.progress)
            await self.admission.announce(request.ask, held, state=state, amount=amount, progress=progress, facts=facts)
            ask = request.ask
            told = Held(state, amount, held.reserved_at, ask.resource, ask.user_id, ask.model, split_of(held.split))
            told.progress = progress
            self.gate.announce(request.request_id, told)

    # How a request is settled: by its gateway, by the journal of a dead one, by a sweep.

    def row_of(self, request: Request, settlement: Settlement, held: Reservation) -> Row:
        ask = request.ask
        split = tuple(split_of(held.split).items())
        where = (ask.request_id, ask.resource, ask.user_id, ask.model)
        recovered = settlement.source == Source.RECOVERED
        return Row(*where, held.amount, held.reserved_at, split, settlement.charge, recovered)

    def owned(self, request: Request) -> tuple[Row, bytes]:
        """Return what its own gateway settles: its usage is known."""
        assert request.settlement
        said = msgspec.json.decode(request.settlement.row)
        held = Reservation(said["reserved"], said["reserved_at"], said["split"])
        return self.row_of(request, request.settlement, held), request.settlement.row

    def adopted(self, request: Request) -> tuple[Row, bytes]:
        """Return what the journal of its gateway tells."""
        assert request.held
        if request.settlement:
            return self.owned(request)
        found = recover(request.facts, request.held, progress=request.progress, now_ms=now_ms())
        assert found.charge == orphan_charge(request.facts, amount=request.held.amount, progress=request.progress)
        return self.row_of(request, found, request.held), found.row

    async def swept(self, request_id: str) -> tuple[Row, bytes] | None:
        """Return what a hold whose deadline has passed tells; a tombstone is removed."""
        held, request = self.gate.holds[request_id], self.requests[request_id]
        if held.state == TOMBSTONE:
            await self.real.gateway.recovery._recover_hold(self.account_id, request_id)
            del self.gate.holds[request_id]
            return None
        stored = await self.real.gateway.hold_of(self.account_id, request_id)
        assert stored
        found = settlement_of_hold(stored)
        if held.state == "S":
            row, expected = self.owned(request)
            assert found.row == expected
            return row, expected
        reservation = Reservation(held.amount, held.at, stored[SPLIT] if held.split else [])
        assert found.charge == orphan_charge(request.facts, amount=held.amount, progress=held.progress)
        return self.row_of(request, found, reservation), found.row

    async def check(self) -> None:
        """Fail unless Redis is what the model says."""
        views, holds = await self.real.look(self.account_id)
        now = now_ms()
        stored = {
            request_id: (*hold[:3], *hold[4:7], split_of(hold[7]), *hold[8:10]) for request_id, hold in holds.items()
        }
        expected = {
            request_id: (h.state, h.amount, h.at, h.resource, h.user, h.model, h.split, h.over, h.progress)
            for request_id, h in self.gate.holds.items()
            if h.state != TOMBSTONE
        }
        assert {request_id: hold for request_id, hold in stored.items() if hold[0] != TOMBSTONE} == expected
        assert stored.keys() == self.gate.holds.keys()
        gate = self.gate
        for resource, view in zip(RESOURCES, views, strict=True):
            if gate.snapshot is None:
                assert view == [-2]
                continue
            counts = gate.open_holds(), gate.unsettled()
            balance, reserved = gate.balance(resource, now), gate.reserved(resource, now)
            assert view == [1, gate.snapshot.version, balance, reserved, *counts, []]
