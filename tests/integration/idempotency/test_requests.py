"""Idempotency-Key on requests to models: one charge, whatever a client repeats."""

import asyncio
import collections
from typing import Any

import pytest

from tests.fakes.upstream import DONE, Gate, Step, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import ADMIN, PROMPT, SIZE, Line, Reply, on, reply_of
from tests.integration.metering.parts import keys_like
from tests.waiting import eventually

KEY = {"Idempotency-Key": "order-7"}
CHARGE = PROMPT + 3
WHOLE: tuple[Step, ...] = (answer(completion(on(3), usage(PROMPT, 3))),)
STREAM = stream(delta(on(3), finish="stop"), usage_event(PROMPT, 3), DONE)


def script(*, streamed: bool) -> tuple[Step, ...]:
    return STREAM if streamed else WHOLE


def used(reply: Reply) -> dict[str, Any]:
    """Return the details of a 409 that tells of a finished first request."""
    assert (reply.status, reply.error["code"]) == (409, "already_used"), reply
    assert reply.error["param"] == "Idempotency-Key"
    assert reply.headers["x-should-retry"] == "false"
    details: dict[str, Any] = reply.error["details"]
    return details


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_repeated_request_is_told_what_the_first_one_cost(line: Line, *, streamed: bool) -> None:
    await line.start()
    gate = Gate()
    line.upstream.play(gate, *script(streamed=streamed))
    first = asyncio.create_task(line.ask(headers=KEY, stream=streamed, max_tokens=20))
    await line.upstream.arrival()
    early = await line.ask(headers=KEY, stream=streamed, max_tokens=20)
    assert (early.status, early.error["code"]) == (409, "request_in_progress")
    assert (early.headers["retry-after"], early.headers["x-should-retry"]) == ("1", "true")
    gate.open()
    reply = await first
    assert reply.status == 200
    # At once it is told from the hold, a moment later from the ledger.
    for _ in range(2):
        late = await line.ask(headers=KEY, stream=streamed, max_tokens=20)
        assert used(late) == {"request_id": reply.request_id, "charge": CHARGE, "unit": "tokens"}
        assert late.request_id != reply.request_id
        event = await line.event()
    assert (event["charge"], event["idempotency_key"]) == (CHARGE, "order-7")
    assert len(line.upstream.requests) == 1


async def test_the_same_key_with_another_body_is_refused_at_any_time(line: Line) -> None:
    await line.start()
    gate = Gate()
    line.upstream.play(gate, *WHOLE)
    first = asyncio.create_task(line.ask(headers=KEY, max_tokens=20))
    await line.upstream.arrival()
    for moment in ("while it runs", "when it is booked"):
        other = await line.ask(headers=KEY, max_tokens=21)
        assert (other.status, other.error["code"]) == (422, "idempotency_mismatch"), moment
        assert "charge" not in other.error["details"]
        gate.open()
        await first
        await line.at_rest()
    assert len(line.upstream.requests) == 1


async def test_the_body_is_compared_byte_by_byte(line: Line) -> None:
    await line.start()
    line.upstream.play(*WHOLE)
    body = b'{"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":20}'
    assert (await line.post(body, **KEY)).status == 200
    assert (await line.post(body.replace(b",", b", "), **KEY)).status == 422
    used(await line.post(body, **KEY))


@pytest.mark.parametrize(
    "failure",
    [answer(b"{}", status=500), answer(b"{}", status=400), answer(b'{"error": {"message": "no"}}'), answer(b"<html>")],
    ids=["500", "400", "an error inside a 200", "no completion"],
)
async def test_a_first_request_that_cost_nothing_frees_its_key(line: Line, failure: bytes) -> None:
    await line.start()
    line.upstream.play(failure)
    assert (await line.ask(headers=KEY, max_tokens=20)).status >= 400
    await line.uncharged()
    line.upstream.play(*WHOLE)
    reply = await line.ask(headers=KEY, max_tokens=20)
    assert reply.status == 200
    assert used(await line.ask(headers=KEY, max_tokens=20))["request_id"] == reply.request_id
    assert (await line.event())["charge"] == CHARGE


async def test_a_key_that_was_freed_goes_to_one_of_many(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(b"{}", status=500))
    await line.ask(headers=KEY, max_tokens=20)
    await line.uncharged()
    line.upstream.always = WHOLE
    replies = await asyncio.gather(*(line.ask(headers=KEY, max_tokens=20) for _ in range(20)))
    assert collections.Counter(reply.status for reply in replies) == {200: 1, 409: 19}
    assert (await line.event())["charge"] == CHARGE


async def test_a_402_never_takes_the_key(line: Line) -> None:
    await line.start(size=PROMPT + 19)
    refused = await line.ask(headers=KEY, max_tokens=20)
    assert refused.status == 402
    url = f"/admin/v1/accounts/{line.wallet.account_id}/packs"
    assert (await line.client.post(url, json={"size": 100}, headers=ADMIN)).status == 201
    line.upstream.play(*WHOLE)
    assert (await line.ask(headers=KEY, max_tokens=20)).status == 200
    used(await line.ask(headers=KEY, max_tokens=20))


async def test_a_repeated_request_is_told_so_though_the_balance_is_gone(line: Line) -> None:
    await line.start(size=CHARGE)
    line.upstream.play(*WHOLE)
    assert (await line.ask(headers=KEY, max_tokens=3)).status == 200
    assert (await line.at_rest()).balance == 0
    assert used(await line.ask(headers=KEY, max_tokens=3))["charge"] == CHARGE


async def test_of_fifty_at_once_exactly_one_is_forwarded(line: Line) -> None:
    await line.start()
    gate = Gate()
    line.upstream.always = (gate, *WHOLE)
    asked = [asyncio.create_task(line.ask(headers=KEY, max_tokens=20)) for _ in range(50)]
    await eventually(lambda: sum(task.done() for task in asked) == 49)
    gate.open()
    replies = await asyncio.gather(*asked)
    codes = collections.Counter(reply.error["code"] if reply.status != 200 else "ok" for reply in replies)
    assert codes == {"ok": 1, "request_in_progress": 49}
    assert len(line.upstream.requests) == 1
    assert (await line.event())["charge"] == CHARGE
    assert (await line.view()).balance == SIZE - CHARGE


async def test_a_client_that_hung_up_and_asks_again_is_not_charged_again(line: Line) -> None:
    await line.start()
    line.upstream.play(stream(delta(" on"), Gate(), DONE))
    response = await line.open(headers=KEY, stream=True)
    assert await response.content.readexactly(len(delta(" on"))) == delta(" on")
    response.close()
    await asyncio.wait_for(line.upstream.last.gone.wait(), 5)
    event = await line.event()
    assert (event["status"], event["charge"]) == ("client_gone", PROMPT + 1)
    assert used(await line.ask(headers=KEY, stream=True))["charge"] == PROMPT + 1


async def test_a_key_belongs_to_its_account_and_outlives_the_api_key(line: Line) -> None:
    await line.start()
    line.upstream.always = WHOLE
    assert (await line.ask(headers=KEY, max_tokens=20)).status == 200
    stranger = (await reply_of(await line.client.post("/admin/v1/accounts", json={"name": "b"}, headers=ADMIN))).json
    for account_id, status in ((line.wallet.account_id, 409), (stranger["id"], 200)):
        base = f"/admin/v1/accounts/{account_id}"
        await line.client.post(f"{base}/packs", json={"size": 1000}, headers=ADMIN)
        made = await reply_of(await line.client.post(f"{base}/keys", json={"user_id": "u2"}, headers=ADMIN))
        other = {**KEY, "Authorization": f"Bearer {made.json['key']}"}
        assert (await line.ask(headers=other, max_tokens=20)).status == status
    assert len(line.upstream.requests) == 2


async def test_a_key_is_remembered_for_as_long_as_it_is_set(line: Line) -> None:
    await line.start(meter={"idempotency_seconds": 1})
    line.upstream.always = WHOLE
    first = await line.ask(headers=KEY, max_tokens=20)
    assert first.status == 200

    async def asked_again() -> Reply | None:
        reply = await line.ask(headers=KEY, max_tokens=20)
        return reply if reply.status == 200 else None

    again = await eventually(asked_again)
    assert again
    assert again.request_id != first.request_id
    await line.at_rest()
    assert len(await line.wallet.events()) == 2


WRONG = ["", " ", "a b", "a\tb", "x" * 256, "schlüssel"]


@pytest.mark.parametrize("key", WRONG)
async def test_a_key_that_is_none_is_refused_before_anything_is_held(line: Line, key: str) -> None:
    await line.start()
    reply = await line.ask(headers={"Idempotency-Key": key})
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "invalid_request", "Idempotency-Key")
    assert line.upstream.requests == []


async def test_every_visible_character_may_be_in_a_key(line: Line) -> None:
    await line.start()
    line.upstream.always = WHOLE
    visible = "".join(map(chr, range(0x21, 0x7F)))
    for key in (visible, "x" * 255, "!"):
        assert (await line.ask(headers={"Idempotency-Key": key}, max_tokens=20)).status == 200
        used(await line.ask(headers={"Idempotency-Key": key}, max_tokens=20))
    await line.at_rest()
    assert {event["idempotency_key"] for event in await line.wallet.events()} == {visible, "x" * 255, "!"}


async def test_redis_forgets_a_key_in_time_and_holds_no_money_by_it(line: Line) -> None:
    await line.start(meter={"idempotency_seconds": 7200})
    line.upstream.play(*WHOLE)
    await line.ask(headers=KEY, max_tokens=20)
    store = line.deps.store
    (name,) = await keys_like(store, "*k:*")
    assert 7100 <= await store.call(b"TTL", name) <= 7200
    await line.at_rest()
    await store.call(b"DEL", name)  # this Redis is an hour old: Postgres is asked too
    used(await line.ask(headers=KEY, max_tokens=20))


async def test_without_a_key_nothing_is_remembered(line: Line) -> None:
    await line.start()
    line.upstream.always = WHOLE
    for _ in range(2):
        assert (await line.ask(max_tokens=20)).status == 200
    await line.at_rest()
    assert [event["idempotency_key"] for event in await line.wallet.events()] == [None, None]
    assert await keys_like(line.deps.store, "*k:*") == []
