"""SHELL: balances: what Postgres says an account has, and what Redis says of it is held.

The two move together: a settled request leaves the balance and its hold leaves `reserved` in one step of Redis, a
moment after Postgres booked it. So balance and reserved are both taken from Redis, at one version that is no older
than what Postgres had when the question came; what was granted a moment ago is in it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from config.resources import UNITS
from config.settings import MeterSettings, ResourceSettings
from metering.admission import Admission
from metering.ask import AccountView
from metering.books.records import Balance
from metering.core.standing import standing_of
from metering.ledger import Ledger

CREDITS = "credits"
# A snapshot is on its way to Redis for about a millisecond. After these rounds Postgres is believed alone.
ROUNDS = 10
ROUND_SECONDS = 0.005


class Posted(NamedTuple):
    """What Postgres says: amounts in the resource, settings null where the configuration decides."""

    account_id: str
    version: int
    resource: str
    unit: str
    min_reserve: int | None
    warning_threshold: int | None
    balance: int
    debt: int
    active: int
    unlimited: bool
    size: int


class Balances:
    """Balances of accounts, one resource each."""

    def __init__(
        self,
        ledger: Ledger,
        settings: MeterSettings,
        resources: Mapping[str, ResourceSettings] = MappingProxyType({}),
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._resources = resources

    async def posted(self, account_ids: Sequence[str], resource: str | None = None) -> dict[str, Posted]:
        """Return what Postgres says of those accounts that exist; by default of their own units."""
        rows = await self._ledger.rows("balances", list(account_ids), resource)
        return {row["account_id"]: Posted(*row) for row in rows}

    async def read(
        self, admission: Admission, account_ids: Sequence[str], resource: str | None = None
    ) -> dict[str, Balance]:
        """Return the balances of those accounts that exist. Raises MeterUnavailableError."""
        posted = await self.posted(account_ids, resource)
        views = await _views_of(admission, posted)
        return {account_id: self.balance_of(found, views[account_id]) for account_id, found in posted.items()}

    def balance_of(self, posted: Posted, view: AccountView | None) -> Balance:
        """Return the balance of an account. ``view`` None: nothing is known of holds, none are counted."""
        balance, version = posted.balance, posted.version
        if view is not None and view.version >= posted.version:
            balance, version = view.balance, view.version
        reserved = view.reserved if view else 0
        min_reserve = self._min_reserve_of(posted)
        standing = standing_of(
            balance=balance,
            min_reserve=min_reserve,
            warning_threshold=self._threshold_of(posted),
            size_total=posted.size,
            unlimited=posted.unlimited,
        )
        return Balance(
            balance=balance,
            reserved=reserved,
            available=balance - reserved,
            debt=posted.debt,
            min_reserve=min_reserve,
            warning_threshold=standing.warning_threshold,
            state=standing.state,
            critical=standing.critical,
            active_packs=posted.active,
            unit=posted.resource,
            resource=posted.resource,
            unlimited=posted.unlimited,
            version=version,
        )

    def _min_reserve_of(self, posted: Posted) -> int:
        """Return the minimum reserve in force: the account's own in this resource, else the configuration's."""
        if posted.min_reserve is not None:
            return posted.min_reserve
        resource = self._resources.get(posted.resource)
        if posted.resource in UNITS:
            return self._settings.min_reserve
        return resource.min_reserve if resource else 0

    def _threshold_of(self, posted: Posted) -> int | None:
        """Return the absolute threshold in force: the account's own in this resource, else the configuration's."""
        if posted.warning_threshold is not None:
            return posted.warning_threshold
        if posted.resource not in UNITS:
            resource = self._resources.get(posted.resource)
            return resource.warning_threshold if resource else None
        if posted.resource == CREDITS:
            return self._settings.credits_warning_threshold
        return self._settings.warning_threshold


async def _views_of(admission: Admission, posted: dict[str, Posted]) -> dict[str, AccountView]:
    """Return Redis's view of each account, waiting a little for those that are behind."""
    views: dict[str, AccountView] = {}
    behind = list(posted)
    for _ in range(ROUNDS):
        found = await asyncio.gather(*(admission.view(one, posted[one].resource) for one in behind))
        views.update(zip(behind, found, strict=True))
        behind = [one for one in behind if views[one].version < posted[one].version]
        if not behind:
            break
        await asyncio.sleep(ROUND_SECONDS)
    return views
