"""SHELL: limits of accounts, members and models, and a look at everybody's. Those of keys are changed in keys.py."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from metering.books.errors import ChangeRefusedError
from metering.books.keys import Mine
from metering.core.limits import SPEND, Limit, Scope
from metering.ledger import AccountState, Ledger
from metering.queries import query


class LimitRow(NamedTuple):
    """What somebody may use; ``subject`` is empty for the account itself."""

    scope: Scope
    subject: str
    limits: dict[Limit, int]


class LimitBooks:
    """Set, look, forgive. Every change is a new version of the account, so that Redis asks for spend again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def page(  # noqa: PLR0913 - what a page is narrowed to
        self,
        account_id: str,
        *,
        limit: int,
        after: tuple[str, str] = ("", ""),
        scope: str | None = None,
        subject: str | None = None,
        mine: Mine | None = None,
    ) -> list[LimitRow]:
        """Return at most ``limit`` of an account's limits, by scope and subject, behind the place ``after``."""
        user_id, key_id = mine or (None, None)
        rows = await self._ledger.rows(
            "limits_page", account_id, *after, scope, subject, mine is not None, user_id, key_id, limit
        )
        return [LimitRow(Scope(row[0]), row[1], msgspec.json.decode(row[2], type=dict[Limit, int])) for row in rows]

    async def set(self, account_id: str, scope: Scope, subject: str, limits: Mapping[str, int]) -> AccountState | None:
        """Replace the limits of an account, a member or a model; none: it has no limits any more.

        None: there is no such account.
        """
        assert scope is not Scope.KEY
        async with self._ledger.connection() as connection, connection.transaction():
            if not await connection.fetchval(query("account_lock"), account_id):
                return None
            if limits:
                text = msgspec.json.encode(dict(limits)).decode()
                await connection.execute(query("limits_set"), account_id, scope.value, subject, text)
            else:
                await connection.execute(query("limits_drop"), account_id, scope.value, subject)
            await connection.execute(query("account_touch"), account_id)
            rows = await connection.fetch(query("snapshots"), [account_id])
        return AccountState(*rows[0])

    async def forgive(self, account_id: str, scope: Scope, subject: str, names: Iterable[Limit]) -> AccountState:
        """Let what was spent count no longer. Raises ChangeRefusedError: there is no such limit."""
        found = await self.page(account_id, limit=1, scope=scope, subject=subject)
        wanted = frozenset(names)
        if not found or not wanted <= found[0].limits.keys():
            raise ChangeRefusedError("There is no such limit; GET …/limits shows those that are set.", "limits")
        async with self._ledger.connection() as connection, connection.transaction():
            await connection.fetchval(query("account_lock"), account_id)
            if wanted & SPEND:
                flags = Limit.DAY in wanted, Limit.MONTH in wanted
                await connection.execute(query("spend_forgive"), account_id, scope.value, subject, *flags)
            await connection.execute(query("account_touch"), account_id)
            rows = await connection.fetch(query("snapshots"), [account_id])
        return AccountState(*rows[0])

    async def forget_old(self) -> None:
        """Drop the sums of months that are long over."""
        await self._ledger.rows("spend_forget")
