"""DESIGN 3.3, "gateway killed at any point": whoever finds what it left settles it, each step by its rule."""

import asyncio
import signal
from typing import Any

import pytest

from tests.conftest import Wallet
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.breaking.fleet import LEASE, Fleet, Gateway
from tests.integration.line import PROMPT, SIZE
from tests.waiting import eventually

SHOWN, LIMIT, MARGIN = 20, 5000, 256
OK = answer(completion("on on", usage(PROMPT, 2)))


async def reading(gateway: Gateway, wallet: Wallet, fleet: Fleet) -> tuple[asyncio.Task[Any], Gate]:
    """Begin a stream of which the client has read twenty tokens; the rest waits behind the gate."""
    gate = Gate()
    texts = [delta(" on") for _ in range(SHOWN)]
    fleet.upstream.play(
        stream(*texts, gate, delta(" on"), delta(None, finish="stop"), usage_event(PROMPT, SHOWN + 1), DONE)
    )
    response = await gateway.open(wallet, stream=True, max_tokens=LIMIT)
    await response.content.readexactly(len(b"".join(texts)))
    return asyncio.ensure_future(response.read()), gate


async def begun(gateway: Gateway, wallet: Wallet, fleet: Fleet) -> dict[str, asyncio.Task[Any]]:
    """Bring a request to each step of the line; the account's row is locked, so that nothing can be booked."""
    sent: dict[str, asyncio.Task[Any]] = {}
    fleet.upstream.play(OK)
    assert (await gateway.ask(wallet, max_tokens=5))[0] == 200  # its usage is known, and it is not booked
    sent["streaming"], _ = await reading(gateway, wallet, fleet)
    fleet.upstream.play(Gate())
    sent["forwarded"] = asyncio.ensure_future(gateway.ask(wallet, max_tokens=300))
    await fleet.upstream.arrival(3)
    sent["reserved"] = asyncio.ensure_future(gateway.ask(wallet, model="mute", max_tokens=700))
    everything = (PROMPT + 2) + (PROMPT + LIMIT) + (PROMPT + 300) + (PROMPT + 700)
    await eventually(lambda: is_reserved(gateway, wallet, everything))
    return sent


async def is_reserved(gateway: Gateway, wallet: Wallet, amount: int) -> bool:
    return await gateway.reserved(wallet) == amount


async def at_rest(gateway: Gateway, wallet: Wallet, *counts: int) -> list[dict[str, Any]]:
    """Return the events when there are so many, nothing is held, and an audit finds nothing."""

    async def resting() -> bool:
        return len(await wallet.events()) in counts and await is_reserved(gateway, wallet, 0)

    await eventually(resting, seconds=30)
    assert await gateway.broken() == []
    return await wallet.events()


@pytest.mark.parametrize(
    "finder", ["a restart on the same disk", "a neighbour on the same disk", "a sweeper elsewhere"]
)
async def test_what_it_left_is_settled_at_every_step(fleet: Fleet, wallet: Wallet, finder: str) -> None:
    await wallet.grant(SIZE)
    victim = await fleet.start("a")
    other = None
    if finder != "a restart on the same disk":
        other = await fleet.start("a" if "neighbour" in finder else "b")
    async with wallet.connection.transaction():
        await wallet.connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", wallet.account_id)
        sent = await begun(victim, wallet, fleet)
        await victim.kill()
        await asyncio.gather(*sent.values(), return_exceptions=True)
    other = other or await fleet.start("a")

    found = await at_rest(other, wallet, *((4,) if finder == "a sweeper elsewhere" else (3, 4)))
    charges = {event["reserved"]: (event["charge"], event["source"]) for event in found}
    exact, shown, held, unsent = PROMPT + 5, PROMPT + LIMIT, PROMPT + 300, PROMPT + 700
    assert charges[exact] == (PROMPT + 2, "upstream")
    assert charges[shown][1] == charges[held][1] == "recovered"
    assert PROMPT + SHOWN <= charges[shown][0] <= PROMPT + SHOWN + MARGIN
    assert charges[held][0] == held, "what the client has not seen may be all that was held"
    if finder == "a sweeper elsewhere":
        assert charges[unsent][0] == unsent, "only its own journal proves that a request was never forwarded"
    else:
        assert charges.get(unsent, (0,))[0] == 0, "released after its lease, it is booked as nothing"
    balance = await other.admin("GET", f"/accounts/{wallet.account_id}/balance")
    assert balance["balance"] == SIZE - sum(event["charge"] for event in found)


@pytest.mark.parametrize(("policy", "least", "most"), [
    ("bounded", PROMPT + SHOWN, PROMPT + SHOWN + MARGIN),
    ("upper_bound", PROMPT + LIMIT, PROMPT + LIMIT),
    ("checkpoint", 0, PROMPT + SHOWN),
])  # fmt: skip
async def test_an_orphan_pays_by_the_policy_of_its_account(
    fleet: Fleet, wallet: Wallet, policy: str, least: int, most: int
) -> None:
    await wallet.grant(SIZE)
    await wallet.connection.execute("UPDATE accounts SET orphan = $2 WHERE account_id = $1", wallet.account_id, policy)
    victim = await fleet.start()
    sent, _ = await reading(victim, wallet, fleet)
    await victim.kill()
    await asyncio.gather(sent, return_exceptions=True)
    (event,) = await at_rest(await fleet.start(), wallet, 1)
    assert (event["source"], event["status"]) == ("recovered", "adopted")
    assert least <= event["charge"] <= most


async def test_an_owner_that_slept_beyond_its_lease_corrects_its_charge_exactly_once(
    fleet: Fleet, wallet: Wallet
) -> None:
    await wallet.grant(SIZE)
    sleeper, other = await fleet.start("a"), await fleet.start("b")
    sent, gate = await reading(sleeper, wallet, fleet)
    sleeper.signal(signal.SIGSTOP)
    try:
        (event,) = await eventually(wallet.events, seconds=LEASE + 10)
        assert (event["source"], event["charge"] >= PROMPT + SHOWN) == ("recovered", True)
        gate.open()  # its upstream goes on meanwhile: the rest is there when it wakes
    finally:
        sleeper.signal(signal.SIGCONT)
    assert (await sent).endswith(DONE), "the client gets the whole stream"

    corrections = await eventually(lambda: wallet.rows("corrections"))
    assert [row["exact"] for row in corrections] == [PROMPT + SHOWN + 1]
    await at_rest(other, wallet, 1)
    await sleeper.terminate()
    assert len(await wallet.rows("corrections")) == 1
    balance = await other.admin("GET", f"/accounts/{wallet.account_id}/balance")
    assert balance["balance"] == SIZE - (PROMPT + SHOWN + 1)


async def test_an_owner_that_slept_before_it_forwarded_takes_the_charge_back(fleet: Fleet, wallet: Wallet) -> None:
    await wallet.grant(SIZE)
    sleeper, other = await fleet.start("a"), await fleet.start("b")
    sent = asyncio.ensure_future(sleeper.ask(wallet, model="mute", max_tokens=700))
    await eventually(lambda: is_reserved(other, wallet, PROMPT + 700))
    sleeper.signal(signal.SIGSTOP)
    try:
        (event,) = await eventually(wallet.events, seconds=LEASE + 10)
    finally:
        sleeper.signal(signal.SIGCONT)
    assert (event["source"], event["charge"]) == ("recovered", PROMPT + 700)
    sent.cancel()  # the client hangs up, before a byte went upstream
    corrections = await eventually(lambda: wallet.rows("corrections"))
    assert [row["exact"] for row in corrections] == [0]
    await at_rest(other, wallet, 1)
    balance = await other.admin("GET", f"/accounts/{wallet.account_id}/balance")
    assert balance["balance"] == SIZE


async def test_a_stream_whose_account_ran_dry_while_its_gateway_slept_is_ended_before_it_is_relayed(
    fleet: Fleet, wallet: Wallet
) -> None:
    pack_id = await wallet.grant(SIZE)
    sleeper, other = await fleet.start("a"), await fleet.start("b")
    sent, gate = await reading(sleeper, wallet, fleet)
    sleeper.signal(signal.SIGSTOP)
    try:
        await eventually(wallet.events, seconds=LEASE + 10)
        await other.admin("POST", f"/packs/{pack_id}/revoke")
        gate.open()
    finally:
        sleeper.signal(signal.SIGCONT)
    body = await sent
    assert body.endswith(DONE)
    assert b'"finish_reason":"length"' in body
    corrections = await eventually(lambda: wallet.rows("corrections"))
    assert len(corrections) == 1
    await at_rest(other, wallet, 1)
