"""The representative tests on a cluster of three masters; test_cluster.py kills and replaces them."""

from collections.abc import Iterator

import pytest

from tests.integration.metering.parts import Gateway
from tests.integration.metering.representative import *  # noqa: F403 - the list is there
from tests.servers.choice import Chosen, running
from tests.servers.redis_server import MASTERS


@pytest.fixture(scope="module")
def chosen_redis() -> Iterator[Chosen]:
    with running("cluster", lambda: "") as chosen:
        yield chosen


async def test_it_is_a_cluster(gateway: Gateway) -> None:
    assert len({gateway.store._told[bucket] for bucket in range(1024)}) == MASTERS  # type: ignore[attr-defined]
