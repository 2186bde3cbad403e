"""Other models answer when the one that was asked for can't, before anything reached the client."""

import json
from dataclasses import replace

from gateway.openapi.words import ATTEMPT
from tests.fakes.upstream import answer, completion, usage
from tests.integration.line import PROMPT, Line, on


async def test_a_fallback_answers_under_the_same_hold(line: Line) -> None:
    cheap = line.settings.models["simulated"]
    dear = {"prompt": 2_000_000, "cached": 2_000_000, "completion": 2_000_000}
    second = replace(cheap, name="second", provider="up", upstream_model="second-up", rates=dear)
    third = replace(cheap, name="third", provider="up", upstream_model="third-up")
    await line.start(fallbacks=("second", "third"), models={"second": second, "third": third})
    line.upstream.play(answer(b'{"error": {"message": "busy"}}', status=503))
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask(max_tokens=10)
    assert reply.status == 200
    assert [request.json["model"] for request in line.upstream.requests] == ["m", "second-up"]
    row = await line.event()
    assert (row["reserved"], row["charge"], row["model"]) == (2 * (PROMPT + 10), 2 * (PROMPT + 3), "m")
    (attempt,) = json.loads(row["attempts"])
    assert (attempt["model"], attempt["provider"], set(attempt)) == ("m", "up", set(ATTEMPT["required"]))


async def test_the_last_fallbacks_refusal_is_what_the_client_gets(line: Line) -> None:
    second = replace(line.settings.models["simulated"], name="second", provider="up", upstream_model="second")
    await line.start(fallbacks=("second",), models={"second": second})
    line.upstream.play(answer(b'{"error": {"message": "busy"}}', status=500))
    line.upstream.play(answer(b'{"error": {"message": "slow down"}}', status=429, retry_after="3"))
    reply = await line.ask(max_tokens=10)
    assert (reply.status, reply.json) == (429, {"error": {"message": "slow down"}})
    assert reply.headers["retry-after"] == "3"
    await line.uncharged()


async def test_a_refusal_of_the_request_itself_is_not_tried_elsewhere(line: Line) -> None:
    second = replace(line.settings.models["simulated"], name="second", provider="up", upstream_model="second")
    await line.start(fallbacks=("second",), models={"second": second})
    line.upstream.play(answer(b'{"error": {"message": "no"}}', status=400))
    assert (await line.ask(max_tokens=10)).status == 400
    assert len(line.upstream.requests) == 1
    await line.uncharged()
