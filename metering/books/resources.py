"""SHELL: what an account may hold beside its unit, and its own settings in each of it."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

import msgspec

from config.resources import UNITS
from config.settings import ResourceSettings
from metering.ledger import AccountState, Ledger
from metering.queries import query


class AccountResource(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One resource; null in ``min_reserve`` or ``warning_threshold``: the configuration decides."""

    resource: str
    label: str
    min_reserve: int | None
    warning_threshold: int | None


class ResourceChanges(TypedDict, total=False):
    """What may be set in a resource of an account, in the resource; null gives it back to the configuration."""

    min_reserve: int | None
    warning_threshold: int | None


class Resources:
    """Settings of accounts in single resources."""

    def __init__(self, ledger: Ledger, resources: Mapping[str, ResourceSettings]) -> None:
        self._ledger = ledger
        self._resources = resources

    async def of(self, account_id: str) -> list[AccountResource] | None:
        """Return the account's unit and every configured resource; None: there is no such account."""
        rows = await self._ledger.rows("resources_of", account_id)
        if not rows:
            return None
        unit = rows[0]["unit"]
        own = {row["resource"]: (row["resource_min_reserve"], row["resource_warning_threshold"]) for row in rows}
        own[unit] = rows[0]["min_reserve"], rows[0]["warning_threshold"]
        labels = {unit: UNITS[unit]} | {name: resource.label for name, resource in self._resources.items()}
        return [_shown(name, label, own.get(name, (None, None))) for name, label in labels.items()]

    async def change(
        self, account_id: str, resource: str, **changes: Unpack[ResourceChanges]
    ) -> tuple[AccountResource, AccountState] | None:
        """Set what is given in a resource that is not the account's unit; None: there is no such account."""
        async with self._ledger.connection() as connection, connection.transaction():
            if not await connection.fetchval(query("account_lock"), account_id):
                return None
            values = changes.get("min_reserve"), changes.get("warning_threshold")
            await connection.execute(query("resource_change"), account_id, resource, list(changes), *values)
            await connection.execute(query("account_touch"), account_id)
            (row,) = await connection.fetch(query("snapshots"), [account_id])
        found = await self.of(account_id)
        assert found
        return next(one for one in found if one.resource == resource), AccountState(*row)


def _shown(name: str, label: str, own: tuple[int | None, int | None]) -> AccountResource:
    return AccountResource(resource=name, label=label, min_reserve=own[0], warning_threshold=own[1])
