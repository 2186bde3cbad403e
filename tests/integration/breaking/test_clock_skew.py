"""Clock skew between gateways: the servers' clocks decide, and what a gateway's own clock writes is harmless."""

import asyncio
import datetime as dt
from typing import Any

import pytest

from tests.conftest import Wallet
from tests.fakes.upstream import Gate, answer, completion, delta, stream, usage
from tests.integration.breaking.fleet import HERE, LEASE, Fleet, Gateway
from tests.integration.line import PROMPT, SIZE
from tests.waiting import eventually

OK = answer(completion("on on", usage(PROMPT, 2)))
DAY = 86_400
SKEWS = [-100 * DAY, 100 * DAY]
NEAR = dt.timedelta(minutes=5)


async def start(fleet: Fleet, skew: int, disk: str) -> Gateway:
    """Start a gateway whose clock is wrong by so many seconds."""
    return await fleet.start(disk, PYTHONPATH=str(HERE / "skewed"), CLOCK_SKEW_SECONDS=str(skew))


def near(moment: dt.datetime) -> bool:
    return abs(dt.datetime.now(dt.UTC) - moment) < NEAR


async def booked(wallet: Wallet, count: int) -> list[dict[str, Any]]:
    async def found() -> list[dict[str, Any]]:
        events = await wallet.events()
        return events if len(events) == count else []

    return await eventually(found)


@pytest.mark.parametrize("skew", SKEWS)
async def test_what_is_booked_has_the_servers_times_and_the_ids_own_day(
    fleet: Fleet, wallet: Wallet, skew: int
) -> None:
    await wallet.grant(SIZE)
    gateway = await start(fleet, skew, "a")
    fleet.upstream.always = (OK,)
    assert (await gateway.ask(wallet, max_tokens=5))[0] == 200
    (event,) = await booked(wallet, 1)
    assert near(event["at"])
    assert near(event["reserved_at"])
    ours = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=skew)
    assert abs(event["day"] - ours.date()) <= dt.timedelta(days=1), "the id is the gateway's own"
    (entry,) = [row for row in await wallet.entries() if row["kind"] == "usage"]
    assert near(entry["at"])
    assert 0 <= event["duration_ms"] < 60_000
    assert await gateway.broken() == []


@pytest.mark.parametrize("skew", SKEWS)
async def test_packs_and_keys_expire_by_the_servers_clocks(fleet: Fleet, wallet: Wallet, skew: int) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=20)
    await wallet.grant(SIZE, expires_at=soon)
    await wallet.connection.execute("UPDATE api_keys SET expires_at = $1", soon)
    gateway = await start(fleet, skew, "a")
    fleet.upstream.always = (OK,)
    assert (await gateway.ask(wallet, max_tokens=5))[0] == 200, "neither is over yet"
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    await wallet.connection.execute("UPDATE api_keys SET expires_at = NULL, version = version + 1")
    await wallet.connection.execute(
        "SELECT * FROM change_pack($1, '{expires_at}', NULL, NULL, $2)", await pack(wallet), past
    )

    async def refused() -> Any:
        status, body = await gateway.ask(wallet, max_tokens=5)
        return body["error"]["code"] if status == 402 else None

    fleet.upstream.always = (OK,)
    assert await eventually(refused, seconds=20) == "no_active_pack"
    await wallet.connection.execute("UPDATE api_keys SET expires_at = $1, version = version + 1", past)

    async def locked_out() -> bool:
        return (await gateway.ask(wallet, max_tokens=5))[0] == 401

    await eventually(locked_out)


async def pack(wallet: Wallet) -> Any:
    (row,) = await wallet.rows("packs", "pack_id")
    return row["pack_id"]


async def test_neither_takes_the_others_living_holds_and_both_find_dead_ones(fleet: Fleet, wallet: Wallet) -> None:
    await wallet.grant(SIZE)
    past, future = await asyncio.gather(*(start(fleet, skew, f"{skew}") for skew in SKEWS))
    streams = []
    for gateway in (past, future):
        fleet.upstream.play(stream(delta(" on"), Gate()))
        response = await gateway.open(wallet, stream=True, max_tokens=50)
        await response.content.readexactly(len(delta(" on")))
        streams.append(response)
    for _ in range(3):  # longer than the lease: each of them prolongs, by Redis's clock
        await asyncio.sleep(LEASE / 2)
        assert await wallet.events() == []
    assert await past.reserved(wallet) == 2 * (PROMPT + 50)

    await past.kill()
    (event,) = await booked(wallet, 1)
    assert event["source"] == "recovered"
    again = await start(fleet, 0, "c")
    await future.kill()
    await booked(wallet, 2)
    assert await again.broken() == []
    for response in streams:
        response.close()
