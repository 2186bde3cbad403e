"""The line, ready to be started."""

from collections.abc import AsyncIterator

import pytest

from config.settings import Settings
from tests.conftest import Start, Wallet
from tests.fakes.upstream import ScriptedUpstream
from tests.integration.line import Line


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A scripted upstream."""
    async with ScriptedUpstream() as running:
        yield running


@pytest.fixture
async def line(upstream: ScriptedUpstream, wallet: Wallet, settings: Settings, start: Start) -> Line:
    """A gateway that is not started yet, with an account that has no pack yet."""
    return Line(upstream, wallet, settings, start)
