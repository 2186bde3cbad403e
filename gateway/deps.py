"""What handlers use: built in app.py, passed on as one frozen value."""

from dataclasses import dataclass

from aiohttp import web

from config.catalog import Catalog
from config.settings import Settings
from gateway.addresses import Addresses
from gateway.auth import Authenticator
from gateway.callers import Callers
from gateway.doors import Door
from gateway.effects import Effects
from gateway.forwarder import Forwarder
from gateway.importer import PriceImporter
from gateway.sessions import Sessions
from gateway.sign_ins import SignIns
from metering.admission import Admission
from metering.books import Books
from metering.books.writes import Writes
from metering.counter import TokenCounter
from metering.epochs import Epochs
from metering.ledger import Ledger
from metering.meter import Meter
from metering.reconciler import Reconciler
from metering.reservations import Reservations
from metering.settler import Settler
from metering.stores import Store
from metering.tariff import TariffKeeper


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The parts of one gateway process."""

    settings: Settings
    catalog: Catalog
    addresses: Addresses
    auth: Authenticator
    callers: Callers
    door: Door
    sessions: Sessions
    sign_ins: SignIns
    counter: TokenCounter
    meter: Meter
    forwarder: Forwarder
    tariff: TariffKeeper
    importer: PriceImporter
    ledger: Ledger
    books: Books
    writes: Writes
    effects: Effects
    store: Store
    epochs: Epochs
    admission: Admission
    settler: Settler
    reconciler: Reconciler
    reservations: Reservations


class Current:
    """The parts in force. A reload replaces them as a whole: whoever has begun with ``now`` goes on with it."""

    __slots__ = ("now",)

    def __init__(self, deps: Deps) -> None:
        self.now = deps


DEPS = web.AppKey("deps", Current)
