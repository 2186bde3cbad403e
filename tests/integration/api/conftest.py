"""A gateway with its APIs."""

import pytest

from tests.conftest import Start
from tests.integration.api.asking import Api
from tests.integration.api.shop import Shop


@pytest.fixture
async def api(start: Start) -> Api:
    """A gateway that answers."""
    return Api(await start())


@pytest.fixture
async def shop(api: Api) -> Shop:
    """An account with 100 images, and its member's key."""
    account_id = await api.account()
    await api.pack(account_id, size=100, resource="images")
    return Shop(api, account_id, await api.key(account_id, user_id="u1"))
