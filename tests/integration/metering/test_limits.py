"""Limits of requests, tokens and open requests: exact however many ask at once, and a refusal counts nothing."""

import asyncio
from typing import Any

import pytest

from metering.core.limits import Limit, Scope
from metering.errors import LimitedError, MeterUnavailableError, Refusal, RefusedError
from metering.hold import Hold
from metering.keys import keys_of
from metering.recovery import Recovery
from tests.integration.metering.books import Book
from tests.integration.metering.limited import SCOPES, Limited, limited_account
from tests.integration.metering.parts import Gateway, Launch, spec_of, used

each_scope: Any = pytest.mark.parametrize("scope", SCOPES)
MINUTE = 60_000


@pytest.fixture
async def limited(gateway: Gateway, book: Book) -> Limited:
    return await limited_account(gateway, book)


async def minute_begins(limited: Limited) -> int:
    """Move the clock to the beginning of a minute that is yet to come: the test does not straddle two."""
    at = ((await limited.windows()).day_end // MINUTE + 10_000) * MINUTE
    await limited.now(at)
    return at


async def granted(limited: Limited, tries: int, **changes: Any) -> list[Hold]:
    """Ask for so many at once; return those that were let in."""
    found = await asyncio.gather(*(limited.enter(**changes) for _ in range(tries)), return_exceptions=True)
    assert all(isinstance(one, Hold | LimitedError) for one in found), found
    return [one for one in found if isinstance(one, Hold)]


async def refused_at_last(limited: Limited, **changes: Any) -> LimitedError:
    """Ask until the meter can decide; return the refusal."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await limited.refused(**changes)
            except MeterUnavailableError:
                await asyncio.sleep(0.05)


@each_scope
async def test_of_two_hundred_requests_at_once_fifty_pass_a_limit_of_fifty(limited: Limited, scope: str) -> None:
    await limited.limit(scope, requests_per_minute=50)
    await limited.charge()  # the account is loaded, so that its clock can be moved
    await minute_begins(limited)
    assert len(await granted(limited, 200)) == 50
    error = await limited.refused()
    wall = error.wall
    assert (wall.scope, wall.limit, wall.size, wall.used, wall.requested) == (scope, "requests_per_minute", 50, 50, 1)
    subject = {"account": "", "member": "u1", "key": limited.key_id, "model": "m"}[scope]
    assert wall.subject == subject
    await limited.at_rest()


@each_scope
async def test_tokens_of_a_minute_are_held_by_estimate_and_exact_afterwards(limited: Limited, scope: str) -> None:
    await limited.limit(scope, tokens_per_minute=1000)
    await limited.charge()
    at = await minute_begins(limited)
    holds = await granted(limited, 20)
    assert len(holds) == 5  # of 200 each
    holds[0].forwarding()
    holds[0].record(used(20))  # 120 of its 200: 80 come back
    await limited.gateway.meter.drain(5)
    assert (await limited.refused()).wall.used == 920
    fits = await limited.enter(limit=0, prompt_tokens=80)
    assert fits.shown
    assert (fits.shown.tokens, fits.shown.tokens_left, fits.shown.requests) == (1000, 0, None)
    await limited.now(at + MINUTE)
    assert len(await granted(limited, 20)) == 5
    await limited.at_rest()


@each_scope
async def test_open_requests_are_counted_from_the_holds_themselves(limited: Limited, scope: str) -> None:
    before = await limited.enter()  # before anything was limited
    await limited.limit(scope, concurrent_requests=10)
    holds = await granted(limited, 40)
    assert len(holds) == 9
    wall = (await limited.refused()).wall
    assert (wall.limit, wall.used, wall.resets_at_ms, wall.wait_ms) == ("concurrent_requests", 10, None, 1000)
    await limited.release(before)
    holds[0].forwarding()
    holds[0].record(used(1))
    await limited.gateway.meter.drain(5)
    assert len(await granted(limited, 40)) == 2
    await limited.at_rest()


async def test_others_are_not_limited_by_somebodys_limit(limited: Limited) -> None:
    await limited.limit("member", requests_per_minute=1)
    await limited.limit("model", requests_per_minute=1)
    await limited.enter(user_id="u2", model="other")
    await limited.enter(user_id="u2", model="other")
    await limited.enter()
    assert (await limited.refused(model="other")).wall.scope == Scope.MEMBER
    assert (await limited.refused(user_id="u2")).wall.scope == Scope.MODEL


async def test_a_refused_request_counts_nowhere(limited: Limited) -> None:
    await limited.limit("account", requests_per_minute=100, tokens_per_minute=100_000, spend_per_day=100_000)
    await limited.limit("key", concurrent_requests=1, spend_per_month=100_000)
    hold = await limited.enter()
    before, view = await limited.counters(), await limited.gateway.view(limited.account_id)
    for _ in range(3):
        assert (await limited.refused()).wall.limit == Limit.CONCURRENT
        with pytest.raises(RefusedError) as too_dear:
            await limited.enter(limit=99_000, prompt_tokens=999_000)
        assert too_dear.value.refusal == Refusal.INSUFFICIENT_BALANCE
    assert await limited.counters() == before
    assert await limited.gateway.view(limited.account_id) == view
    await limited.release(hold)
    await limited.at_rest()


async def test_a_request_that_is_given_back_counts_for_nothing(limited: Limited) -> None:
    await limited.limit("key", requests_per_minute=1, tokens_per_minute=200, concurrent_requests=1, spend_per_day=200)
    for _ in range(3):
        await limited.release(await limited.enter())
    await limited.charge()
    await limited.refused()
    await limited.at_rest()


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
async def test_a_minute_ends_to_the_millisecond(limited: Limited, name: str) -> None:
    await limited.limit("key", **{name: 1 if name == "requests_per_minute" else 200})
    await limited.charge()
    at = await minute_begins(limited)
    await limited.enter()
    for late in (0, 1, MINUTE - 1):
        await limited.now(at + late)
        assert (await limited.refused()).wall.wait_ms == MINUTE - late
    await limited.now(at + MINUTE)
    await limited.enter()


async def test_the_limit_that_turns_last_is_told_and_one_that_can_not_be_met_before_all(limited: Limited) -> None:
    await limited.limit("key", requests_per_minute=1, concurrent_requests=1, spend_per_day=399)
    await limited.limit("account", spend_per_month=390, tokens_per_minute=250)
    hold = await limited.enter()
    windows = await limited.windows()
    wall = (await limited.refused()).wall
    assert (wall.scope, wall.limit, wall.resets_at_ms) == ("account", "spend_per_month", windows.month_end)
    wall = (await limited.refused(limit=200)).wall
    assert (wall.limit, wall.hopeless, wall.used, wall.requested) == ("tokens_per_minute", True, 200, 300)
    await limited.release(hold)


async def test_what_the_client_did_not_limit_is_lowered_to_what_the_limits_leave(limited: Limited) -> None:
    await limited.limit("key", tokens_per_minute=700)
    await limited.charge()
    await minute_begins(limited)
    first = await limited.enter(limit=None, stream=False)  # the model's own limit would be 1000
    assert (first.limit, first.reservation.amount) == (600, 700)
    first.forwarding()
    first.record(used(150))  # 250 of 700
    await limited.gateway.meter.drain(5)
    second = await limited.enter(limit=None, stream=False)
    assert second.limit == 350
    await limited.refused(limit=None, stream=False)
    await limited.at_rest()


async def test_a_stream_that_grows_counts_what_it_grows_by(limited: Limited) -> None:
    await limited.limit("key", tokens_per_minute=1000)
    await limited.charge()
    await minute_begins(limited)
    hold = await limited.enter(limit=None)  # a stream, with 100 + 200
    hold.forwarding()
    hold.note(180)
    assert await hold.covers(300)
    assert hold.reservation.amount == 600
    assert (await limited.refused(limit=400)).wall.used == 600
    hold.record(used(310))
    await limited.gateway.meter.drain(5)
    assert (await limited.refused(limit=500)).wall.used == 410
    await limited.at_rest()


async def test_dear_models_count_tokens_not_what_they_cost(limited: Limited) -> None:
    dear = spec_of(rates=type(spec_of().rates)(prompt=3_000_000, cached=3_000_000, completion=5_000_000))
    await limited.limit("key", tokens_per_minute=400, spend_per_day=10_000)
    await limited.charge()
    await minute_begins(limited)
    hold = await limited.enter(candidates=(dear,))
    assert (hold.reservation.amount, hold.shown and hold.shown.tokens_left) == (800, 200)


async def test_a_hold_whose_gateway_died_gives_its_place_back(limited: Limited, launch: Launch) -> None:
    await limited.limit("key", concurrent_requests=1, spend_per_day=100_000)
    dead = await launch()
    lost = await limited.enter(dead)
    await dead.kill()
    await limited.refused()
    await limited.gateway.due(limited.account_id, lost.request_id)
    await limited.gateway.recovery.sweep()
    (event,) = await limited.book.rows("events", limited.account_id)
    assert event["source"] == "recovered"
    hold = await limited.enter()
    await limited.at_rest()
    assert (await limited.refused()).wall.used == 1
    await limited.release(hold)


async def test_a_journal_that_proves_silence_gives_the_place_back(limited: Limited, launch: Launch) -> None:
    await limited.limit("key", concurrent_requests=1, requests_per_minute=2, spend_per_day=300)
    dead = await launch()
    await limited.enter(dead)
    await dead.kill()
    recovery: Recovery = limited.gateway.recovery
    assert await recovery.adopt() == 1
    hold = await limited.enter()
    await limited.release(hold)
    assert await limited.book.rows("events", limited.account_id) == []
    await limited.at_rest()


async def test_a_redis_that_forgot_everything_counts_the_announced_holds(limited: Limited) -> None:
    await limited.limit("account", concurrent_requests=2, spend_per_month=700)
    await limited.charge()  # 200 spent
    holds = [await limited.enter(), await limited.enter()]
    await limited.gateway.store.call(b"FLUSHALL")
    wall = (await refused_at_last(limited, limit=0)).wall
    assert (wall.limit, wall.used) == (Limit.CONCURRENT, 2)
    await limited.release(holds.pop())
    wall = (await limited.refused(limit=250)).wall
    assert (wall.limit, wall.used) == (Limit.MONTH, 200 + 200)
    await limited.enter(limit=0)
    await limited.at_rest()


async def test_a_counter_that_was_put_wrong_is_found_and_counted_again(limited: Limited) -> None:
    await limited.limit("key", concurrent_requests=2)
    await limited.enter()
    await limited.gateway.store.call(b"DEL", keys_of(limited.account_id).holds)
    view = await limited.gateway.admission.view(limited.account_id, "tokens", compare=True)
    assert f"limits:open:k:{limited.key_id} is 1, holds say 0" in view.differences


async def test_the_whole_account_counts_together_over_several_gateways(limited: Limited, launch: Launch) -> None:
    await limited.limit("account", concurrent_requests=30)
    others = [limited.gateway, await launch(), await launch()]
    tries = [limited.enter(others[n % 3]) for n in range(90)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Hold) for one in found) == 30
