"""DESIGN 3.5: a known key stays good while Postgres is down, also for a gateway that has never seen it."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest

from metering.key_mirror import _keys_of
from metering.keys import bucket_of
from tests.fakes.upstream import answer, completion, usage
from tests.integration.api.asking import Api
from tests.integration.breaking.servers import OwnPostgres, own_postgres, server_folder
from tests.integration.breaking.test_postgres_down import killed, silent
from tests.integration.line import PROMPT, Line
from tests.waiting import eventually

OK = answer(completion("on on", usage(PROMPT, 2)))
NO_CACHE = {"cache_seconds": 0.0}


@pytest.fixture
async def postgres() -> AsyncIterator[OwnPostgres]:
    with server_folder() as folder:
        async with own_postgres(folder) as running:
            yield running


@pytest.fixture
async def database_url(postgres: OwnPostgres) -> str:
    return postgres.url


async def two_gateways(line: Line, **auth: Any) -> Api:
    """Start two gateways, of which only the first has seen the key and the account; return its API."""
    line.settings = replace(line.settings, auth=replace(line.settings.auth, **NO_CACHE, **auth))
    line.upstream.always = (OK,)
    await line.start()
    api = Api(line.client)
    assert (await line.ask(max_tokens=5)).status == 200
    await line.at_rest()
    await line.start(size=None)
    await eventually(lambda: line.deps.epochs.open_token(bucket_of(line.wallet.account_id)))
    return api


Outage = Callable[[OwnPostgres], AbstractAsyncContextManager[None]]


@pytest.mark.parametrize("outage", [killed, silent])
async def test_a_gateway_that_never_saw_the_key_serves_it_without_a_long_wait(
    line: Line, postgres: OwnPostgres, outage: Outage
) -> None:
    await two_gateways(line)
    async with outage(postgres):
        started = time.monotonic()
        assert (await line.ask(max_tokens=5)).status == 200
        assert time.monotonic() - started < 3, "Postgres may be waited for ten seconds; a known key need not be"
        reply = await line.ask(max_tokens=5, headers={"Authorization": "Bearer fbx_nobody"})
        assert reply.status in {401, 503}, "who is not known is not served"


async def test_a_key_that_was_revoked_elsewhere_is_not_believed_for_being_remembered(
    line: Line, postgres: OwnPostgres
) -> None:
    api = await two_gateways(line)
    line.settings = replace(line.settings, auth=replace(line.settings.auth, cache_seconds=0.0))
    assert (await line.ask(max_tokens=5)).status == 200  # both gateways know it now
    (row,) = await line.wallet.rows("api_keys", "key_id")
    await api.good("DELETE", f"/admin/v1/keys/{row['key_id']}")
    async with killed(postgres):
        assert (await line.ask(max_tokens=5)).status == 401


async def test_what_was_changed_last_is_what_is_remembered(line: Line, postgres: OwnPostgres) -> None:
    api = await two_gateways(line)
    (row,) = await line.wallet.rows("api_keys", "key_id")
    await api.good("PATCH", f"/admin/v1/keys/{row['key_id']}", {"models": ["other"]})
    async with killed(postgres):
        assert (await line.ask(max_tokens=5)).status == 403


async def test_a_known_key_is_good_for_no_longer_than_it_may_be(line: Line, postgres: OwnPostgres) -> None:
    await two_gateways(line, stale_seconds_max=4.0)

    async def refused() -> bool:
        return (await line.ask(max_tokens=5)).status == 503

    async with killed(postgres):
        assert (await line.ask(max_tokens=5)).status == 200
        await eventually(refused)


async def test_what_another_memory_of_redis_said_is_not_believed(line: Line, postgres: OwnPostgres) -> None:
    """A Redis that may have forgotten may have forgotten a revocation: its epoch is over, and what it wrote in it."""
    await two_gateways(line)
    _, (_, mirrored) = _keys_of(hashlib.sha256(line.wallet.key.encode()).digest())
    assert await line.deps.store.call(b"HSET", mirrored, b"ep", b"1:another") == 0, "there was another"
    async with killed(postgres):
        assert (await line.ask(max_tokens=5)).status == 503


async def test_the_process_cache_asks_nobody(line: Line) -> None:
    line.upstream.always = (OK,)
    await line.start()
    assert (await line.ask(max_tokens=5)).status == 200
    asked = 0
    script, rows = line.deps.store.script, line.deps.ledger.rows

    def scripts(name: str, *arguments: Any) -> Any:
        nonlocal asked
        asked += name.startswith("key_")
        return script(name, *arguments)

    async def statements(name: str, *arguments: Any) -> Any:
        nonlocal asked
        asked += name == "find_key"
        return await rows(name, *arguments)

    line.deps.store.script, line.deps.ledger.rows = scripts, statements  # type: ignore[method-assign]
    for _ in range(3):
        assert (await line.ask(max_tokens=5)).status == 200
    assert asked == 0
