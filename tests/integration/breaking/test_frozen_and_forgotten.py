"""Two copies of three are away: Redis loses its memory while a gateway is frozen for longer than others believe in it.

Nobody can state its hold again, so others may be admitted on it: that much, and no more, the account can overspend.
"""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Wallet
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.breaking.fleet import LEASE, Fleet, Gateway
from tests.integration.line import PROMPT
from tests.integration.metering.own_redis import OwnRedis, own_redis
from tests.servers.debian import Program
from tests.waiting import eventually

SHOWN, LIMIT = 20, 400


@pytest.fixture
async def server(tmp_path: Path, redis_program: Program) -> AsyncIterator[OwnRedis]:
    async with own_redis(tmp_path, redis_program) as running:
        yield running


@pytest.fixture
async def redis_url(server: OwnRedis) -> str:
    return server.url


async def is_served(gateway: Gateway, wallet: Wallet) -> bool:
    status, body = await gateway.ask(wallet, max_tokens=LIMIT)
    assert status in {200, 402, 503}, body
    return status == 200


async def test_what_it_had_relayed_is_debt_and_no_more(fleet: Fleet, wallet: Wallet, server: OwnRedis) -> None:
    await wallet.grant(PROMPT + LIMIT)  # enough for one of them
    frozen, other = await fleet.start("a"), await fleet.start("b")
    gate = Gate()
    texts = [delta(" on") for _ in range(SHOWN)]
    fleet.upstream.play(
        stream(*texts, gate, delta(" on"), delta(None, finish="stop"), usage_event(PROMPT, SHOWN + 1), DONE)
    )
    response = await frozen.open(wallet, stream=True, max_tokens=LIMIT)
    await response.content.readexactly(len(b"".join(texts)))
    assert (await other.ask(wallet, max_tokens=LIMIT))[0] == 402, "everything is held"

    fleet.upstream.always = (answer(completion("on", usage(PROMPT, LIMIT))),)
    frozen.signal(signal.SIGSTOP)
    try:
        await server.kill()
        await server.start(empty=True)
        await eventually(lambda: is_served(other, wallet), seconds=LEASE + 20)
        gate.open()
    finally:
        frozen.signal(signal.SIGCONT)
    assert (await response.read()).endswith(DONE), "it is ended properly, or was whole already"

    async def both_booked() -> bool:
        return len(await wallet.events()) == 2 and await other.reserved(wallet) == 0

    await eventually(both_booked, seconds=LEASE + 20)
    charges = sorted(event["charge"] for event in await wallet.events())
    assert charges[1] == PROMPT + LIMIT
    assert PROMPT + SHOWN <= charges[0] <= PROMPT + SHOWN + 1
    balance = await other.admin("GET", f"/accounts/{wallet.account_id}/balance")
    assert balance["debt"] == charges[0]
    assert [invariant["name"] for invariant in await other.broken()] == ["debts_explained"], "the audit names it"
