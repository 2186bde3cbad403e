"""What a change in the ledger must be followed by: Redis and the caches of this gateway hear of it."""

from collections.abc import Iterable
from contextlib import suppress

from gateway.auth import Authenticator
from metering.core.limits import Limit
from metering.errors import LedgerDownError
from metering.ledger import AccountState
from metering.settler import Settler
from metering.spends import Spends
from metering.tariff import TariffKeeper


class Effects:
    """Each at once: the change is committed."""

    def __init__(self, settler: Settler, auth: Authenticator, tariff: TariffKeeper, spends: Spends) -> None:
        self._settler = settler
        self._auth = auth
        self._tariff = tariff
        self._spends = spends

    async def push(self, state: AccountState) -> None:
        """Hand an account's new state to Redis."""
        await self._settler.push(state)

    async def changed(self, digests: Iterable[bytes]) -> None:
        """Take the new records of API keys."""
        await self._auth.changed(digests)

    async def account_changed(self, account_id: str) -> None:
        """Ask anew for what the keys of an account have to obey."""
        await self._auth.account_changed(account_id)

    async def begin_again(self, account_id: str, tag: str, names: frozenset[Limit]) -> None:
        """Let the minute of a limit begin again."""
        await self._spends.begin_again(account_id, tag, names)

    async def tariffs(self) -> None:
        """Charge by the prices and rates that hold now."""
        with suppress(LedgerDownError):  # it was there a moment ago; the change is made, and the next refresh sees it
            await self._tariff.reload()


class LaterEffects(Effects):
    """All of them when the change is committed: nobody may hear of what may yet be undone."""

    def __init__(self) -> None:
        self.states: list[AccountState] = []
        self._digests: list[bytes] = []
        self._accounts: list[str] = []
        self._begun: list[tuple[str, str, frozenset[Limit]]] = []
        self._tariffs = False

    async def push(self, state: AccountState) -> None:
        """Note it."""
        self.states.append(state)

    async def changed(self, digests: Iterable[bytes]) -> None:
        """Note it."""
        self._digests.extend(digests)

    async def account_changed(self, account_id: str) -> None:
        """Note it."""
        self._accounts.append(account_id)

    async def begin_again(self, account_id: str, tag: str, names: frozenset[Limit]) -> None:
        """Note it."""
        self._begun.append((account_id, tag, names))

    async def tariffs(self) -> None:
        """Note it."""
        self._tariffs = True

    async def happen(self, effects: Effects) -> None:
        """Do everything that was noted."""
        await effects.changed(self._digests)
        for account_id in self._accounts:
            await effects.account_changed(account_id)
        for state in self.states:
            await effects.push(state)
        for begun in self._begun:
            await effects.begin_again(*begun)
        if self._tariffs:
            await effects.tariffs()
