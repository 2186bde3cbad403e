"""Where an account keeps answers, a repeated request gets the first one again, and pays nothing."""

import asyncio
from typing import Any

import pytest

from tests.fakes.upstream import CUT, DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import ADMIN, PROMPT, SIZE, Line, Reply, on, reply_of

KEY = {"Idempotency-Key": "order-7"}
CHARGE = PROMPT + 3
BODY = completion(on(3), usage(PROMPT, 3))


async def kept(line: Line) -> int:
    """Return how many answers are stored, when all is at rest."""
    await line.at_rest()
    found: int = await line.wallet.connection.fetchval("SELECT count(*) FROM kept_answers")
    return found


async def start(line: Line, **changes: Any) -> None:
    """Start with an account that keeps answers."""
    await line.change_account(replay=True)
    await line.start(**changes)


async def asked_once(line: Line, **changes: Any) -> Reply:
    """Ask, and wait until the answer is booked and stored."""
    reply = await line.ask(headers=KEY, **changes)
    assert reply.status == 200
    await line.at_rest()
    return reply


async def test_by_default_no_answer_is_stored(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(BODY))
    await asked_once(line, max_tokens=20)
    assert (await line.ask(headers=KEY, max_tokens=20)).status == 409
    assert await kept(line) == 0


async def test_nor_is_one_without_a_key(line: Line) -> None:
    await start(line)
    line.upstream.play(answer(BODY))
    assert (await line.ask(max_tokens=20)).status == 200
    assert await kept(line) == 0


async def test_a_whole_answer_is_given_again_uncharged(line: Line) -> None:
    await start(line)
    line.upstream.play(answer(BODY, openai_version="2020-10-01", x_request_id="req_up"))
    first = await asked_once(line, max_tokens=20)
    again = await line.ask(headers=KEY, max_tokens=20)
    assert (again.status, again.body) == (200, BODY)
    assert (again.headers["idempotency-replayed"], again.headers["x-farebox-charged"]) == ("true", "0")
    assert "idempotency-replayed" not in first.headers
    for name in ("content-type", "x-request-id", "x-upstream-request-id", "openai-version"):
        assert again.headers[name] == first.headers[name]
    assert (await line.event())["charge"] == CHARGE
    assert (await line.view()).balance == SIZE - CHARGE
    assert len(line.upstream.requests) == 1


@pytest.mark.parametrize("tokens", [3, 1000])
async def test_a_stream_is_given_again_as_its_bytes(line: Line, tokens: int) -> None:
    await start(line)
    pieces = [delta(" on") for _ in range(tokens)]
    line.upstream.play(stream(*pieces, delta(None, finish="stop"), usage_event(PROMPT, tokens), DONE))
    first = await asked_once(line, stream=True)
    assert first.body.endswith(DONE)
    again = await line.ask(headers=KEY, stream=True)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (again.headers["idempotency-replayed"], again.request_id) == ("true", first.request_id)
    assert (await line.event())["charge"] == PROMPT + tokens


async def test_a_stream_that_was_ended_at_its_hold_is_given_again(line: Line) -> None:
    await start(line, size=PROMPT + 40, default_hold_tokens=16)
    line.upstream.play(stream(*[delta(" on") * 10] * 50, DONE))
    first = await asked_once(line, stream=True)
    assert b'"finish_reason":"length"' in first.body
    assert (await line.ask(headers=KEY, stream=True)).body == first.body


async def test_an_answer_that_broke_off_is_not_given_again(line: Line) -> None:
    await start(line)
    line.upstream.play(stream(delta(" on"), CUT))
    first = await line.ask(headers=KEY, stream=True)
    assert b"upstream_error" in first.body
    await line.at_rest()
    again = await line.ask(headers=KEY, stream=True)
    assert (again.status, again.error["details"]["charge"]) == (409, PROMPT + 1)
    assert await kept(line) == 0


async def test_an_answer_that_the_client_did_not_wait_for_is_given_again_when_it_was_whole(line: Line) -> None:
    await start(line)
    gate = Gate()
    line.upstream.play(stream(delta(on(3), finish="stop"), gate, usage_event(PROMPT, 3), DONE))
    response = await line.open(headers=KEY, stream=True)
    gate.open()
    await asyncio.wait_for(line.upstream.last.played.wait(), 5)
    await line.event()
    response.close()
    again = await line.ask(headers=KEY, stream=True)
    assert (again.status, again.body.endswith(DONE)) == (200, True)


async def test_an_answer_that_is_too_long_is_not_kept(line: Line) -> None:
    await start(line, meter={"idempotency_answer_bytes_max": len(BODY) - 1})
    line.upstream.play(answer(BODY))
    await asked_once(line, max_tokens=20)
    assert (await line.ask(headers=KEY, max_tokens=20)).status == 409
    assert await kept(line) == 0


async def test_another_body_gets_no_answer(line: Line) -> None:
    await start(line)
    line.upstream.play(answer(BODY))
    await asked_once(line, max_tokens=20)
    assert (await line.ask(headers=KEY, max_tokens=21)).status == 422


async def test_nobody_gets_the_answer_of_another_member(line: Line) -> None:
    await start(line)
    line.upstream.play(answer(BODY))
    await asked_once(line, max_tokens=20)
    for user_id, status in (("u2", 409), (None, 409), ("u1", 200)):
        url = f"/admin/v1/accounts/{line.wallet.account_id}/keys"
        made = await reply_of(await line.client.post(url, json={"user_id": user_id}, headers=ADMIN))
        other = {**KEY, "Authorization": f"Bearer {made.json['key']}"}
        assert (await line.ask(headers=other, max_tokens=20)).status == status, user_id


async def test_an_account_that_turns_it_off_leaves_no_answer_behind(line: Line) -> None:
    await start(line)
    url = f"/admin/v1/accounts/{line.wallet.account_id}"
    assert (await reply_of(await line.client.get(url, headers=ADMIN))).json["replay"] is True
    line.upstream.always = (answer(BODY),)
    await asked_once(line, max_tokens=20)
    assert await kept(line) == 1
    changed = await reply_of(await line.client.patch(url, json={"replay": False}, headers=ADMIN))
    assert (changed.status, changed.json["replay"]) == (200, False)
    assert await kept(line) == 0
    # The API key's record may say "keep" for some seconds more; what it asks for is not done.
    assert (await line.ask(headers={"Idempotency-Key": "another"}, max_tokens=20)).status == 200
    assert await kept(line) == 0
    assert (await line.ask(headers=KEY, max_tokens=20)).status == 409


async def test_old_answers_are_forgotten(line: Line) -> None:
    await start(line, meter={"idempotency_seconds": 3600})
    line.upstream.always = (answer(BODY),)
    await asked_once(line, max_tokens=20)
    answers = line.deps.books.answers
    assert await answers.forget_old() == 0
    await line.wallet.connection.execute("UPDATE kept_answers SET at = at - interval '3601 seconds'")
    assert (await line.ask(headers=KEY, max_tokens=20)).status == 409
    assert await answers.forget_old() == 1
    assert await kept(line) == 0
