"""Requests for a feature: charged by its words, characters or units, and by the card that they began with."""

import json
from dataclasses import replace
from typing import Any

from config.settings import FeatureSettings
from tests.conftest import deps_of
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.line import ADMIN, PROMPT, SIZE, Line, on

BOTS = {"X-Farebox-Feature": "ai_bots"}
TEXT = "Well, it's 3.5 o'clock: time for tea, isn't it?"
WORDS = 9


async def make_feature(line: Line, key: str = "ai_bots", **rate: Any) -> None:
    """Create a feature, and its first rate."""
    created = await line.client.post("/admin/v1/features", json={"key": key, "name": "AI Bots"}, headers=ADMIN)
    assert created.status == 201
    await make_rate(line, key, **rate)


async def make_rate(line: Line, key: str = "ai_bots", **rate: Any) -> None:
    """Give a feature another version of a rate."""
    path = f"/admin/v1/features/{key}/rates"
    added = await line.client.post(path, json={"rate": 2.5, "base": "word", **rate}, headers=ADMIN)
    assert added.status == 201, await added.text()


async def test_a_reply_is_charged_by_the_word(line: Line) -> None:
    await line.start()
    await make_feature(line)
    line.upstream.play(answer(completion(TEXT, usage(PROMPT, 16))))
    reply = await line.ask(max_tokens=20, headers=BOTS)
    assert reply.headers["x-farebox-charged"] == "23"  # 9 words at 2.5, rounded up
    event = await line.event()
    assert (event["reserved"], event["charge"], event["completion_tokens"]) == (50, 23, 16)
    assert (event["feature"], event["rate_version"]) == ("ai_bots", "feature:ai_bots:*:tokens@1")
    assert (event["rates"], json.loads(event["details"])) == ([0, 0, 2_500_000], {"base": "word", "units": WORDS})
    (entry,) = await line.entries("usage")
    assert (entry["amount"], entry["service"]) == (23, "ai_bots")


async def test_a_stream_is_charged_by_the_word_and_grows_by_it(line: Line) -> None:
    await line.start(default_hold_tokens=8, meter={"clamp": "never"})
    await make_feature(line)
    pieces = [delta(word) for word in ("one ", "two", " three ", "four five ", "six seven eight nine ten")]
    line.upstream.play(*stream(*pieces, delta(finish="stop"), usage_event(PROMPT, 14), DONE))
    reply = await line.ask(stream=True, headers=BOTS)
    assert b": farebox charged=25 available=" in reply.body
    event = await line.event()
    assert (event["charge"], event["source"], event["status"]) == (25, "upstream", "completed")
    assert event["reserved"] > 8 * 2.5


async def test_a_stream_by_the_word_ends_when_its_words_are_used_up(line: Line) -> None:
    await line.start(size=20, default_hold_tokens=8)
    await make_feature(line)
    gate = Gate()
    line.upstream.play(*stream(delta("word " * 8), gate, delta("word " * 100)))
    reply = await line.ask(stream=True, headers=BOTS)
    assert b'"finish_reason":"length"' in reply.body
    event = await line.event()
    assert (event["charge"], event["status"]) == (20, "cut_off")


async def test_a_stream_by_the_character_ends_when_its_characters_are_used_up(line: Line) -> None:
    await line.start(size=200, default_hold_tokens=4)
    await make_feature(line, base="character", rate=1)
    line.upstream.play(*stream(*[delta("word ")] * 100))
    reply = await line.ask(stream=True, headers=BOTS)
    assert b'"finish_reason":"length"' in reply.body
    event = await line.event()
    assert (event["charge"], event["debt_amount"], event["status"]) == (200, 0, "cut_off")


async def test_characters_and_units_have_their_own_rates(line: Line) -> None:
    await line.start()
    await make_feature(line, "typed", base="character", rate=0.1)
    await make_feature(line, "asked", base="unit", rate=7)
    for _ in range(2):
        line.upstream.play(answer(completion(TEXT, usage(PROMPT, 16))))
    typed = await line.ask(max_tokens=20, headers={"X-Farebox-Feature": "typed"})
    asked = await line.ask(max_tokens=20, headers={"X-Farebox-Feature": "asked"})
    assert typed.headers["x-farebox-charged"] == str(-(-len(TEXT) // 10))
    assert asked.headers["x-farebox-charged"] == "7"
    await line.at_rest()
    assert [event["reserved"] for event in await line.wallet.events()] == [32, 7]


async def test_a_models_own_rate_of_a_feature_comes_before_that_for_any(line: Line) -> None:
    await line.start()
    await make_feature(line)
    await make_rate(line, model="m", base="token", rate=2, prompt_rate=0.5)
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask(max_tokens=20, headers=BOTS)
    assert reply.headers["x-farebox-charged"] == str(PROMPT // 2 + 6)


async def test_a_new_version_counts_from_the_next_request_on(line: Line) -> None:
    await line.start()
    await make_feature(line)
    gate = Gate()
    line.upstream.play(gate, answer(completion("one two", usage(PROMPT, 2))))
    line.upstream.play(answer(completion("one two", usage(PROMPT, 2))))
    line.upstream.play(answer(completion("one two", usage(PROMPT, 2))))
    running = line.deps.meter.spawn(line.ask(max_tokens=20, headers=BOTS), "ask")
    await gate.reached.wait()
    await make_rate(line, rate=10)
    gate.open()
    assert (await running).headers["x-farebox-charged"] == "5"
    assert (await line.ask(max_tokens=20, headers=BOTS)).headers["x-farebox-charged"] == "20"
    await make_rate(line, rate=None)  # the rate has ended: the feature is a name only
    reply = await line.ask(max_tokens=20, headers=BOTS)
    assert reply.headers["x-farebox-charged"] == str(PROMPT + 2)
    await line.at_rest()
    versions = [event["rate_version"].rpartition("@")[2] for event in await line.wallet.events()]
    assert versions[:2] == ["1", "2"]


async def test_a_key_has_a_feature_for_clients_that_send_no_header(line: Line) -> None:
    await line.start()
    await make_feature(line)
    await line.wallet.connection.execute("UPDATE api_keys SET feature = 'ai_bots'")
    line.upstream.play(answer(completion("one two", usage(PROMPT, 2))))
    assert (await line.ask(max_tokens=20)).headers["x-farebox-charged"] == "5"
    assert (await line.event())["feature"] == "ai_bots"


async def test_an_unknown_feature_is_a_name_only_or_refused(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion(on(2), usage(PROMPT, 2))))
    reply = await line.ask(max_tokens=20, headers={"X-Farebox-Feature": "nobody made it"})
    assert reply.headers["x-farebox-charged"] == str(PROMPT + 2)
    line.clients.append(await line.begin(replace(line.settings, features=FeatureSettings(unknown="refuse"))))
    refused = await line.ask(max_tokens=20, headers={"X-Farebox-Feature": "nobody made it"})
    assert (refused.status, refused.error["param"]) == (400, "X-Farebox-Feature")
    assert len(line.upstream.requests) == 1


async def test_a_fallback_is_charged_by_its_own_rate_of_the_feature(line: Line) -> None:
    second = replace(line.settings.models["simulated"], name="second", provider="up", upstream_model="second")
    await line.start(fallbacks=("second",), models={"second": second})
    await make_feature(line)
    await make_rate(line, model="second", base="unit", rate=70)
    line.upstream.play(answer(b'{"error": {"message": "busy"}}', status=503))
    line.upstream.play(answer(completion("one two", usage(PROMPT, 2))))
    reply = await line.ask(max_tokens=20, headers=BOTS)
    assert reply.headers["x-farebox-charged"] == "70"
    event = await line.event()
    assert (event["reserved"], event["rate_version"]) == (70, "feature:ai_bots:second:tokens@1")


async def test_facts_do_not_grow_for_requests_without_a_feature(line: Line) -> None:
    await line.start()
    gate = Gate()
    line.upstream.play(gate, answer(completion(on(2), usage(PROMPT, 2))))
    running = line.deps.meter.spawn(line.ask(max_tokens=20), "ask")
    await gate.reached.wait()
    (hold,) = deps_of(line.client).meter.holds.values()
    facts = json.loads(hold.facts_json)
    assert facts.keys().isdisjoint({"base", "details", "cost"})
    assert facts["rates"] == [1_000_000, 1_000_000, 1_000_000]
    gate.open()
    await running
    assert (await line.event())["details"] is None
    assert SIZE - await line.balance() == PROMPT + 2
