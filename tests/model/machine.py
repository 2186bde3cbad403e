"""The state machine: two accounts of one bucket, and what people do with them. gateways.py has the rest."""

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.account import Account, Request
from tests.model.ledger import Book, Pack
from tests.model.limits import RULES, Rules, set_limits
from tests.model.real import Real, now_ms

HOUR_MS = 3_600_000
WHO = st.integers(0, 1)
PICK = st.integers(0, 40)
SIZES = st.sampled_from([1, 7, 50, 200, 1000])
MAYBE = st.sampled_from([True, True, True, False])
SETTINGS = {"min_reserve": st.sampled_from([None, 0, 30]), "floor": st.sampled_from([None, "cross", "keep"])}
SCOPES = {
    "resource": st.sampled_from(["tokens", "tokens", "images"]),
    "user": st.sampled_from(["u1", "u2", ""]),
    "model": st.sampled_from(["m", "n"]),
}
PACKS = {
    "size": st.sampled_from([10, 60, 300, 1000, 300, 60, 90, None]),
    "resource": SCOPES["resource"],
    "user": st.sampled_from([None, None, "u1", "u2"]),
    "models": st.sampled_from([None, None, ("m",), ("n", "m")]),
    "priority": st.sampled_from([50, 50, 1, 9]),
    "hours": st.sampled_from([None, 2, 1]),
}


class People(RuleBasedStateMachine):
    """Each step is taken in the model and in reality, and then both are compared."""

    real: Real  # of the test
    run: Callable[[Coroutine[Any, Any, Any]], Any]  # on its loop
    taken: "Counter[str]"  # steps, by what they do

    def __init__(self) -> None:
        super().__init__()
        self.accounts: list[Account] = []
        self.number = 0
        self.since_epoch = 0
        self.whole = True
        # Ids in the order in which they were made: what depends on their order is the same in each run.
        self.started_ms = now_ms()

    def step(self, name: str, work: Coroutine[Any, Any, Any], *changed: Account) -> None:
        """Take a step, and compare."""

        async def both() -> None:
            await work
            for account in changed:
                await account.check()

        self.taken[name] += 1
        self.since_epoch += 1
        self.whole = False  # until it agrees
        type(self).run(both())
        self.whole = True

    def new_id(self) -> str:
        self.number += 1
        head = f"{self.started_ms:012x}"
        # The account's own random tail keeps ids of different examples apart.
        tail = self.accounts[0].account_id[-9:]
        return f"{head[:8]}-{head[8:]}-7{self.number:03x}-8{tail[:3]}-000000{tail[3:]}"

    def request(self, who: int, pick: int, choose: Callable[[Request], bool]) -> tuple[Account, Request | None]:
        """Return an account, and one of its requests that suits, the newest first."""
        for account in (self.accounts[who], self.accounts[1 - who]):
            if found := [request for request in account.requests.values() if choose(request)]:
                return account, found[-1 - pick % len(found)]
        return self.accounts[who], None

    def pack(self, who: int, pick: int) -> tuple[Account, Pack | None]:
        account = self.accounts[who]
        found = [pack for pack in account.book.packs.values() if not pack.closed]
        return account, found[pick % len(found)] if found else None

    @initialize(
        one=st.fixed_dictionaries(SETTINGS),
        two=st.fixed_dictionaries(SETTINGS),
        sizes=st.lists(SIZES, min_size=2, max_size=4),
        limits=st.tuples(RULES, RULES),
    )
    def open(self, one: dict[str, Any], two: dict[str, Any], sizes: list[int], limits: tuple[Rules, Rules]) -> None:
        """Several packs from the start, so that a hold is split over them."""
        for settings, rules in zip((one, two), limits, strict=True):
            account_id = type(self).run(self.real.open_account(**settings))
            terms = type(self).run(set_limits(self.real.connection, account_id, rules))
            self.accounts.append(Account(self.real, account_id, Book(**settings), rules, terms))
        for who in (0, 1):
            for size in sizes:
                self.grant(who, size=size, resource="tokens", user=None, models=None, priority=50, hours=None)

    # What people do.

    @rule(who=WHO, deliver=MAYBE, **PACKS)
    def granted(self, who: int, *, deliver: bool, **terms: Any) -> None:
        self.grant(who, deliver=deliver, **terms)

    def grant(self, who: int, *, deliver: bool = True, hours: int | None, size: int | None, **terms: Any) -> None:
        account = self.accounts[who]
        expires = None if hours is None else self.started_ms + hours * HOUR_MS
        pack = Pack(self.new_id(), self.number, size=size, left=size or 0, expires=expires, **terms)
        self.step("grant", account.grant(pack, deliver=deliver), account)

    @rule(who=WHO, pick=PICK, deliver=MAYBE)
    def granted_again(self, who: int, pick: int, *, deliver: bool) -> None:
        account, pack = self.pack(who, pick)
        if pack:
            self.step("grant again", account.grant(pack, deliver=deliver), account)

    @rule(who=WHO, pick=PICK, deliver=MAYBE)
    def revoked(self, who: int, pick: int, *, deliver: bool) -> None:
        account = self.accounts[who]
        packs = list(account.book.packs.values())
        self.step("revoke", account.revoke(packs[pick % len(packs)], deliver=deliver), account)

    @rule(who=WHO, pick=PICK)
    def expired(self, who: int, pick: int) -> None:
        account, pack = self.pack(who, pick)
        if pack and pack.live(now_ms()):
            self.step("expire", account.expire(pack), account)

    def no_hold_is_left(self) -> bool:
        return not any(request.open for account in self.accounts for request in account.requests.values())

    def some_pack_is_due(self) -> bool:
        packs = (pack for account in self.accounts for pack in account.book.packs.values())
        return any(not (pack.closed or pack.live(now_ms())) for pack in packs)

    @precondition(some_pack_is_due)
    @precondition(no_hold_is_left)
    @rule()
    def expiry_booked(self) -> None:
        """When no hold from before can be left."""

        async def book() -> None:
            states = {s.account_id: s for s in await self.real.change("expire_packs", 0.0, 100)}
            for account in self.accounts:
                due = [p for p in account.book.packs.values() if not p.closed and not p.live(now_ms())]
                for pack in sorted(due, key=lambda pack: pack.pack_id):
                    account.book.close(pack, "expire")
                if due:
                    await account.booked(states[account.account_id], [])

        self.step("book expiry", book(), *self.accounts)

    @rule(who=WHO, pick=PICK, priority=st.sampled_from([1, 50, 90]), hours=PACKS["hours"], deliver=MAYBE)
    def pack_changed(self, who: int, pick: int, priority: int, hours: int | None, *, deliver: bool) -> None:
        account, pack = self.pack(who, pick)
        if pack and pack.live(now_ms()):
            expires = None if hours is None else self.started_ms + hours * HOUR_MS
            self.step("change pack", account.change_pack(pack, priority, expires, deliver=deliver), account)

    @rule(who=WHO, deliver=MAYBE, **SETTINGS)
    def account_changed(self, who: int, min_reserve: int | None, floor: str | None, *, deliver: bool) -> None:
        account = self.accounts[who]
        self.step("change account", account.change(min_reserve, floor, deliver=deliver), account)

    def something_is_charged(self) -> bool:
        return any(account.book.charges for account in self.accounts)

    @precondition(something_is_charged)
    @rule(who=WHO, pick=PICK, amount=st.sampled_from([None, 1, 20, 150]), deliver=MAYBE)
    def refunded(self, who: int, pick: int, amount: int | None, *, deliver: bool) -> None:
        account = self.accounts[who] if self.accounts[who].book.charges else self.accounts[1 - who]
        if charged := list(account.book.charges):
            request_id = charged[-1 - pick % len(charged)]
            self.step("refund", account.refund(request_id, amount, deliver=deliver), account)
