"""Whatever people and requests do, in any order, the books stay right. A failure prints its seed as the test's id."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from metering.audit import Audit
from metering.books import Books
from metering.books.records import Pack
from metering.errors import RefusedError
from metering.ledger import AccountState, Settled
from metering.redis_audit import RedisAudit
from tests.integration.booking import Booking
from tests.integration.metering.parts import Gateway, ask_of

STEPS = 120
MEMBERS, MODELS, RESOURCES = (None, "u1", "u2"), (None, ["m"], ["n"]), ("tokens", "tokens", "images")


@dataclass
class Scenario:
    """One account, a meter with its Redis, and people who do things."""

    gateway: Gateway
    books: Books
    booking: Booking
    dice: random.Random
    open: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    estimated: list[dict[str, Any]] = field(default_factory=list)
    packs: list[Pack] = field(default_factory=list)

    async def tell(self, state: AccountState | Settled, *request_ids: str) -> None:
        """Hand a new state to Redis; now and then nobody does, and the next one heals it."""
        if request_ids or self.dice.random() < 0.9:
            await self.gateway.admission.apply(AccountState(*state[:3]), request_ids)

    async def reserve(self) -> None:
        want = self.dice.randint(1, 300)
        user, model, resource = self.dice.choice(("u1", "u2", "")), self.dice.choice("mn"), self.dice.choice(RESOURCES)
        ask = ask_of(self.booking.account_id, want, user_id=user, model=model, resource=resource)
        try:
            granted = await self.gateway.admission.reserve(ask)
        except RefusedError:
            return
        self.open[ask.request_id] = {
            "request_id": ask.request_id,
            "user_id": user or None,
            "model": model,
            "resource": resource,
            "reserved": granted.reservation.amount,
            "reserved_at": granted.reservation.reserved_at,
            "split": granted.reservation.split,
        }

    async def settle(self) -> None:
        if not self.open:
            return
        ids = self.dice.sample(sorted(self.open), min(len(self.open), self.dice.randint(1, 4)))
        rows = []
        for facts in (self.open.pop(request_id) for request_id in ids):
            held = facts["reserved"]
            # A dead gateway's requests never pay more than their hold; others may use more than they held.
            dead = self.dice.random() < 0.2
            charge = self.dice.randint(0, held if dead else held + self.dice.choice([0, 0, 0, 50]))
            source = {"source": "recovered", "status": "recovered"} if dead else {}
            rows.append(self.booking.row(charge, **facts, **source))
            self.done.append(facts["request_id"])
            if dead:
                self.estimated.append(facts)
        await self.tell(await self.booking.book(*rows), *ids)

    async def correct(self) -> None:
        if self.estimated:
            facts = self.estimated.pop(self.dice.randrange(len(self.estimated)))
            exact = self.dice.randint(0, facts["reserved"] + 40)
            await self.tell(await self.booking.book(self.booking.row(exact, **facts)))

    async def again(self) -> None:
        """A sweeper settles what is settled."""
        if self.done:
            row = self.booking.row(7, request_id=self.dice.choice(self.done), source="recovered", status="recovered")
            await self.tell(await self.booking.book(row))

    async def refund(self) -> None:
        if self.done:
            amount = self.dice.choice([None, 1, 20])
            refunded = await self.books.pages.refund(self.dice.choice(self.done), amount, "sorry")
            assert refunded
            await self.tell(refunded[1])

    async def grant(self) -> None:
        size = None if self.dice.random() < 0.1 else self.dice.randint(1, 800)
        granted = await self.books.packs.grant(
            self.booking.account_id,
            size,
            user_id=self.dice.choice(MEMBERS),
            models=self.dice.choice(MODELS),
            resource=self.dice.choice(RESOURCES),
            priority=self.dice.randint(1, 3),
            kind=self.dice.choice(("grant", "purchase")),
        )
        assert granted
        self.packs.append(granted[0])
        await self.tell(granted[1])

    async def revoke(self) -> None:
        if self.packs:
            revoked = await self.books.packs.revoke(self.packs.pop(self.dice.randrange(len(self.packs))).id)
            assert revoked
            await self.gateway.admission.apply(revoked[1], [])

    async def expire(self) -> None:
        """A pack's rest is booked when no hold from before can be left."""
        while self.open:
            await self.settle()
        if self.packs:
            pack = self.packs.pop(self.dice.randrange(len(self.packs)))
            await self.booking.execute("UPDATE packs SET expires_at = clock_timestamp() WHERE pack_id = $1", pack.id)
            for state in await self.gateway.ledger.expire_packs(grace_seconds=0):
                await self.gateway.admission.apply(state, [])

    async def change(self) -> None:
        changed = await self.books.accounts.change(
            self.booking.account_id,
            min_reserve=self.dice.choice([None, 0, 30]),
            floor=self.dice.choice([None, "cross", "keep"]),
        )
        assert changed
        assert changed[1]
        await self.tell(changed[1])

    async def audit(self) -> None:
        """Fail with every row that breaks an invariant."""
        gateway = self.gateway
        redis = RedisAudit(
            gateway.ledger, gateway.admission, gateway.store, self.books.balances, gateway.settings.meter
        )
        report = await Audit(gateway.ledger, redis).run()
        broken = {one.name: [json.loads(bytes(row)) for row in one.rows] for one in report.invariants if one.broken}
        assert broken == {}, msgspec.json.encode(broken)
        assert report.clean


WEIGHTS = {
    "reserve": 30,
    "settle": 18,
    "correct": 6,
    "again": 3,
    "refund": 6,
    "grant": 10,
    "revoke": 4,
    "expire": 3,
    "change": 2,
}


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_done_the_books_stay_right(gateway: Gateway, seed: int) -> None:
    books = Books(gateway.ledger, gateway.settings.meter)
    account = await books.accounts.create(name="acme")
    scenario = Scenario(gateway, books, Booking(gateway.ledger, books, account.id), random.Random(seed))
    await scenario.grant()
    for step in range(STEPS):
        (move,) = scenario.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
        await getattr(scenario, move)()
        if step % 20 == 0:
            await scenario.audit()
    while scenario.open:
        await scenario.settle()
    await scenario.audit()
    assert {"grant", "usage", "refund"} <= {
        *await scenario.booking.value("SELECT array_agg(DISTINCT kind) FROM entries")
    }
