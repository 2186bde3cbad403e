"""The pages, where they are, and who looks at them."""

from dataclasses import dataclass
from typing import Literal

from tests.browser.people import Firm, Guest


@dataclass(frozen=True, slots=True)
class Place:
    """A page. ``of``: an account's own people, or the platform's admin."""

    name: str
    path: str
    title: str
    of: Literal["account", "platform"] = "account"

    def guest(self, firm: Firm, platform: Guest) -> Guest:
        """Return who looks at it."""
        return firm.guest("ada") if self.of == "account" else platform

    def path_in(self, firm: Firm) -> str:
        """Return its address, below /dashboard."""
        return self.path.format(account=firm.id, request=firm.request)


OF_ACCOUNT = [
    Place("overview", "", "Overview"),
    Place("packs", "packs", "Packs"),
    Place("usage", "usage", "Usage"),
    Place("ledger", "ledger", "Transaction History"),
    Place("request", "ledger/{request}", "Request"),
    Place("allocations", "allocations", "Allocations"),
    Place("pricing", "pricing", "Pricing"),
    Place("keys", "keys", "Keys"),
    Place("members", "members", "Members"),
    Place("playground", "playground", "Playground"),
]
OF_PLATFORM = [
    Place("accounts", "admin/accounts", "Accounts", "platform"),
    Place("account-packs", "admin/accounts/{account}/packs", "Packs", "platform"),
    Place("account-overview", "admin/accounts/{account}/overview", "Overview", "platform"),
    Place("models", "admin/models", "Models", "platform"),
    Place("features", "admin/features", "Features", "platform"),
    Place("prices", "admin/prices", "Prices", "platform"),
    Place("audit-trail", "admin/audit-trail", "Audit trail", "platform"),
    Place("proof", "admin/proof", "Proof", "platform"),
]
PLACES = [*OF_ACCOUNT, *OF_PLATFORM]
NAMES = [place.name for place in PLACES]
