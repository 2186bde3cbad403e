"""SHELL: the surplus of an account over time, exact: computed from the ledger's entries and not from samples."""

import datetime as dt

import msgspec

from metering.core.surplus import Moved, SurplusStep, steps_of
from metering.ledger import Ledger
from metering.queries import query

CHANGES_MAX = 1000
SECONDS_MAX = 60.0  # for a range of millions of entries


class SurplusChange(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One entry that moved the surplus and is no plain use; ``balance`` is the surplus after it."""

    at: str
    kind: str
    delta: int
    balance: int
    pack_id: str | None
    request_id: str | None


class Surplus(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """A series; amounts are integers in the resource. ``changes``: the newest 1,000; ``changes_cut``: more exist."""

    account_id: str
    resource: str
    time_zone: str
    step: str
    since: str
    until: str
    opening: int
    closing: int
    steps: list[SurplusStep]
    changes: list[SurplusChange]
    changes_cut: bool


class SurplusSeries:
    """The surplus pools of accounts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def series(
        self, account_id: str, resource: str, *, since: dt.datetime, until: dt.datetime, step: str
    ) -> Surplus | None:
        """Return the steps ("hour", "day", "month" of the account's time zone) between two moments.

        None: there is no such account. Raises LedgerDownError.
        """
        async with (
            self._ledger.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            place = await connection.fetchrow(query("surplus_place"), account_id, resource, since, until, step)
            if place is None:
                return None
            bounds = place["bounds"]
            rows = await connection.fetch(query("surplus_steps"), account_id, resource, bounds, timeout=SECONDS_MAX)
            changed = await connection.fetch(
                query("surplus_changes"), account_id, resource, since, until, CHANGES_MAX + 1, timeout=SECONDS_MAX
            )
        moved = [Moved(*row) for row in rows]
        opening, steps = steps_of([_text(one) for one in bounds], moved, surplus=place["surplus"])
        changes = [
            SurplusChange(
                at=at,
                kind=kind,
                delta=delta,
                balance=opening + running,
                pack_id=pack_id,
                request_id=request_id,
            )
            for at, kind, delta, running, pack_id, request_id, _, _ in changed[-CHANGES_MAX:]
        ]
        return Surplus(
            account_id=account_id,
            resource=resource,
            time_zone=place["time_zone"],
            step=step,
            since=_text(since),
            until=_text(until),
            opening=opening,
            closing=steps[-1].balance,
            steps=steps,
            changes=changes,
            changes_cut=len(changed) > CHANGES_MAX,
        )


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
