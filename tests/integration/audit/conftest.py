"""An account whose ledger has one of everything, and the parts that an audit looks at."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from config.settings import MeterSettings, PostgresSettings, Settings
from metering.books import Books
from metering.ledger import Ledger
from tests.integration.booking import Booking
from tests.integration.metering.parts import Gateway


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    """A ledger."""
    ledger = Ledger(database_url, PostgresSettings())
    await ledger.start()
    yield ledger
    await ledger.stop()


@pytest.fixture
async def booking(ledger: Ledger) -> Booking:
    """An account without a pack."""
    books = Books(ledger, MeterSettings())
    account = await books.accounts.create(name="acme")
    return Booking(ledger, books, account.id)


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """A meter with its own Redis."""
    gateway = Gateway(replace(settings, redis=replace(settings.redis, barrier_seconds=0.1)))
    await gateway.start()
    yield gateway
    await gateway.stop()
