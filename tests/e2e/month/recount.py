"""A plain recount: what an account must show, added up from the rows of its ledger and nothing else.

The rows are those of ``/api/v1/ledger`` and ``/api/v1/events``, all pages, oldest first. It is written from DESIGN's
words and shares no line with the product.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

Row = dict[str, Any]
GRANTS = {"grant", "purchase", "auto_grant"}
USES = {"usage", "overdraft", "repay"}


@dataclass(frozen=True)
class Recount:
    """The rows of one account in one resource; ``owners``: each pack's member, None for the shared ones."""

    entries: list[Row]
    events: list[Row]
    owners: dict[str, str | None]

    @property
    def balance(self) -> int:
        """What is left: everything that moved it."""
        return sum(entry["delta"] for entry in self.entries)

    @property
    def running(self) -> list[int]:
        """The balance after each entry."""
        found, total = [], 0
        for entry in self.entries:
            total += entry["delta"]
            found.append(total)
        return found

    @property
    def books(self) -> Counter[str]:
        """What each book holds: every entry takes from one what it gives to another."""
        held: Counter[str] = Counter()
        for entry in self.entries:
            held[entry["from"]] -= entry["amount"]
            held[entry["to"]] += entry["amount"]
        return held

    @property
    def debt(self) -> int:
        """What was used and no pack has paid: the debt book owes it."""
        return -self.books["debt"]

    def remaining(self, pack_id: str) -> int:
        """What is left in a pack."""
        return self.books[f"pack:{pack_id}"]

    def surplus_move(self, entry: Row) -> int:
        """What an entry did to the shared packs less the debt."""
        return sum(
            sign * entry["amount"]
            for book, sign in ((entry["from"], -1), (entry["to"], 1))
            if book == "debt" or (book.startswith("pack:") and self.owners[book.removeprefix("pack:")] is None)
        )

    @property
    def surplus(self) -> list[int]:
        """The surplus after each entry."""
        found, total = [], 0
        for entry in self.entries:
            total += self.surplus_move(entry)
            found.append(total)
        return found

    @property
    def granted(self) -> int:
        """What came in."""
        return self._moved(lambda kind: kind in GRANTS)

    @property
    def used(self) -> int:
        """What requests took."""
        return -self._moved(lambda kind: kind in USES)

    @property
    def charged(self) -> int:
        """What requests were charged, as corrected."""
        return sum(event["charge"] for event in self.events)

    def of_kind(self, kind: str) -> int:
        """What the entries of one kind did to the balance."""
        return self._moved(lambda other: other == kind)

    def _moved(self, is_meant: Callable[[str], bool]) -> int:
        return sum(entry["delta"] for entry in self.entries if is_meant(entry["kind"]))

    def net(self, events: Iterable[Row]) -> int:
        """What these requests cost in the end: their charges less what was given back."""
        return sum(event["charge"] - self.refunded(event["request_id"]) for event in events)

    def of_request(self, request_id: str) -> list[Row]:
        """Return the entries of one request."""
        return [entry for entry in self.entries if entry["request_id"] == request_id]

    def refunded(self, request_id: str) -> int:
        """What was given back of one request."""
        return sum(entry["amount"] for entry in self.of_request(request_id) if entry["kind"] == "refund")

    def pools_of(self, event: Row) -> tuple[str, int, int]:
        """Which pool paid for a request, and how much of each, by the packs that its entries drew on."""
        drawn = [e for e in self.of_request(event["request_id"]) if e["kind"] in {"usage", "overdraft", "correction"}]
        moved = [(e["pack_id"], e["amount"] if e["to"] == "usage" else -e["amount"]) for e in drawn]
        own = sum(amount for pack, amount in moved if pack and self.owners[pack] is not None)
        shared = sum(amount for _, amount in moved) - own
        return ("hybrid" if own and shared else "allocated" if own else "surplus"), own, shared

    def after(self, event: Row, packs: Iterable[str]) -> int:
        """What was left in these packs right after a request."""
        places = [n for n, entry in enumerate(self.entries) if entry["request_id"] == event["request_id"]]
        first = [n for n in places if self.entries[n]["version"] == self.entries[places[0]]["version"]]
        return sum(Recount(self.entries[: first[-1] + 1], [], self.owners).remaining(pack) for pack in packs)


@dataclass(frozen=True)
class Price:
    """What one of each costs; parts of the prompt that were cached have a price of their own."""

    prompt: Fraction = Fraction(1)
    cached: Fraction = Fraction(1)
    completion: Fraction = Fraction(1)

    def charge(self, event: Row) -> int:
        """Return what a request costs: rounded up, once."""
        fresh = event["prompt_tokens"] - event["cached_tokens"]
        return ceil(
            fresh * self.prompt + event["cached_tokens"] * self.cached + event["completion_tokens"] * self.completion
        )

    def input_of(self, event: Row) -> int:
        """Return what of the charge the input cost; where nothing was answered, all of it."""
        if not event["completion_tokens"]:
            return int(event["charge"])
        return min(event["charge"], self.charge({**event, "completion_tokens": 0}))


def mixes_of(events: Iterable[Row]) -> dict[str, Counter[str]]:
    """Return requests, charge and tokens by model."""
    found: dict[str, Counter[str]] = {}
    for event in events:
        mix = found.setdefault(event["model"], Counter())
        mix["requests"] += 1
        for name in ("charge", "prompt_tokens", "cached_tokens", "completion_tokens"):
            mix[name] += event[name]
    return found
