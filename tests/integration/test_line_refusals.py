"""402 and 503: who may not ride, why, and what to do about it."""

import asyncio
import datetime as dt
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import pytest

from config.settings import Settings
from tests.fakes.tcp import Wire
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import PROMPT, SIZE, Line, on
from tests.waiting import eventually

TOP_UP = "https://example.com/buy"
OK = answer(completion(on(3), usage(PROMPT, 3)))


def details(**changes: object) -> dict[str, object]:
    """Return the details of a 402."""
    usual = {"min_reserve": 0, "reserved": 0, "unit": "tokens", "next_expiry": None, "top_up_url": TOP_UP}
    return {**usual, **changes}


@pytest.mark.parametrize(
    "scope",
    [None, {"user_id": "u2"}, {"models": ["other"]}, {"resource": "images"}],
    ids=["none", "another member's", "another model's", "another resource's"],
)
async def test_no_active_pack(line: Line, scope: dict[str, object] | None) -> None:
    if scope is not None:
        await line.wallet.grant(1000, **scope)
    await line.start(size=None, sections={"top_up_url": TOP_UP})
    reply = await line.ask(max_tokens=10)
    assert (reply.status, reply.error["type"], reply.error["code"]) == (402, "insufficient_quota", "no_active_pack")
    assert reply.headers["x-should-retry"] == "false"
    assert reply.error["details"].keys() == {
        "required", "available", "balance", "reserved", "min_reserve", "unit", "next_expiry", "top_up_url",
    }  # fmt: skip
    assert reply.error["details"]["required"] == PROMPT + 10
    assert line.upstream.requests == []
    await line.uncharged()


async def test_expired_and_revoked_packs_do_not_count(line: Line) -> None:
    now = dt.datetime.now(dt.UTC)
    await line.wallet.grant(1000, expires_at=now - dt.timedelta(seconds=5))
    revoked = await line.wallet.grant(1000)
    await line.wallet.connection.fetch("SELECT * FROM revoke_pack($1)", revoked)
    await line.start(size=None)
    reply = await line.ask(max_tokens=10)
    assert (reply.status, reply.error["code"]) == (402, "no_active_pack")
    assert reply.error["details"]["balance"] == 0


async def test_insufficient_balance(line: Line) -> None:
    expires = dt.datetime(2100, 1, 2, 3, 4, 5, 678_000, tzinfo=dt.UTC)
    await line.wallet.grant(50, expires_at=expires)
    await line.start(size=50, sections={"top_up_url": TOP_UP})
    reply = await line.ask(max_tokens=93)
    assert (reply.status, reply.error["code"]) == (402, "insufficient_balance")
    assert reply.headers["x-should-retry"] == "false"
    assert "retry-after" not in reply.headers
    assert reply.error["details"] == details(
        required=101, balance=100, available=100, next_expiry="2100-01-02T03:04:05.678000Z"
    )
    line.upstream.play(OK)
    assert (await line.ask(max_tokens=92)).status == 200


async def test_a_balance_that_is_held_is_worth_a_retry(line: Line) -> None:
    await line.start(size=100, sections={"top_up_url": TOP_UP})
    gate = Gate()
    line.upstream.play(gate, OK)
    first = asyncio.create_task(line.ask(max_tokens=42))
    await asyncio.wait_for(gate.reached.wait(), 5)
    reply = await line.ask(max_tokens=43)
    assert (reply.status, reply.error["type"], reply.error["code"]) == (402, "insufficient_quota", "balance_held")
    assert reply.headers["x-should-retry"] == "true"
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.error["details"] == details(required=51, balance=100, available=50, reserved=50)
    too_much = await line.ask(max_tokens=93)
    assert too_much.error["code"] == "insufficient_balance", "more than there is, even with nothing held"
    gate.open()
    assert (await first).status == 200
    await line.at_rest()
    line.upstream.play(OK)
    assert (await line.ask(max_tokens=43)).status == 200


async def test_the_reserve_is_crossed_by_use_and_then_everything_stops(line: Line) -> None:
    await line.change_account(min_reserve=50)
    await line.start(size=100, sections={"top_up_url": TOP_UP})
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 92))))
    assert (await line.ask(max_tokens=92)).status == 200
    await line.at_rest()
    assert await line.wallet.grant(20)
    await line.deps.admission.load(line.wallet.account_id)
    reply = await line.ask(max_tokens=1)
    assert (reply.status, reply.error["code"]) == (402, "min_reserve_reached")
    assert reply.headers["x-should-retry"] == "false"
    assert reply.error["details"] == details(required=PROMPT + 1, balance=20, available=20, min_reserve=50)


async def test_an_empty_account_is_stopped(line: Line) -> None:
    """With nothing left its pack is depleted, so none is active."""
    await line.start(size=PROMPT + 3)
    line.upstream.play(OK)
    assert (await line.ask(max_tokens=3)).status == 200
    await line.at_rest()
    reply = await line.ask(max_tokens=1)
    assert (reply.status, reply.error["code"]) == (402, "no_active_pack")


@pytest.mark.parametrize("where", ["account", "settings"])
async def test_floor_keep_never_goes_below_the_reserve(line: Line, where: str) -> None:
    if where == "account":
        await line.change_account(min_reserve=50, floor="keep")
        await line.start(size=100)
    else:
        await line.start(size=100, meter={"min_reserve": 50, "floor": "keep"})
    refused = await line.ask(max_tokens=43)
    assert (refused.status, refused.error["code"]) == (402, "min_reserve_reached")
    assert refused.error["details"]["min_reserve"] == 50
    gate = Gate()
    line.upstream.play(gate, answer(completion(on(3), usage(PROMPT, 2))))
    first = asyncio.create_task(line.ask(max_tokens=2))
    await asyncio.wait_for(gate.reached.wait(), 5)
    held = await line.ask(max_tokens=42)
    assert (held.status, held.error["code"]) == (402, "balance_held"), "it would pass with nothing held"
    gate.open()
    assert (await first).status == 200
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 32))))
    await line.at_rest()
    assert (await line.ask(max_tokens=32)).status == 200
    assert (await line.at_rest()).balance == 50


async def test_floor_keep_clamps_above_the_reserve(line: Line) -> None:
    await line.change_account(min_reserve=50, floor="keep")
    await line.start(size=100)
    line.upstream.play(OK)
    reply = await line.ask()
    assert (reply.status, reply.headers["x-farebox-clamped-to"]) == (200, "42")


async def test_a_suspended_account_is_not_served(line: Line) -> None:
    await line.change_account(status="suspended")
    await line.start()
    reply = await line.ask(max_tokens=1)
    assert (reply.status, reply.error["code"]) == (403, "not_allowed")


async def test_a_key_for_other_models_is_not_served(line: Line) -> None:
    await line.wallet.connection.execute("UPDATE api_keys SET models = '{other}'")
    await line.start()
    reply = await line.ask(max_tokens=1)
    assert (reply.status, reply.error["code"], reply.error["type"]) == (403, "not_allowed", "permission_error")
    await line.uncharged()


def through(settings: Settings, wire: Wire) -> Settings:
    """Return settings that reach Redis through a wire."""
    assert settings.redis.url
    parts = urlsplit(settings.redis.url)
    place = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{wire.port}".removeprefix("@")
    return replace(settings, redis=replace(settings.redis, url=urlunsplit(parts._replace(netloc=place))))


def redis_of(settings: Settings) -> tuple[str, int]:
    """Return where Redis is."""
    parts = urlsplit(settings.redis.url or "")
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@pytest.mark.usefixtures("single_redis")
async def test_without_redis_nothing_is_forwarded_and_streams_go_on(line: Line) -> None:
    async with Wire(*redis_of(line.settings)) as wire:
        line.settings = through(line.settings, wire)
        await line.start()
        gate = Gate()
        line.upstream.play(
            stream(delta(" on"), gate, delta(" on"), delta(None, finish="stop"), usage_event(PROMPT, 2), DONE)
        )
        running = asyncio.create_task(line.ask(stream=True, max_tokens=50))
        await asyncio.wait_for(gate.reached.wait(), 5)

        wire.cut()
        await eventually(lambda: not line.deps.store.connected)
        reply = await line.ask(max_tokens=5)
        assert (reply.status, reply.error["code"], reply.error["type"]) == (503, "meter_unavailable", "server_error")
        assert int(reply.headers["retry-after"]) >= 1
        assert len(line.upstream.requests) == 1
        gate.open()
        assert (await running).body.endswith(DONE)
        (row,) = await eventually(line.wallet.events)
        assert (row["charge"], row["source"]) == (PROMPT + 2, "upstream")

        wire.mend()
        line.upstream.always = (OK,)
        await eventually(lambda: served(line))
        view = await line.at_rest()
        rows = await line.wallet.events()
        assert view.balance == SIZE - sum(row["charge"] for row in rows)


async def served(line: Line) -> bool:
    """Return whether a request is served."""
    reply = await line.ask(max_tokens=5)
    assert reply.status in {200, 503}
    return reply.status == 200
