"""The representative tests, and all losses of a Redis, on Redis 7.0."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.metering.representative import *  # noqa: F403 - the list is there
from tests.integration.metering.test_epochs import (
    server,
    test_down_redis_forwards_nothing_and_what_runs_is_settled,
    test_other_gateway_is_waited_for_so_its_hold_is_never_promised_again,
    test_redis_that_may_have_forgotten_gets_every_hold_back,
)
from tests.servers.choice import Chosen, program_of, running
from tests.servers.debian import Program

__all__ = [
    "server",
    "test_down_redis_forwards_nothing_and_what_runs_is_settled",
    "test_other_gateway_is_waited_for_so_its_hold_is_never_promised_again",
    "test_redis_that_may_have_forgotten_gets_every_hold_back",
]


@pytest.fixture(scope="module")
def chosen_redis() -> Iterator[Chosen]:
    with running("redis7", lambda: "") as chosen:
        yield chosen


@pytest.fixture
def redis_program(tmp_path: Path) -> Program:
    return program_of("redis7", tmp_path)


def test_it_is_redis_7_0(redis_program: Program) -> None:
    assert "v=7.0." in redis_program.said("--version")
