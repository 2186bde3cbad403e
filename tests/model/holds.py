"""One account in Redis, as DESIGN 3.1, 3.2 and 3.5 state it: a snapshot that may be old, and the open holds."""

from dataclasses import dataclass, field, replace

from metering.errors import Refusal
from tests.model.ledger import Pack, Snapshot
from tests.model.limits import Rules, tags_of

TOMBSTONE = "T"


@dataclass(slots=True)
class Held:
    """A hold: open (R, an upper bound), settling (S, exact) or refused (T)."""

    state: str
    amount: int
    at: int
    resource: str
    user: str
    model: str
    split: dict[str, int] = field(default_factory=dict[str, int])  # by pack, in the order in which it was laid
    over: int = 0  # held on the account itself
    progress: int = 0


@dataclass(slots=True, frozen=True)
class Granted:
    """What was held, and what is available after it."""

    amount: int
    split: dict[str, int]
    available: int


class Gate:
    """Admission control of one account."""

    def __init__(self) -> None:
        self.holds: dict[str, Held] = {}
        self.snapshot: Snapshot | None = None
        self.heard = 0  # the highest version heard of

    def forget(self) -> None:
        """Lose everything."""
        self.__init__()  # type: ignore[misc]  # that is what forgetting is

    # What is there.

    def held_on(self, pack_id: str) -> int:
        return sum(held.split.get(pack_id, 0) for held in self.holds.values())

    def _known(self) -> Snapshot:
        assert self.snapshot
        return self.snapshot

    def balance(self, resource: str, now: int) -> int:
        packs = (p.left for p in self._known().packs if p.resource == resource and p.live(now))
        return sum(packs) - self._known().debts.get(resource, 0)

    def reserved(self, resource: str, now: int) -> int:
        """Return what is held; a pack that has expired pays itself for what is held on it."""
        gone = {pack.pack_id for pack in self._known().packs if not pack.live(now)}
        return sum(
            held.over + sum(part for pack, part in held.split.items() if pack not in gone)
            for held in self.holds.values()
            if held.resource == resource
        )

    def unsettled(self) -> int:
        return sum(held.amount for held in self.holds.values() if held.state == "S")

    def open_holds(self) -> int:
        return sum(held.state != TOMBSTONE for held in self.holds.values())

    def _min_reserve(self, resource: str) -> int:
        """Return what an account of tokens has set: it holds for these alone."""
        return (self._known().min_reserve or 0) if resource == "tokens" else 0

    def running(self, tag: str) -> int:
        """Return how many holds are open that count for somebody."""
        return sum(held.state == "R" and tag in tags_of(held.user, held.model) for held in self.holds.values())

    def _fitting(self, resource: str, user: str, model: str, at: int) -> list[Pack]:
        return [pack for pack in self._known().packs if pack.fits(resource, user, model) and pack.live(at)]

    def _free(self, pack: Pack) -> int:
        return max(0, pack.left - self.held_on(pack.pack_id))

    def _lay(self, fitting: list[Pack], amount: int) -> dict[str, int]:
        """Lay an amount on finite packs in burn-down order, each less what is held on it."""
        parts: dict[str, int] = {}
        for pack in fitting:
            take = 0 if pack.unlimited else min(amount - sum(parts.values()), self._free(pack))
            if take > 0:
                parts[pack.pack_id] = take
        return parts

    # What is asked.

    def reserve(self, request_id: str, ask: Held, least: int, now: int, at_once: Rules) -> Granted | Refusal | None:
        """Hold ``ask.amount`` or down to ``least``; None: the id is taken or refused. ``at_once`` is asked last."""
        known = dict(self.holds)
        answer = self._reserve(request_id, ask, least, now)
        tags = tags_of(ask.user, ask.model) if isinstance(answer, Granted) else set()
        self.holds, after = known, self.holds
        if any(tag in tags and self.running(tag) >= most for tag, most in at_once.items()):
            return Refusal.RATE_LIMIT_EXCEEDED
        self.holds = after
        return answer

    def _reserve(self, request_id: str, ask: Held, least: int, now: int) -> Granted | Refusal | None:
        if request_id in self.holds:
            return None
        fitting = self._fitting(ask.resource, ask.user, ask.model, now)
        if not fitting:
            return Refusal.NO_ACTIVE_PACK
        granted = ask.amount
        if not any(pack.unlimited for pack in fitting):
            minimum, keep = self._min_reserve(ask.resource), self._known().floor == "keep"
            balance, reserved = self.balance(ask.resource, now), self.reserved(ask.resource, now)
            if balance < max(minimum, 1):
                return Refusal.MIN_RESERVE_REACHED
            floor = minimum if keep else 0

            def room(available: int, packs: int) -> int:
                enough = available >= minimum
                return min(available - floor, packs) if enough else -1

            granted = min(granted, room(balance - reserved, sum(map(self._free, fitting))))
            if granted < least:
                if keep and balance - floor < least:
                    return Refusal.MIN_RESERVE_REACHED
                alone = room(balance, sum(pack.left for pack in fitting))
                return Refusal.INSUFFICIENT_BALANCE if alone < least else Refusal.BALANCE_HELD
        split = self._lay(fitting, granted)
        self.holds[request_id] = replace(ask, state="R", amount=granted, split=split)
        return Granted(granted, split, self.balance(ask.resource, now) - self.reserved(ask.resource, now))

    def extend(self, request_id: str, want: int, least: int, now: int) -> int | None:
        """Grow an open hold to ``want``, or as far as at least ``least``; its new total, None when refused."""
        held = self.holds.get(request_id)
        if held is None or held.state != "R":
            return None
        if held.amount >= want:
            return held.amount
        fitting = self._fitting(held.resource, held.user, held.model, now)
        total = want
        if not any(pack.unlimited for pack in fitting):
            keep = self._known().floor == "keep"
            floor = self._min_reserve(held.resource) if keep else 0
            available = self.balance(held.resource, now) - self.reserved(held.resource, now)
            room = min(available - floor, sum(map(self._free, fitting)))
            total = min(want, held.amount + max(0, room))
            if total < least or total <= held.amount:
                return None
        for pack, part in self._lay(fitting, total - held.amount).items():
            held.split[pack] = held.split.get(pack, 0) + part
        held.amount = total
        return total

    def progress(self, request_id: str, charge: int) -> bool:
        """Note how far a stream has come; False: its hold is gone."""
        held = self.holds.get(request_id)
        if held is None or held.state == TOMBSTONE:
            return False
        if held.state == "R":
            held.progress = max(held.progress, charge)
        return True

    def finish(self, request_id: str, charge: int) -> int:
        """Make the hold exact. 1 done, 2 done before, 0 no hold, -4 another charge before."""
        held = self.holds.get(request_id)
        if held is None or held.state == TOMBSTONE:
            return 0
        if held.state == "S":
            return 2 if held.amount == charge else -4
        above = charge > held.amount
        held.state, held.amount, held.split = "S", charge, _head(held.split, charge)
        rest = charge - sum(held.split.values())
        if above and rest:
            fitting = self._fitting(held.resource, held.user, held.model, held.at) if self.snapshot else []
            for pack, part in self._lay(fitting, rest).items():
                held.split[pack] = held.split.get(pack, 0) + part
            if not any(pack.unlimited for pack in fitting):
                held.over = charge - sum(held.split.values())
        return 1

    def release(self, request_id: str, now: int) -> None:
        """Give back what was never forwarded; an unknown id is refused from now on."""
        held = self.holds.get(request_id)
        if held is None:
            self.holds[request_id] = Held(TOMBSTONE, 0, now, "", "", "")
        elif held.state == "R":
            del self.holds[request_id]

    def announce(self, request_id: str, told: Held) -> None:
        """Take a hold back from its owner, unless what is known is no smaller."""
        known = self.holds.get(request_id)
        if known and (known.state in "ST" or (told.state == "R" and known.amount >= told.amount)):
            return
        self.holds.pop(request_id, None)
        if told.state == "S":
            told.split = _head(told.split, told.amount)
            told.over = told.amount - sum(told.split.values())
        self.holds[request_id] = told

    def apply(self, snapshot: Snapshot, request_ids: list[str]) -> None:
        """Drop what is booked, and take the snapshot if it is newer."""
        for request_id in request_ids:
            self.holds.pop(request_id, None)
        self.heard = max(self.heard, snapshot.version)
        if self.snapshot and snapshot.version > self.snapshot.version:
            self.snapshot = snapshot

    def load(self, snapshot: Snapshot) -> int:
        """Take an account in. 1 done, 0 nothing newer, -2 older than what was heard of."""
        if snapshot.version < self.heard:
            return -2
        if self.snapshot and self.snapshot.version >= snapshot.version:
            return 0
        self.snapshot, self.heard = snapshot, snapshot.version
        return 1


def _head(split: dict[str, int], amount: int) -> dict[str, int]:
    """Return the head of a split that makes up an amount."""
    head: dict[str, int] = {}
    for pack, part in split.items():
        take = min(part, amount - sum(head.values()))
        if take > 0:
            head[pack] = take
    return head
