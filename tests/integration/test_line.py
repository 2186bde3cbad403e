"""The relay: what the client gets is what the upstream sent, and what the upstream got is what the client asked."""

import json
import re
from dataclasses import replace

import pytest

from tests.fakes.upstream import DONE, STREAM_HEAD, answer, completion, delta, event, part, stream, usage, usage_event
from tests.integration.line import PROMPT, SIZE, Line, on, reply_of, texts_of

FILTER = event({"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]})
HEAD = event({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"role": "assistant"}}], "usage": None})
WORDS = (delta(" on"), delta(" on 🚌 お", new_field={"a": [1]}), delta(" on", finish="stop", obfuscation="xY"))
TEXT = " on on 🚌 お on"
USAGE = usage_event(PROMPT, 9, completion_tokens_details={"reasoning_tokens": 0})
RECORDED = b"".join((FILTER, b": ping\n\n", HEAD, *WORDS, USAGE, DONE))
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
COMMENT = re.compile(rb": farebox charged=(\d+) available=(-?\d+)\n\n")
CRLF = RECORDED.replace(b"\n", b"\r\n")


async def test_a_whole_answer_arrives_as_it_was_sent(line: Line) -> None:
    await line.start()
    body = completion(on(3), usage(PROMPT, 3), finish="stop", something={"new": [1, 2.50, None]})
    line.upstream.play(
        answer(
            body,
            x_request_id="req_up",
            openai_organization="org-ours",
            x_ratelimit_remaining_tokens="7",
            set_cookie="a=b",
            openai_version="2020-10-01",
        )
    )
    reply = await line.ask(max_tokens=20)
    assert (reply.status, reply.body) == (200, body)
    assert UUID7.fullmatch(reply.request_id)
    assert reply.headers["x-upstream-request-id"] == "req_up"
    assert reply.headers["x-farebox-charged"] == str(PROMPT + 3)
    assert reply.headers["x-farebox-available"] == str(SIZE - PROMPT - 3)
    assert reply.headers["openai-version"] == "2020-10-01"
    assert reply.headers.keys().isdisjoint(
        {"openai-organization", "x-ratelimit-remaining-tokens", "set-cookie", "x-farebox-clamped-to"}
    )


async def test_one_event_and_one_entry_tell_what_a_request_cost(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    reply = await line.ask(
        max_tokens=20,
        metadata={"session_id": "ignored"},
        headers={"X-Session-Id": "s1", "X-Farebox-Reason": "why", "X-Farebox-Feature": "chat"},
    )
    event = await line.event()
    assert str(event["request_id"]) == reply.request_id
    expected = {
        "endpoint": "chat/completions",
        "model": "m",
        "provider": "up",
        "user_id": "u1",
        "resource": "tokens",
        "reserved": PROMPT + 20,
        "charge": PROMPT + 3,
        "prompt_tokens": PROMPT,
        "completion_tokens": 3,
        "counted_prompt_tokens": PROMPT,
        "counted_completion_tokens": 3,
        "source": "upstream",
        "status": "completed",
        "session_id": "s1",
        "reason": "why",
        "feature": "chat",
        "surplus_amount": PROMPT + 3,
        "allocated_amount": 0,
    }
    assert {name: event[name] for name in expected} == expected
    (entry,) = await line.entries("usage")
    assert (entry["amount"], entry["delta"], entry["book_to"]) == (PROMPT + 3, -PROMPT - 3, "usage")
    assert (entry["prompt_tokens"], entry["completion_tokens"]) == (PROMPT, 3)
    assert (entry["balance_after"], entry["service"]) == (SIZE - PROMPT - 3, "chat")


async def test_the_upstream_gets_every_field_but_those_that_are_ours(line: Line) -> None:
    await line.start(models={})
    line.upstream.play(stream(delta(" on", finish="stop"), usage_event(PROMPT, 1), DONE))
    reply = await line.ask(
        stream=True,
        stream_options={"include_obfuscation": False, "later": 1},
        temperature=0.25,
        a_new_field={"deep": [1, {"x": None}]},
        max_completion_tokens=77,
        headers={"OpenAI-Organization": "theirs", "X-Session-Id": "s", "Cookie": "c=d"},
    )
    assert reply.status == 200
    got = line.upstream.last
    assert got.line == "POST /v1/chat/completions HTTP/1.1"
    assert got.json == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_obfuscation": False, "later": 1, "include_usage": True},
        "temperature": 0.25,
        "a_new_field": {"deep": [1, {"x": None}]},
        "max_completion_tokens": 77,
    }
    assert got.headers.keys().isdisjoint({"authorization", "openai-organization", "cookie", "x-session-id"})
    assert "fbx_" not in json.dumps(got.headers)


async def test_a_whole_request_is_not_given_stream_options(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion(" on", usage(PROMPT, 1))))
    await line.ask(max_tokens=5)
    assert "stream_options" not in line.upstream.last.json
    assert line.upstream.last.json["max_tokens"] == 5


@pytest.mark.parametrize("recorded", [RECORDED, CRLF], ids=["lf", "crlf"])
async def test_a_stream_cut_anywhere_arrives_unchanged_but_for_the_usage_event(line: Line, recorded: bytes) -> None:
    await line.start(meter={"charge_comment": False})
    withheld = USAGE if recorded is RECORDED else USAGE.replace(b"\n", b"\r\n")
    expected = recorded.replace(withheld, b"")
    assert len(expected) == len(recorded) - len(withheld)
    for place in range(len(recorded) + 1):
        pieces = [piece for piece in (recorded[:place], recorded[place:]) if piece]
        line.upstream.play(stream(*pieces))
        reply = await line.ask(stream=True)
        assert (reply.status, reply.body) == (200, expected), f"cut at {place}"
    await line.at_rest()
    events = await line.wallet.events()
    assert len(events) == len(recorded) + 1
    assert {(row["charge"], row["source"], row["status"]) for row in events} == {(PROMPT + 9, "upstream", "completed")}


async def test_a_stream_that_comes_byte_by_byte_arrives_unchanged(line: Line) -> None:
    await line.start(meter={"charge_comment": False})
    for asked, expected in ((False, RECORDED.replace(USAGE, b"")), (True, RECORDED)):
        line.upstream.play(stream(*(bytes([byte]) for byte in RECORDED)))
        reply = await line.ask(stream=True, **({"stream_options": {"include_usage": True}} if asked else {}))
        assert reply.body == expected
        assert texts_of(reply.body) == {0: TEXT}


async def test_chunks_of_http_may_be_split_anywhere_too(line: Line) -> None:
    await line.start(meter={"charge_comment": False})
    sent = STREAM_HEAD + part(RECORDED) + b"0\r\n\r\n"
    for place in range(1, len(sent), 7):
        line.upstream.play(sent[:place], sent[place:])
        assert (await line.ask(stream=True)).body == RECORDED.replace(USAGE, b"")
    await line.at_rest()


async def test_who_asked_for_usage_gets_it(line: Line) -> None:
    await line.start()
    line.upstream.play(stream(HEAD, *WORDS, USAGE, DONE))
    reply = await line.ask(stream=True, stream_options={"include_usage": True})
    comment = b": farebox charged=%d available=%d\n\n" % (PROMPT + 9, SIZE - PROMPT - 9)
    assert reply.body == b"".join((HEAD, *WORDS, USAGE, comment, DONE))


async def test_a_comment_before_the_end_tells_the_charge(line: Line) -> None:
    await line.start()
    line.upstream.play(stream(HEAD, *WORDS, USAGE, DONE))
    reply = await line.ask(stream=True, max_tokens=50)
    found = COMMENT.search(reply.body)
    assert found is not None
    assert (int(found[1]), int(found[2])) == (PROMPT + 9, SIZE - PROMPT - 9)
    assert reply.body == b"".join((HEAD, *WORDS, found[0], DONE))
    # What is known when the head goes out: the whole hold is reserved.
    assert reply.headers["x-farebox-available"] == str(SIZE - PROMPT - 50)
    assert "x-farebox-charged" not in reply.headers
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["cache-control"] == "no-cache"
    assert (await line.event())["charge"] == PROMPT + 9


@pytest.mark.parametrize("asked", [False, True])
async def test_usage_on_an_event_with_choices_is_passed_on(line: Line, *, asked: bool) -> None:
    """Some upstreams report usage with the last piece of text; only an event without choices is ours to withhold."""
    await line.start(meter={"charge_comment": False})
    last = delta(" on", finish="stop", usage=usage(PROMPT, 2))
    line.upstream.play(stream(delta(" on"), FILTER, last, DONE))
    reply = await line.ask(stream=True, **({"stream_options": {"include_usage": True}} if asked else {}))
    assert reply.body == b"".join((delta(" on"), FILTER, last, DONE))
    event = await line.event()
    assert (event["charge"], event["source"]) == (PROMPT + 2, "upstream")


async def test_events_are_relayed_at_once(line: Line) -> None:
    from tests.fakes.upstream import Gate  # noqa: PLC0415 - used here only

    await line.start(meter={"charge_comment": False})
    gates = [Gate() for _ in WORDS]
    line.upstream.play(stream(HEAD, *(step for pair in zip(gates, WORDS, strict=True) for step in pair), DONE))
    response = await line.open(stream=True)
    assert await response.content.readexactly(len(HEAD)) == HEAD
    for gate, word in zip(gates, WORDS, strict=True):
        gate.open()
        assert await response.content.readexactly(len(word)) == word
    assert (await reply_of(response)).body == DONE


async def test_several_choices_are_counted_together(line: Line) -> None:
    await line.start()
    line.upstream.play(
        stream(
            delta(" on on"), delta(" on", index=1), delta(" on", index=1, finish="stop"), delta("", finish="stop"), DONE
        )
    )
    reply = await line.ask(stream=True, n=2, max_tokens=10)
    assert texts_of(reply.body) == {0: on(2), 1: on(2)}
    event = await line.event()
    assert (event["reserved"], event["charge"], event["source"]) == (PROMPT + 20, PROMPT + 4, "tokenizer")


async def test_tool_calls_are_counted_and_relayed(line: Line) -> None:
    await line.start(meter={"charge_comment": False})
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "foo", "arguments": ""}}
    first = event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    more = event({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]})
    end = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    line.upstream.play(stream(first, more, end, DONE))
    tools = [{"type": "function", "function": {"name": "foo", "parameters": {"type": "object", "properties": {}}}}]
    reply = await line.ask(stream=True, tools=tools)
    assert reply.body == b"".join((first, more, end, DONE))
    row = await line.event()
    # Reference vector T2: 31 tokens of prompt; "foo" and "{}" are one token each.
    assert (row["prompt_tokens"], row["completion_tokens"], row["source"]) == (31, 2, "tokenizer")


async def test_the_path_without_prefix_and_other_ways_to_give_the_key(line: Line) -> None:
    await line.start()
    line.upstream.always = (answer(completion(" on", usage(PROMPT, 1))),)
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    for path in ("/v1/chat/completions", "/chat/completions"):
        for headers in (line.wallet.auth, {"api-key": line.wallet.key}, {"x-api-key": line.wallet.key}):
            reply = await reply_of(await line.client.post(path, json=body, headers=headers))
            assert reply.status == 200, (path, headers)
    view = await line.at_rest()
    assert view.balance == SIZE - 6 * (PROMPT + 1)


async def test_models_are_those_that_the_key_may_use(line: Line) -> None:
    await line.start(models={})
    listed = await reply_of(await line.client.get("/v1/models", headers=line.wallet.auth))
    assert listed.json["object"] == "list"
    assert {"m", "simulated"} <= {model["id"] for model in listed.json["data"]}
    assert {"id", "object", "created", "owned_by"} == listed.json["data"][0].keys()
    await line.wallet.connection.execute("UPDATE api_keys SET models = '{m}'")
    client = await line.begin(replace(line.settings, auth=replace(line.settings.auth, cache_seconds=0)))
    limited = await reply_of(await client.get("/v1/models", headers=line.wallet.auth))
    assert [model["id"] for model in limited.json["data"]] == ["m"]
    one = await reply_of(await client.get("/v1/models/m", headers=line.wallet.auth))
    assert one.json["id"] == "m"
    other = await reply_of(await client.get("/v1/models/simulated", headers=line.wallet.auth))
    assert other.status == 404
    assert other.error["code"] in {"not_found", "model_not_found"}
    unknown = await reply_of(await client.get("/v1/models", headers={"Authorization": "Bearer fbx_nobody"}))
    assert (unknown.status, unknown.error["code"]) == (401, "invalid_api_key")
