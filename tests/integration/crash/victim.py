"""A gateway that may be killed: it lives the life that its orders name, and says how far it has come.

After each word it waits for an answer, so whoever started it can strike right there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any

from config.loader import load_settings
from metering.books import Books
from metering.errors import MeterUnavailableError
from tests.integration.metering.parts import Gateway, order_of, used
from tests.waiting import eventually

COMPLETION = 333
NOTED = 300


Say = Callable[[str], Awaitable[None]]


async def serve(gateway: Gateway, say: Say, account_id: str, ids: list[str]) -> None:
    """Requests of 100 prompt tokens and at most 1,000 more, from reserve to apply."""
    try:
        holds = [await gateway.meter.enter(order_of(account_id, request_id=one, limit=1000)) for one in ids]
    except MeterUnavailableError:
        await gateway.meter.drain(20)
        return
    await say("held")
    for hold in holds:
        hold.forwarding()
    await say("forwarded")
    for hold in holds:
        hold.note(NOTED)
    with suppress(MeterUnavailableError):
        await gateway.store.ping()  # the renewals have gone out before it
    await say("noted")
    for hold in holds:
        hold.record(used(COMPLETION))
    await eventually(lambda: not gateway.meter.holds)
    await gateway.store.ping()  # what was announced meanwhile is answered
    await gateway.meter.drain(20)


async def repeated(gateway: Gateway, chore: Callable[[], Awaitable[int]]) -> None:
    """Repeat a chore until it has found something, as upkeep does, and all of that is booked and applied."""

    async def found() -> int:
        with suppress(MeterUnavailableError):
            return await chore()
        return 0

    await eventually(found)
    await gateway.settler.drain()


async def sweep(gateway: Gateway, say: Say, account_id: str, ids: list[str]) -> None:
    del say, account_id, ids
    await repeated(gateway, gateway.recovery.sweep)


async def adopt(gateway: Gateway, say: Say, account_id: str, ids: list[str]) -> None:
    del say, account_id, ids
    await repeated(gateway, gateway.recovery.adopt)


async def grant(gateway: Gateway, say: Say, account_id: str, ids: list[str]) -> None:
    del ids
    books = Books(gateway.ledger, gateway.settings.meter)
    try:
        granted = await books.packs.grant(account_id, 500, note="a gift")
    except MeterUnavailableError:
        await say("refused")
        return
    assert granted
    await gateway.settler.push(granted[1])
    await gateway.meter.drain(20)


LIVES = {"serve": serve, "sweep": sweep, "adopt": adopt, "grant": grant}


async def live(words: Connection, orders: dict[str, Any]) -> None:
    async def say(word: str) -> None:
        words.send(word)
        await asyncio.to_thread(words.recv)

    settings = load_settings(None, MappingProxyType(orders["environment"]))
    gateway = Gateway(replace(settings, redis=replace(settings.redis, barrier_seconds=0.1)))
    await gateway.start()
    gateway.keep_beating()
    await say("started")
    await LIVES[orders["life"]](gateway, say, orders["account_id"], orders["ids"])
    await say("over")


def main(words: Connection, orders: dict[str, Any]) -> None:
    """Live, and end with whoever listens."""
    with suppress(EOFError, KeyboardInterrupt):
        asyncio.run(live(words, orders))
