"""What a member may spend on a model, now and after each of the last requests (seed 002, allocations)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

NO_MODEL = "-"
"""The model of a use that called none: only packs for any model fit it."""


class Lot(NamedTuple):
    """A pack as its allocations need it; times are microseconds since 1970. ``remaining`` None: unlimited."""

    id: str
    size: int | None
    remaining: int | None
    unlimited: bool
    user_id: str | None
    models: Sequence[str] | None
    granted_at: int
    expires_at: int | None
    closed_at: int | None

    def fits(self, model: str, user_id: str | None, *, anybody: bool = False) -> bool:
        """Return whether a member (``anybody``: any at all) may use it for a model."""
        return (anybody or self.user_id in {None, user_id}) and (self.models is None or model in self.models)

    def live(self, at: int) -> bool:
        """Return whether it was granted, not expired and not withdrawn at this time."""
        return (
            self.granted_at <= at
            and (self.expires_at is None or self.expires_at > at)
            and (self.closed_at is None or self.closed_at > at)
        )


class Allocation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What may be spent on one model. ``remaining`` of ``size`` is the progress bar; expiry in microseconds.

    Unlimited: ``available`` is 0 and says nothing. Else it is what a request would be admitted for: less than
    ``remaining`` where holds are open, debt is due, or the minimum reserve is in the way.
    """

    model: str
    available: int
    unlimited: bool
    size: int
    remaining: int
    expires_at: int | None


class Purse(NamedTuple):
    """How an account stands, as admission sees it: nothing is spent below ``min_reserve``."""

    balance: int
    available: int
    min_reserve: int
    keep: bool

    @property
    def room(self) -> int:
        """The most that any request may be admitted for."""
        if self.balance < max(self.min_reserve, 1) or self.available < self.min_reserve:
            return 0
        return max(0, self.available - self.min_reserve if self.keep else self.available)


def allocation_of(  # noqa: PLR0913 - what an allocation is made of
    model: str,
    lots: Iterable[Lot],
    held: Mapping[str, int],
    purse: Purse,
    *,
    user_id: str | None,
    anybody: bool,
    at: int,
) -> Allocation:
    """Return what a member may spend on a model; ``anybody``: what all members together may.

    ``size`` counts depleted packs too, as the warning threshold does. The expiry is the earliest of what remains.
    """
    fitting = [lot for lot in lots if lot.live(at) and lot.fits(model, user_id, anybody=anybody)]
    unlimited = any(lot.unlimited for lot in fitting)
    free = sum(max(0, (lot.remaining or 0) - held.get(lot.id, 0)) for lot in fitting)
    ends = [lot.expires_at for lot in fitting if lot.expires_at is not None and (lot.unlimited or lot.remaining)]
    return Allocation(
        model=model,
        available=0 if unlimited else min(free, purse.room),
        unlimited=unlimited,
        size=sum(lot.size or 0 for lot in fitting),
        remaining=sum(lot.remaining or 0 for lot in fitting),
        expires_at=min(ends, default=None),
    )


class Use(NamedTuple):
    """One request, as booked: its account's version, and its place in it (0: it moved nothing)."""

    request_id: str
    version: int
    seq: int
    user_id: str | None
    model: str
    at: int


class Move(NamedTuple):
    """What one entry did to a pack, if to any."""

    version: int
    seq: int
    pack_id: str | None
    request_id: str | None
    amount: int


def places_of(moves: Iterable[Move]) -> dict[tuple[str | None, int], int]:
    """Return the last place of each request in each version."""
    places: dict[tuple[str | None, int], int] = {}
    for move in moves:
        place = move.request_id, move.version
        places[place] = max(places.get(place, 0), move.seq)
    return places


def remains_after(
    uses: Sequence[Use], lots: Sequence[Lot], moves: Sequence[Move], *, reaches: bool
) -> dict[str, int | None]:
    """Return what the packs that fitted each request held after it; None: they have an unlimited one, or unknown.

    ``lots`` as they are now, ``moves`` newest first: undone one by one. ``reaches``: they go back to the oldest use; if
    not, what lies before the last of them is not known.
    """
    remaining = {lot.id: lot.remaining or 0 for lot in lots}
    found: dict[str, int | None] = {}
    index = 0
    for use in sorted(uses, key=lambda one: (one.version, one.seq), reverse=True):
        while index < len(moves) and (moves[index].version, moves[index].seq) > (use.version, use.seq):
            move = moves[index]
            if move.pack_id in remaining:
                remaining[move.pack_id] -= move.amount
            index += 1
        fitting = [lot for lot in lots if lot.live(use.at) and lot.fits(use.model, use.user_id)]
        unknown = index == len(moves) and not reaches
        if unknown or any(lot.unlimited for lot in fitting):
            found[use.request_id] = None
        else:
            found[use.request_id] = sum(remaining[lot.id] for lot in fitting)
    return found
