"""DESIGN 3.3, "shutdown": SIGTERM finishes what runs and drains; a second one stops hard, and loses nothing."""

import asyncio
import signal
from collections import Counter
from typing import Any

import aiohttp

from tests.conftest import Wallet
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.breaking.fleet import Fleet, Gateway
from tests.integration.line import PROMPT, SIZE
from tests.waiting import eventually

OK = answer(completion("on on", usage(PROMPT, 2)))
SHOWN = 20


class Crowd:
    """Clients that ask until nobody listens any more."""

    def __init__(self, gateway: Gateway, wallet: Wallet) -> None:
        self.answers: Counter[int] = Counter()
        self._tasks = [asyncio.create_task(self._ask(gateway, wallet)) for _ in range(8)]

    async def _ask(self, gateway: Gateway, wallet: Wallet) -> None:
        while True:
            try:
                status, _ = await gateway.ask(wallet, max_tokens=5)
            except aiohttp.ClientError:
                return
            self.answers[status] += 1

    async def gone(self) -> None:
        """Wait until all of them have been turned away."""
        await asyncio.gather(*self._tasks)


async def reading(gateway: Gateway, wallet: Wallet, fleet: Fleet) -> tuple["asyncio.Future[Any]", Gate]:
    gate = Gate()
    texts = [delta(" on") for _ in range(SHOWN)]
    fleet.upstream.play(stream(*texts, gate, delta(None, finish="stop"), usage_event(PROMPT, SHOWN), DONE))
    response = await gateway.open(wallet, stream=True, max_tokens=50)
    await response.content.readexactly(len(b"".join(texts)))
    return asyncio.ensure_future(response.read()), gate


async def test_under_load_streams_are_finished_and_everything_is_booked_before_it_ends(
    fleet: Fleet, wallet: Wallet
) -> None:
    await wallet.grant(SIZE)
    gateway = await fleet.start()
    running, gate = await reading(gateway, wallet, fleet)
    fleet.upstream.always = (OK,)
    crowd = Crowd(gateway, wallet)
    await eventually(lambda: crowd.answers[200] > 50)
    ended = asyncio.create_task(gateway.terminate())
    await crowd.gone()
    assert not ended.done(), "it waits for the stream"
    gate.open()
    assert (await running).endswith(DONE)
    assert await ended == 0
    # Nobody has helped: what is booked now was booked before it ended.
    events = await wallet.events()
    assert crowd.answers.keys() == {200}
    assert len(events) == len(fleet.upstream.requests) >= crowd.answers[200] + 1
    assert {event["source"] for event in events} <= {"upstream", "tokenizer"}
    assert list((fleet.folder / "a" / "journal").iterdir()) == [], "its journal has nothing left to say"
    assert await (await fleet.start()).broken() == []


async def test_a_second_signal_stops_at_once_and_what_was_left_is_charged_by_its_journal(
    fleet: Fleet, wallet: Wallet
) -> None:
    await wallet.grant(SIZE)
    gateway = await fleet.start()
    running, _ = await reading(gateway, wallet, fleet)
    gateway.signal(signal.SIGTERM)
    await eventually(lambda: "stopping" in gateway.log.read_text())
    assert gateway.process.returncode is None
    gateway.signal(signal.SIGTERM)
    assert await asyncio.wait_for(gateway.process.wait(), 5) == 1
    await asyncio.gather(running, return_exceptions=True)
    assert await wallet.events() == []

    again = await fleet.start()
    (event,) = await eventually(wallet.events)
    assert event["source"] == "recovered"
    assert PROMPT + SHOWN <= event["charge"] <= PROMPT + 50
    await eventually(lambda: nothing_held(again, wallet))
    assert await again.broken() == []


async def nothing_held(gateway: Gateway, wallet: Wallet) -> bool:
    return await gateway.reserved(wallet) == 0
