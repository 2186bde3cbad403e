"""A fleet of gateway processes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.settings import Settings
from tests.fakes.upstream import ScriptedUpstream
from tests.integration.breaking.fleet import Fleet, fleet_of


@pytest.fixture
async def fleet(tmp_path: Path, settings: Settings, upstream: ScriptedUpstream) -> AsyncIterator[Fleet]:
    """Gateways that are not started yet."""
    async with fleet_of(tmp_path, settings, upstream) as running:
        yield running
