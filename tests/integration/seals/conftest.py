"""A ledger with accounts that have something to seal."""

from collections.abc import AsyncIterator

import pytest

from config.settings import MeterSettings, PostgresSettings
from metering.books import Books
from metering.ledger import Ledger
from tests.integration.booking import Booking


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    """A ledger."""
    ledger = Ledger(database_url, PostgresSettings())
    await ledger.start()
    yield ledger
    await ledger.stop()


@pytest.fixture
def books(ledger: Ledger) -> Books:
    """The books."""
    return Books(ledger, MeterSettings())


@pytest.fixture
async def booking(ledger: Ledger, books: Books) -> Booking:
    """An account without a pack."""
    account = await books.accounts.create(name="acme")
    return Booking(ledger, books, account.id)
