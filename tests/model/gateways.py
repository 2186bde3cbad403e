"""What gateways, sweepers and a forgetful Redis do, added to what people do."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from metering.ask import Ask
from metering.core.settlement import encode_facts
from metering.keys import epoch_key, keys_of
from metering.ledger import AccountState
from tests.model.account import Account, Request
from tests.model.ledger import Row
from tests.model.limits import limited
from tests.model.machine import MAYBE, PICK, SCOPES, SIZES, WHO, People
from tests.model.real import BUCKET, facts_of

EPOCH_STEPS = 20  # between two losses of Redis: each takes as long as ten other steps
WANTS = st.sampled_from([0, 1, 7, 50, 200, 1000])
SHAPES = st.fixed_dictionaries(
    {"stream": st.booleans(), "orphan": st.sampled_from(["bounded", "upper_bound", "checkpoint"])}
)


class Machine(People):
    """The whole machine."""

    def something_runs(self) -> bool:
        return any(r.open and not r.dead for account in self.accounts for r in account.requests.values())

    def something_is_known(self) -> bool:
        return any(request.settlement for account in self.accounts for request in account.requests.values())

    def something_is_left(self) -> bool:
        return any(request.dead for account in self.accounts for request in account.requests.values())

    def something_is_held(self) -> bool:
        return any(account.gate.holds for account in self.accounts)

    def epoch_is_old(self) -> bool:
        return self.since_epoch >= EPOCH_STEPS

    async def ask(self, account: Account, want: int, least: int, shape: dict[str, Any], scope: dict[str, str]) -> None:
        request_id = self.new_id()
        facts = facts_of(request_id, account.account_id, scope, **shape)
        ask = Ask(
            request_id=request_id,
            account_id=account.account_id,
            resource=scope["resource"],
            user_id=scope["user"],
            model=scope["model"],
            want=want,
            least=least,
            facts=encode_facts(facts),
            limited=limited(account.terms[scope["user"]], scope, want, least),
        )
        request = account.requests[request_id] = Request(ask, facts)
        await account.reserve(request)

    @rule(who=WHO, want=WANTS, shape=SHAPES, **SCOPES)
    def reserved(self, who: int, want: int, shape: dict[str, Any], **scope: str) -> None:
        account = self.accounts[who]
        self.step("reserve", self.ask(account, want, want, shape, scope), account)

    @rule(who=WHO, want=WANTS, part=st.sampled_from([2, 100]), shape=SHAPES, **SCOPES)
    def reserved_what_there_is(self, who: int, want: int, part: int, shape: dict[str, Any], **scope: str) -> None:
        """Less will do."""
        account = self.accounts[who]
        self.step("reserve less", self.ask(account, want, want // part, shape, scope), account)

    @rule(who=WHO, wants=st.lists(WANTS, min_size=2, max_size=2), shape=SHAPES, **SCOPES)
    def reserved_several(self, who: int, wants: list[int], shape: dict[str, Any], **scope: str) -> None:
        account = self.accounts[who]
        for want in wants:
            self.step("reserve", self.ask(account, want, want, shape, scope), account)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK)
    def reserved_again(self, who: int, pick: int) -> None:
        """A retry of one that is held, was refused or charged; or its gateway slept, and takes a successor."""
        account, request = self.request(who, pick, lambda request: not (request.settlement or request.dead))
        if request:
            self.step("reserve again", account.reserve(request), account)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK, want=st.sampled_from([5, 60, 250, 1500]), all_of_it=st.booleans())
    def extended(self, who: int, pick: int, want: int, *, all_of_it: bool) -> None:
        account, request = self.request(who, pick, lambda request: not (request.done or request.dead))
        if request:
            self.step("extend", account.extend(request, want, want if all_of_it else 1), account)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK, charge=SIZES)
    def progressed(self, who: int, pick: int, charge: int) -> None:
        account, request = self.request(who, pick, lambda request: not (request.settlement or request.dead))
        if request:
            self.step("progress", account.progress(request, charge), account)

    def finish(self, who: int, pick: int, charge_of: Callable[[int], int]) -> None:
        account, request = self.request(who, pick, lambda request: request.open and not request.dead)
        if request and request.held:
            self.step("finish", account.finish(request, charge_of(request.held.amount)), account)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK, part=st.sampled_from([0, 1, 2]))
    def finished_below(self, who: int, pick: int, part: int) -> None:
        self.finish(who, pick, lambda held: held * part // 3)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK)
    def finished_at_the_hold(self, who: int, pick: int) -> None:
        self.finish(who, pick, lambda held: held)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK, more=st.sampled_from([1, 60, 400]))
    def finished_above(self, who: int, pick: int, more: int) -> None:
        self.finish(who, pick, lambda held: held + more)

    @rule(who=WHO, pick=PICK)
    def released(self, who: int, pick: int) -> None:
        """Give back what was not forwarded; or what was never answered, and may still arrive."""
        account, request = self.request(who, pick, lambda request: not (request.settlement or request.dead))
        if request:
            self.step("release", account.release(request), account)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK, part=st.sampled_from([1, 2, 2, 3]), deliver=MAYBE)
    def finished_and_settled(self, who: int, pick: int, part: int, *, deliver: bool) -> None:
        """What nearly every request does."""
        account, request = self.request(who, pick, lambda request: request.open and not request.dead)
        if request and request.held:
            self.step("finish", account.finish(request, request.held.amount * part // 2), account)
            self.step("settle", self.settle([(account, *account.owned(request))], deliver=deliver), account)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK, part=st.sampled_from([0, 1, 2, 3]), deliver=MAYBE)
    def slept(self, who: int, pick: int, part: int, *, deliver: bool) -> None:
        """A sweeper charges it as an orphan, and its owner turns up after all."""
        account, request = self.request(who, pick, lambda request: request.open and not request.dead)
        if request and request.held and request.request_id in account.gate.holds:
            self.step("sweep", self.sweep(account, {request.request_id}, deliver=deliver), account)
            self.step("finish", account.finish(request, request.held.amount * part // 2), account)
            self.step("settle", self.settle([(account, *account.owned(request))], deliver=deliver), account)

    @precondition(something_runs)
    @rule(who=WHO, pick=PICK)
    def killed(self, who: int, pick: int) -> None:
        """A gateway dies: what it held is found by others."""
        _, request = self.request(who, pick, lambda request: request.open and not request.dead)
        if request:
            request.dead = True

    @rule(who=WHO, pick=PICK)
    def delivered(self, who: int, pick: int) -> None:
        """A message arrives at last: late, twice, out of order."""
        account = self.accounts[who]
        self.step("deliver", account.deliver(-1 - pick % len(account.messages)), account)

    @rule(who=WHO, pick=PICK)
    def loaded(self, who: int, pick: int) -> None:
        """Somebody read the account a while ago, and loads that."""
        account = self.accounts[who]
        state, snapshot, _ = account.messages[-1 - pick % len(account.messages)]

        async def load() -> None:
            assert await self.real.load(state) == account.gate.load(snapshot)

        self.step("load", load(), account)

    @precondition(something_is_known)
    @rule(picks=st.lists(PICK, min_size=1, max_size=4), twice=st.booleans(), deliver=MAYBE)
    def settled(self, picks: list[int], *, twice: bool, deliver: bool) -> None:
        """Book a batch of what is finished, of any accounts, the first of it perhaps twice, known or not."""
        ready = [(a, r) for a in self.accounts for r in a.requests.values() if r.settlement]
        chosen = {id(r): (a, r) for a, r in (ready[-1 - pick % len(ready)] for pick in picks if ready)}.values()
        rows = [(account, *account.owned(request)) for account, request in chosen]
        if rows:
            self.step("settle", self.settle([*rows, *rows[:twice]], deliver=deliver), *self.accounts)

    async def settle(self, rows: list[tuple[Account, Row, bytes]], *, deliver: bool) -> None:
        """Book rows in one call; each account's answer is a message of its own."""
        states = {s.account_id: s for s in await self.real.lane.settle([text for _, _, text in rows])}
        for account in {id(account): account for account, _, _ in rows}.values():
            mine = [row for owner, row, _ in rows if owner is account]
            account.book.settle(mine)
            state = states[account.account_id]
            ids = [row.request_id for row in mine]
            await account.booked(AccountState(*state[:3]), ids, deliver=deliver)

    @precondition(something_is_left)
    @rule(who=WHO, pick=PICK, deliver=MAYBE)
    def adopted(self, who: int, pick: int, *, deliver: bool) -> None:
        """The journal of its gateway is read: the same id may be settled by its owner and by a sweep."""
        account, request = self.request(who, pick, lambda request: request.dead)
        if request:
            self.step("adopt", self.settle([(account, *account.adopted(request))], deliver=deliver), account)

    @precondition(something_is_held)
    @rule(who=WHO, picks=st.lists(PICK, min_size=1, max_size=3), deliver=MAYBE)
    def swept(self, who: int, picks: list[int], *, deliver: bool) -> None:
        """Deadlines pass, while the owner is dead or slow."""
        account = self.accounts[who]
        ids = sorted(account.gate.holds)
        due = {ids[pick % len(ids)] for pick in picks if ids}
        if due:
            self.step("sweep", self.sweep(account, due, deliver=deliver), account)

    async def sweep(self, account: Account, due: set[str], *, deliver: bool) -> None:
        for request_id in due:
            await self.real.gateway.due(account.account_id, request_id)
        assert await self.real.sweep() == due
        found = [await account.swept(request_id) for request_id in sorted(due)]
        if rows := [(account, *row) for row in found if row]:
            await self.settle(rows, deliver=deliver)

    @precondition(epoch_is_old)
    @precondition(something_is_held)
    @rule(how=st.sampled_from(["restarted", "restarted older", "flushed"]), pick=PICK)
    def redis_forgot(self, how: str, pick: int) -> None:
        """Redis comes back with its data, with older data, or with none; dead gateways were adopted before it opens."""
        self.step(f"redis {how}", self.forget(how, pick), *self.accounts)

    async def forget(self, how: str, pick: int) -> None:
        store = self.real.gateway.store
        left = [(a, r) for a in self.accounts for r in a.requests.values() if r.dead and r.open]
        if left:
            await self.settle([(account, *account.adopted(request)) for account, request in left], deliver=False)
        if how == "flushed":
            await store.call(b"FLUSHALL")
        await store.call(b"DEL", epoch_key(BUCKET))
        for account in self.accounts:
            account.gate.snapshot = None
            if how == "flushed":
                account.gate.forget()
            elif how == "restarted older" and account.gate.holds:
                request_id = sorted(account.gate.holds)[pick % len(account.gate.holds)]
                keys = keys_of(account.account_id)
                await store.call(b"HDEL", keys.holds, request_id)
                await store.call(b"ZREM", keys.deadlines, f"{account.account_id}:{request_id}")
                del account.gate.holds[request_id]
        await self.real.new_epoch(self.announce)
        self.since_epoch = 0

    async def announce(self, _: frozenset[int]) -> None:
        for account in self.accounts:
            await account.announce()

    def teardown(self) -> None:
        """Everybody comes to an end: then nothing is held, and Redis has what the ledger has."""
        if self.whole and self.accounts:
            type(self).run(self.end())

    async def end(self) -> None:
        for account in self.accounts:
            left = [request for request in account.requests.values() if request.open]
            rows = [(account, *account.adopted(request)) for request in left]
            if rows:
                await self.settle(rows, deliver=True)
            if account.gate.holds:
                await self.sweep(account, set(account.gate.holds), deliver=True)
            for place in range(len(account.messages)):
                await account.deliver(place)
            await self.real.gateway.admission.load(account.account_id)
            account.gate.load(account.book.snapshot())
            await account.check()
            assert account.gate.holds == {}
            self.taken["spend believed"] += account.believed
        assert await self.real.broken([account.account_id for account in self.accounts]) == {}
