"""SHELL: accounts."""

from typing import TypedDict, Unpack

import msgspec

from metering.books.errors import ChangeRefusedError
from metering.books.records import Account
from metering.ids import new_id
from metering.ledger import AccountState, Ledger, LedgerRefusedError
from metering.queries import query

# What changes how requests are admitted or charged: such a change is a new version of the account.
MONEY_SETTINGS = frozenset({"min_reserve", "warning_threshold", "floor", "clamp", "orphan", "status", "time_zone"})
COLUMNS = (
    "name",
    "email",
    "plan",
    "domain",
    "time_zone",
    "min_reserve",
    "warning_threshold",
    "floor",
    "clamp",
    "orphan",
    "status",
    "replay",
)


class AccountChanges(TypedDict, total=False):
    """What may be set in an account; amounts in its unit, null gives a setting back to the configuration."""

    name: str
    email: str | None
    plan: str | None
    domain: str | None
    time_zone: str
    min_reserve: int | None
    warning_threshold: int | None
    floor: str | None
    clamp: str | None
    orphan: str | None
    status: str
    replay: bool


class Accounts:
    """Create, list, read, change."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def create(self, *, unit: str = "tokens", **settings: Unpack[AccountChanges]) -> Account:
        """Return a new account, active and empty. Raises ChangeRefusedError, LedgerDownError."""
        account_id = new_id()
        zone = settings.get("time_zone", "UTC")
        await self._check_zone(zone)
        head = [settings.get(name) for name in ("name", "email", "plan", "domain")]
        tail = [settings.get(name) for name in COLUMNS[5:10]]
        await self._ledger.rows("account_add", account_id, *head, unit, zone, *tail, settings.get("replay", False))
        account = await self.get(account_id)
        assert account
        return account

    async def get(self, account_id: str) -> Account | None:
        """Return an account, or None."""
        rows = await self._ledger.rows("account_get", account_id)
        return Account(*rows[0]) if rows else None

    async def exists(self, account_id: str) -> bool:
        """Return whether there is such an account."""
        return bool(await self._ledger.value("account_exists", account_id))

    async def page(self, *, limit: int, before: str | None, search: str | None = None) -> list[Account]:
        """Return at most ``limit`` accounts, newest first, older than the id ``before``.

        ``search``: only those with it in their name or e-mail, or at the beginning of their id; case does not matter.
        """
        if search is None:
            return [Account(*row) for row in await self._ledger.rows("accounts_page", before, limit)]
        return [Account(*row) for row in await self._ledger.rows("accounts_search", before, limit, search)]

    async def change(
        self, account_id: str, **changes: Unpack[AccountChanges]
    ) -> tuple[Account, AccountState | None] | None:
        """Change settings; return the account, and its state for Redis when money settings changed.

        None: there is no such account. Raises ChangeRefusedError, LedgerDownError.
        """
        if "time_zone" in changes:
            await self._check_zone(changes["time_zone"])
        state = None
        async with self._ledger.connection() as connection, connection.transaction():
            if not await connection.fetchval(query("account_lock"), account_id):
                return None
            values = [changes.get(column) for column in COLUMNS]
            if changes:
                await connection.execute(query("account_change"), account_id, list(changes), *values)
            if changes.get("replay") is False:
                await connection.execute(query("answers_drop"), account_id)
            if MONEY_SETTINGS & changes.keys():
                await connection.execute(query("account_touch"), account_id)
                rows = await connection.fetch(query("snapshots"), [account_id])
                state = AccountState(*rows[0])
            row = await connection.fetchrow(query("account_get"), account_id)
        assert row
        return Account(*row), state

    async def newest(self, limit: int) -> list[str]:
        """Return the ids of the accounts with the newest activity."""
        return [row[0] for row in await self._ledger.rows("newest_accounts", limit)]

    async def _check_zone(self, zone: str) -> None:
        try:
            await self._ledger.value("time_zone_check", zone)
        except LedgerRefusedError as error:
            raise ChangeRefusedError(
                f"There is no time zone {msgspec.json.encode(zone).decode()}; write one like Europe/Berlin or UTC.",
                "time_zone",
            ) from error
