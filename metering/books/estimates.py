"""SHELL: what accounts have used lately, for estimates of how far their balance goes."""

import asyncio
import datetime as dt
from typing import NamedTuple

from metering.core.estimate import Mix
from metering.ledger import Ledger

MIX_DAYS = 30
CACHE_SECONDS = 60.0  # a month of a busy account is many rows, and an estimate is not more exact for being asked again
CACHE_MAX = 1000


class Lately(NamedTuple):
    """Use by model over 30 days; what was charged in the last day and week; seconds since the week's first charge."""

    since: dt.datetime
    mixes: list[Mix]
    last_day: int
    last_week: int
    age_seconds: int | None


class Estimates:
    """Reads use, and remembers it for a minute."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[tuple[str, str | None, str], tuple[float, Lately]] = {}

    async def of(self, account_id: str, user_id: str | None, resource: str) -> Lately:
        """Return what an account, or one member of it, has used of a resource lately. Raises LedgerDownError."""
        key, now = (account_id, user_id, resource), asyncio.get_running_loop().time()
        at, lately = self._known.get(key, (0.0, None))
        if lately is None or now - at > CACHE_SECONDS:
            lately = await self._read(account_id, user_id, resource)
            if len(self._known) >= CACHE_MAX:
                self._known.clear()
            self._known[key] = now, lately
        return lately

    async def _read(self, account_id: str, user_id: str | None, resource: str) -> Lately:
        now = dt.datetime.now(dt.UTC)
        since, week, day = (now - dt.timedelta(days=days) for days in (MIX_DAYS, 7, 1))
        rows = await self._ledger.rows("usage_mix", account_id, user_id, resource, since)
        (spent,) = await self._ledger.rows("usage_spent", account_id, resource, day, week)
        mixes = [
            Mix(
                model=row["model"],
                requests=row["requests"],
                charge=row["charge"],
                prompt_tokens=row["prompt_tokens"],
                cached_tokens=row["cached_tokens"],
                completion_tokens=row["completion_tokens"],
            )
            for row in rows
        ]
        return Lately(since, mixes, spent["newest"], spent["all_of_it"], spent["seconds"])
