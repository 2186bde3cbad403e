"""A gateway with its APIs."""

import pytest

from tests.conftest import Start
from tests.integration.api.asking import Api


@pytest.fixture
async def api(start: Start) -> Api:
    """A gateway that answers."""
    return Api(await start())
