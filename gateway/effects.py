"""What a change in the ledger must be followed by: Redis and the caches of this gateway hear of it."""

from collections.abc import Iterable
from contextlib import suppress

from gateway.auth import Authenticator
from metering.errors import LedgerDownError
from metering.ledger import AccountState
from metering.settler import Settler
from metering.tariff import TariffKeeper


class Effects:
    """Each at once: the change is committed."""

    def __init__(self, settler: Settler, auth: Authenticator, tariff: TariffKeeper) -> None:
        self._settler = settler
        self._auth = auth
        self._tariff = tariff

    async def push(self, state: AccountState) -> None:
        """Hand an account's new state to Redis."""
        await self._settler.push(state)

    async def changed(self, digests: Iterable[bytes]) -> None:
        """Take the new records of API keys."""
        await self._auth.changed(digests)

    async def tariffs(self) -> None:
        """Charge by the prices and rates that hold now."""
        with suppress(LedgerDownError):  # it was there a moment ago; the change is made, and the next refresh sees it
            await self._tariff.reload()


class LaterEffects(Effects):
    """All of them when the change is committed: nobody may hear of what may yet be undone."""

    def __init__(self) -> None:
        self.states: list[AccountState] = []
        self._digests: list[bytes] = []
        self._tariffs = False

    async def push(self, state: AccountState) -> None:
        """Note it."""
        self.states.append(state)

    async def changed(self, digests: Iterable[bytes]) -> None:
        """Note it."""
        self._digests.extend(digests)

    async def tariffs(self) -> None:
        """Note it."""
        self._tariffs = True

    async def happen(self, effects: Effects) -> None:
        """Do everything that was noted."""
        await effects.changed(self._digests)
        for state in self.states:
            await effects.push(state)
        if self._tariffs:
            await effects.tariffs()
