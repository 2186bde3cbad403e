"""A started meter, and the ledger beside it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from config.settings import Settings
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, Launch


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[Book]:
    connection = await asyncpg.connect(database_url)
    yield Book(connection)
    await connection.close()


@pytest.fixture
async def launch(settings: Settings) -> AsyncIterator[Launch]:
    """A function that starts a gateway; its arguments change the meter's settings."""
    running: list[Gateway] = []

    async def begin(*, redis: dict[str, Any] | None = None, **meter: Any) -> Gateway:
        changed = replace(
            settings,
            meter=replace(settings.meter, **meter),
            # Shorter than an operator may set it: what is waited for is the same.
            redis=replace(settings.redis, **{"barrier_seconds": 0.1, **(redis or {})}),
        )
        gateway = Gateway(changed)
        await gateway.start()
        running.append(gateway)
        return gateway

    yield begin
    for gateway in running:
        if gateway.ledger._pool is not None:
            await gateway.stop()


@pytest.fixture
async def gateway(launch: Launch) -> Gateway:
    return await launch()
