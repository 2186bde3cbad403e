"""The ledger for people: accounts, keys, packs, balances, pages. The meter's own statements are in ledger.py.

    books.accounts   create, get, page, change
    books.members    create, get, page, change
    books.keys       create, get, page, change, rotate, revoke
    books.limits     page, set, forgive, forget_old
    books.packs      grant, get, page, change, revoke
    books.balances   read (with what Redis holds), posted (Postgres alone)
    books.resources  of (settings in single resources), change
    books.surplus    series
    books.allocations  read (per model, with what Redis holds)
    books.recurring  create, get, page, change, delete, grant_due
    books.pages      entries, events, refund
    books.usage      series, sums
    books.traces     of_request
    books.answers    keep, get, forget_old
    books.statements of_month
    books.seals      page
    books.trail      page, note
    books.features   create, get, all, change, add_rate, rates_of, rates_now
    books.prices     now, page, add, add_all
    books.estimates  of

Every change of an account returns its new AccountState: whoever changes it hands that to ``settler.push``, and
Redis admits by it from then on. All of them raise LedgerDownError; what the ledger can't take is ChangeRefusedError.
"""

from collections.abc import Mapping
from types import MappingProxyType

from config.settings import MeterSettings, ResourceSettings
from metering.books.accounts import Accounts
from metering.books.allocations import Allocations
from metering.books.answers import Answers
from metering.books.balances import Balances
from metering.books.estimates import Estimates
from metering.books.features import Features
from metering.books.keys import ApiKeys
from metering.books.limits import LimitBooks
from metering.books.members import Members
from metering.books.packs import Packs
from metering.books.pages import Pages
from metering.books.prices import Prices
from metering.books.recurring import Recurring
from metering.books.resources import Resources
from metering.books.seals import SealPages
from metering.books.statements import Statements
from metering.books.surplus import SurplusSeries
from metering.books.trace import Traces
from metering.books.trail import Trail
from metering.books.usage import Usage
from metering.ledger import Ledger

__all__ = ["Books"]


class Books:
    """Everything that people read and change."""

    def __init__(
        self,
        ledger: Ledger,
        settings: MeterSettings,
        resources: Mapping[str, ResourceSettings] = MappingProxyType({}),
    ) -> None:
        self.accounts = Accounts(ledger)
        self.members = Members(ledger)
        self.keys = ApiKeys(ledger)
        self.limits = LimitBooks(ledger)
        self.packs = Packs(ledger)
        self.balances = Balances(ledger, settings, resources)
        self.pages = Pages(ledger)
        self.usage = Usage(ledger)
        self.traces = Traces(ledger, self.pages, self.packs)
        self.answers = Answers(ledger, settings)
        self.statements = Statements(ledger)
        self.seals = SealPages(ledger)
        self.trail = Trail(ledger)
        self.resources = Resources(ledger, resources)
        self.surplus = SurplusSeries(ledger)
        self.allocations = Allocations(ledger, settings)
        self.recurring = Recurring(ledger)
        self.features = Features(ledger)
        self.prices = Prices(ledger)
        self.estimates = Estimates(ledger)
