"""Holds and charges: what is set aside, what is forwarded, what is drawn from which pack."""

import asyncio
from typing import Any

import pytest

from metering.ids import new_id
from tests.conftest import settled
from tests.fakes.upstream import DONE, Gate, Step, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import ADMIN, PROMPT, Line, Reply, events_of, on, reply_of, texts_of


def paced(tokens: int) -> tuple[list[Gate], list[Step]]:
    """Return an answer of so many tokens, one an event, each behind a gate."""
    gates = [Gate() for _ in range(tokens)]
    return gates, [step for gate in gates for step in (gate, delta(" on"))]


async def read_paced(line: Line, gates: list[Gate], **changes: Any) -> Reply:
    """Read a stream token by token, so that the gateway has seen each before the next is sent."""
    response = await line.open(stream=True, **changes)
    body = b""
    for gate in gates:
        gate.open()
        piece = await response.content.read(len(delta(" on")))
        if not piece or not delta(" on").startswith(piece[:20]):
            body += piece
            break
        body += piece + await response.content.readexactly(len(delta(" on")) - len(piece))
    rest = await reply_of(response)
    return Reply(rest.status, body + rest.body, rest.headers)


async def test_a_stream_without_a_limit_starts_small_and_grows(line: Line) -> None:
    await line.start(default_hold_tokens=16)
    gates, steps = paced(100)
    line.upstream.play(stream(*steps, delta(None, finish="stop"), usage_event(PROMPT, 100), DONE))
    reply = await read_paced(line, gates)
    assert texts_of(reply.body) == {0: on(100)}
    row = await line.event()
    assert (row["charge"], row["status"], row["source"]) == (PROMPT + 100, "completed", "upstream")
    assert PROMPT + 100 <= row["reserved"] <= 4 * (PROMPT + 100), "it grew with the use, and not to the model's limit"
    # The pack had room, so the upstream was told of no limit.
    assert line.upstream.last.json.keys().isdisjoint({"max_tokens", "max_completion_tokens"})


@pytest.mark.parametrize("asked", [False, True])
async def test_a_stream_ends_properly_when_the_balance_does(line: Line, *, asked: bool) -> None:
    await line.start(size=PROMPT + 40, default_hold_tokens=16)
    gates, steps = paced(200)
    line.upstream.play(stream(*steps, DONE))
    options = {"stream_options": {"include_usage": True}} if asked else {}
    reply = await read_paced(line, gates, **options)
    await asyncio.wait_for(line.upstream.last.gone.wait(), 1)
    assert texts_of(reply.body) == {0: on(40)}
    assert reply.body.endswith(DONE)
    events = events_of(reply.body)[40:]
    assert [choice["finish_reason"] for choice in events[0]["choices"]] == ["length"]
    assert [event.get("usage") for event in events[1:]] == ([usage(PROMPT, 40)] if asked else [])
    assert b": farebox charged=48 available=0\n\n" in reply.body
    row = await line.event()
    assert (row["charge"], row["reserved"], row["status"], row["debt_amount"]) == (48, 48, "cut_off", 0)
    assert (await line.view()).balance == 0


async def test_a_burst_is_charged_as_far_as_it_was_relayed(line: Line) -> None:
    await line.start(size=PROMPT + 40, default_hold_tokens=16)
    """What comes in one read is relayed before the hold is looked at: use above the hold, so it is debt, not a gift."""
    line.upstream.play(stream(*[delta(" on") * 10] * 50, DONE))
    reply = await line.ask(stream=True)
    tokens = texts_of(reply.body)[0].count(" on")
    row = await line.event()
    assert tokens >= 40
    assert (row["charge"], row["debt_amount"]) == (PROMPT + tokens, tokens - 40)


async def test_what_the_balance_cannot_pay_is_clamped(line: Line) -> None:
    await line.start(size=100)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask()
    assert (reply.status, reply.headers["x-farebox-clamped-to"]) == (200, "92")
    assert line.upstream.last.json["max_completion_tokens"] == 92
    assert (await line.event())["reserved"] == 100


async def test_a_limit_that_is_paid_for_is_not_touched(line: Line) -> None:
    await line.start(size=100)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask(max_tokens=92)
    assert "x-farebox-clamped-to" not in reply.headers
    assert line.upstream.last.json["max_tokens"] == 92
    assert "max_completion_tokens" not in line.upstream.last.json


async def test_a_whole_request_without_a_limit_holds_the_models_own(line: Line) -> None:
    await line.start(max_completion_tokens=500)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask()
    assert "x-farebox-clamped-to" not in reply.headers
    assert line.upstream.last.json.keys() == {"model", "messages"}
    assert (await line.event())["reserved"] == PROMPT + 500


async def test_a_stream_that_can_only_start_small_is_clamped(line: Line) -> None:
    await line.start(size=PROMPT + 30)
    line.upstream.play(stream(delta(on(30), finish="length"), usage_event(PROMPT, 30), DONE))
    reply = await line.ask(stream=True)
    assert reply.headers["x-farebox-clamped-to"] == "30"
    assert line.upstream.last.json["max_completion_tokens"] == 30
    row = await line.event()
    assert (row["charge"], row["reserved"], row["status"]) == (PROMPT + 30, PROMPT + 30, "completed")


async def test_clamp_always_lowers_a_named_limit_too(line: Line) -> None:
    await line.change_account(clamp="always")
    await line.start(size=100)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask(max_tokens=1000, n=2)
    assert (reply.status, reply.headers["x-farebox-clamped-to"]) == (200, "46")
    assert line.upstream.last.json["max_tokens"] == 46


@pytest.mark.parametrize(
    ("clamp", "limit"), [("never", {}), ("unset", {"max_tokens": 93}), ("never", {"max_tokens": 93})]
)
async def test_clamp_refuses_what_it_may_not_lower(line: Line, clamp: str, limit: dict[str, int]) -> None:
    await line.change_account(clamp=clamp)
    await line.start(size=100, max_completion_tokens=500)
    reply = await line.ask(**limit)
    assert (reply.status, reply.error["code"]) == (402, "insufficient_balance")
    assert reply.error["details"]["required"] == PROMPT + limit.get("max_tokens", 500)
    assert line.upstream.requests == []


async def test_a_clamp_leaves_at_least_sixteen_tokens(line: Line) -> None:
    await line.start(size=PROMPT + 15)
    refused = await line.ask()
    assert (refused.status, refused.error["code"]) == (402, "insufficient_balance")
    granted = await grant(line, 1)
    assert granted.status in {200, 201}
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask()
    assert (reply.status, reply.headers["x-farebox-clamped-to"]) == (200, "16")


async def test_rates_and_safety_factor_price_the_hold_and_the_charge(line: Line) -> None:
    rates = {"prompt": 1_500_000, "cached": 100_000, "completion": 4_000_001}
    await line.start(rates=rates, safety_factor=1_200_000)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3, prompt_tokens_details={"cached_tokens": 6}))))
    await line.ask(max_tokens=10)
    row = await line.event()
    # ⌈8 * 1.2⌉ = 10 at 1.5, and 10 at 4.000001; then 2 at 1.5, 6 at 0.1 and 3 at 4.000001: rounded up once.
    assert (row["reserved"], row["charge"], row["cached_tokens"]) == (56, 16, 6)


async def test_two_packs_make_two_entries(line: Line) -> None:
    first = await line.wallet.grant(10, priority=1)
    second = await line.wallet.grant(100, priority=2)
    await line.start(size=None)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 20))))
    await line.ask(max_tokens=50)
    await line.at_rest()
    entries = await line.entries("usage")
    assert [(str(entry["pack_id"]), entry["amount"]) for entry in entries] == [(first, 10), (second, PROMPT + 10)]
    assert {(entry["prompt_tokens"], entry["completion_tokens"]) for entry in entries} == {(PROMPT, 20)}
    assert [entry["balance_after"] for entry in entries] == [100, 100 - PROMPT - 10]
    assert [entry["seq"] for entry in entries] == [1, 2]


async def test_packs_burn_down_in_their_order(line: Line) -> None:
    """Own before shared, for one model before for any; what belongs to others is not touched."""
    others = await line.wallet.grant(1000, user_id="u2", priority=1)
    elsewhere = await line.wallet.grant(1000, models=["other"], priority=1)
    shared = await line.wallet.grant(1000)
    for_model = await line.wallet.grant(5, models=["m"])
    own = await line.wallet.grant(4, user_id="u1")
    await line.start(size=None)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    await line.ask(max_tokens=20)
    row = await line.event()
    entries = {str(entry["pack_id"]): entry["amount"] for entry in await line.entries("usage")}
    assert entries == {own: 4, for_model: 5, shared: 2}
    assert not {others, elsewhere} & entries.keys()
    assert (row["allocated_amount"], row["surplus_amount"]) == (4, 7)


async def test_an_unlimited_pack_never_depletes(line: Line) -> None:
    await line.wallet.grant(None)
    await line.start(size=None)
    line.upstream.always = (answer(completion(on(3), usage(PROMPT, 500))),)
    for _ in range(3):
        assert (await line.ask(max_tokens=1000)).status == 200
    await line.at_rest()
    entries = await line.entries("auto_grant", "usage")
    assert [(entry["kind"], entry["amount"]) for entry in entries] == [
        ("auto_grant", PROMPT + 500),
        ("usage", PROMPT + 500),
    ] * 3
    assert {entry["book_from"] for entry in entries if entry["kind"] == "auto_grant"} == {"issued"}


async def test_an_unlimited_pack_comes_after_the_finite_ones(line: Line) -> None:
    await line.wallet.grant(None)
    finite = await line.wallet.grant(10)
    await line.start(size=None)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 20))))
    reply = await line.ask()
    assert reply.status == 200
    assert "x-farebox-clamped-to" not in reply.headers
    await line.at_rest()
    entries = await line.entries("auto_grant", "usage")
    assert [(entry["kind"], entry["amount"]) for entry in entries] == [
        ("usage", 10),
        ("auto_grant", PROMPT + 10),
        ("usage", PROMPT + 10),
    ]
    assert str(entries[0]["pack_id"]) == finite


async def grant(line: Line, size: int) -> Reply:
    """Grant a pack as an admin does."""
    url = f"/admin/v1/accounts/{line.wallet.account_id}/packs"
    return await reply_of(await line.client.post(url, json={"size": size}, headers=ADMIN))


async def test_use_above_the_hold_is_debt_and_the_next_grant_repays_it(line: Line) -> None:
    await line.start(size=PROMPT + 10)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 30))))
    reply = await line.ask(max_tokens=10)
    assert (reply.headers["x-farebox-charged"], reply.headers["x-farebox-available"]) == (str(PROMPT + 30), "-20")
    row = await line.event()
    assert (row["charge"], row["debt_amount"]) == (PROMPT + 30, 20)
    (debt,) = await line.entries("overdraft")
    assert (debt["amount"], debt["book_from"], debt["balance_after"]) == (20, "debt", -20)
    refused = await line.ask(max_tokens=10)
    assert refused.status == 402
    assert refused.error["details"]["balance"] == -20

    granted = await grant(line, 100)
    assert granted.status in {200, 201}
    view = await line.at_rest()
    assert view.balance == 80
    (repaid,) = await line.entries("repay")
    assert (repaid["amount"], repaid["book_to"], repaid["delta"]) == (20, "debt", 0)
    pack = granted.json
    assert (repaid["pack_id"] is not None, pack["size"], pack["remaining"]) == (True, 100, 80)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    assert (await line.ask(max_tokens=72)).status == 200


async def test_a_drain_waits_for_a_settlement_above_its_hold(line: Line) -> None:
    """Redis hears of it first, then Postgres; a shutdown in between must wait for both."""
    await line.start(size=PROMPT + 10)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 30))))
    await line.ask(max_tokens=10)
    await settled(line.client)
    assert len(await line.wallet.events()) == 1


async def test_the_id_of_a_request_is_the_id_of_its_charge(line: Line) -> None:
    await line.start()
    line.upstream.always = (answer(completion(" on", usage(PROMPT, 1))),)
    replies = [await line.ask(max_tokens=5, headers={"x-request-id": new_id()}) for _ in range(3)]
    await line.at_rest()
    booked = [str(row["request_id"]) for row in await line.wallet.events()]
    assert sorted(booked) == sorted(reply.request_id for reply in replies)
