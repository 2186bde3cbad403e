"""Upstreams that send nonsense: the client is told, what was produced is charged, what was not is not."""

from dataclasses import replace

import pytest

from tests.fakes.upstream import (
    CLOSE,
    DONE,
    Step,
    answer,
    completion,
    delta,
    event,
    head,
    stream,
    usage,
    usage_event,
)
from tests.integration.line import PROMPT, Line, Reply, on

HTML = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
SCRIPT = b'<html><script>var state = {"text": "Please wait a little", "content": "we are busy"}</script></html>'
END = delta(None, finish="stop")


def failed(reply: Reply) -> None:
    """Check a 502 that says what is wrong, and no more."""
    assert (reply.status, reply.error["code"], reply.error["type"]) == (502, "upstream_error", "server_error")


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("body", [HTML, SCRIPT], ids=["plain", "with a script"])
async def test_html_costs_nothing(line: Line, body: bytes, *, streamed: bool) -> None:
    await line.start()
    line.upstream.play(answer(body, content_type="text/html"))
    reply = await line.ask(stream=streamed, max_tokens=50)
    failed(reply)
    assert b"<h1>" not in reply.body
    await line.uncharged()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"42", b"{}", b'{"choices": []}', b'{"choices": null}', b'{"choices": "none"}',
        b'{"detail": {"text": "the server is busy", "content": "no"}}', b'{"message": {"content": "busy"}}',
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("streamed", [True, False])
async def test_json_that_is_no_completion_costs_nothing(line: Line, body: bytes, *, streamed: bool) -> None:
    await line.start()
    line.upstream.play(answer(body))
    failed(await line.ask(stream=streamed, max_tokens=50))
    await line.uncharged()


async def test_half_a_json_is_charged_as_far_as_it_goes(line: Line) -> None:
    await line.start()
    body = completion(on(20), usage(PROMPT, 20))
    line.upstream.play(answer(body[: body.index(b" on") + len(on(7))]))
    failed(await line.ask(max_tokens=50))
    row = await line.event()
    assert (row["charge"], row["source"], row["status"]) == (PROMPT + 7, "tokenizer", "upstream_gone")


async def test_an_error_inside_a_whole_200_costs_nothing(line: Line) -> None:
    await line.start()
    body = b'{"error": {"message": "overloaded", "type": "server_error", "param": null, "code": null}}'
    line.upstream.play(answer(body))
    reply = await line.ask(max_tokens=50)
    assert reply.status >= 500
    assert reply.error["message"] == "overloaded"
    await line.uncharged()


@pytest.mark.parametrize("reported", [True, False])
async def test_a_stream_without_done_is_whole_when_its_text_is(line: Line, *, reported: bool) -> None:
    await line.start()
    events = (delta(" on"), delta(" on"), END, *((usage_event(PROMPT, 9),) if reported else ()))
    line.upstream.play(stream(*events))
    reply = await line.ask(stream=True, stream_options={"include_usage": True}, max_tokens=50)
    assert reply.body == b"".join(events)
    row = await line.event()
    expected = (PROMPT + 9, "upstream") if reported else (PROMPT + 2, "tokenizer")
    assert (row["charge"], row["source"]) == expected


@pytest.mark.parametrize("how", ["end of chunks", "end of file"])
async def test_a_stream_that_stops_in_mid_text_looks_broken(line: Line, how: str) -> None:
    """A clean end would look complete to every client (reference, 2.1)."""
    await line.start()
    steps: tuple[Step, ...] = (delta(" on"), delta(" on"))
    if how == "end of file":
        line.upstream.play(head(content_type="text/event-stream"), *steps, CLOSE)
    else:
        line.upstream.play(stream(*steps))
    reply = await line.ask(stream=True, max_tokens=50)
    relayed, mark, _ = reply.body.partition(b'data: {"error"')
    assert relayed == delta(" on") * 2
    assert mark
    row = await line.event()
    assert (row["charge"], row["status"], row["source"]) == (PROMPT + 2, "upstream_gone", "tokenizer")


@pytest.mark.parametrize("tokens", [0, 3])
@pytest.mark.parametrize("done", [True, False])
async def test_an_error_inside_a_200_stream(line: Line, tokens: int, *, done: bool) -> None:
    await line.start()
    error = event({"error": {"message": "overloaded", "type": "server_error", "param": None, "code": "busy"}})
    line.upstream.play(stream(*[delta(" on")] * tokens, error, *([DONE] if done else [])))
    reply = await line.ask(stream=True, max_tokens=50)
    assert reply.status == 200
    assert reply.body.startswith(delta(" on") * tokens + error)
    if tokens:
        row = await line.event()
        assert (row["charge"], row["source"]) == (PROMPT + tokens, "tokenizer")
    else:
        await line.uncharged()


async def test_a_stream_of_nothing_costs_nothing(line: Line) -> None:
    await line.start()
    line.upstream.play(stream(DONE))
    reply = await line.ask(stream=True, max_tokens=50)
    assert (reply.status, reply.body) == (200, DONE)
    await line.uncharged()


UNBELIEVABLE = {
    "negative completion": usage(PROMPT, -5),
    "negative prompt": usage(-PROMPT, 5),
    "absurd completion": usage(PROMPT, 10**12),
    "absurd prompt": usage(10**12, 5),
    "beyond 64 bits": usage(PROMPT, 2**70),
    "too little": usage(PROMPT, 2),
    "nothing": usage(0, 0),
    "more cached than there is": usage(PROMPT, 5, prompt_tokens_details={"cached_tokens": PROMPT + 1}),
    "negative cached": usage(PROMPT, 5, prompt_tokens_details={"cached_tokens": -1}),
    "negative reasoning": usage(PROMPT, 5, completion_tokens_details={"reasoning_tokens": -7}),
}
UNREADABLE = {
    "text": {"prompt_tokens": "8", "completion_tokens": "5"},
    "fractions": {"prompt_tokens": 8.5, "completion_tokens": 5.5},
    "null": {"prompt_tokens": None, "completion_tokens": None},
    "empty": {},
    "list": [8, 5],
    "flags": {"prompt_tokens": True, "completion_tokens": False},
}


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("reported", UNBELIEVABLE.values(), ids=list(UNBELIEVABLE))
async def test_usage_that_cannot_be_true_is_not_believed(
    line: Line, reported: dict[str, object], *, streamed: bool
) -> None:
    await line.start()
    await ask_for_five(line, reported, streamed=streamed)
    row = await line.event()
    assert (row["charge"], row["source"]) == (PROMPT + 5, "policy")
    assert (row["prompt_tokens"], row["completion_tokens"]) == (PROMPT, 5)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("reported", UNREADABLE.values(), ids=list(UNREADABLE))
async def test_usage_that_cannot_be_read_is_none(line: Line, reported: object, *, streamed: bool) -> None:
    await line.start()
    await ask_for_five(line, reported, streamed=streamed)
    row = await line.event()
    assert (row["charge"], row["source"]) == (PROMPT + 5, "tokenizer")


async def ask_for_five(line: Line, reported: object, *, streamed: bool) -> None:
    """Get an answer of five tokens with this usage."""
    if streamed:
        last = event({"choices": [], "usage": reported})
        line.upstream.play(stream(delta(on(5)), END, last, DONE))
    else:
        line.upstream.play(answer(completion(on(5), reported)))
    reply = await line.ask(stream=streamed, max_tokens=50)
    assert reply.status == 200
    if streamed and isinstance(reported, dict):
        assert b'"usage"' not in reply.body, "who did not ask for usage gets none, true or not"


async def test_usage_above_the_hold_is_believed_up_to_what_the_model_can_do(line: Line) -> None:
    await line.start(context_tokens=1000)
    line.upstream.always = (answer(completion(on(5), usage(PROMPT, 1050))),)
    await line.ask(max_tokens=50)
    assert (await line.event())["charge"] == PROMPT + 1050
    line.upstream.always = (answer(completion(on(5), usage(PROMPT, 1051))),)
    await line.ask(max_tokens=50)
    await line.at_rest()
    assert [row["charge"] for row in await line.wallet.events()] == [PROMPT + 1050, PROMPT + 5]


async def test_an_event_too_long_to_be_read_is_relayed_and_its_usage_charged(line: Line) -> None:
    await line.start(meter={"charge_comment": False})
    long = delta(None, image="i" * 3_000_000)
    line.upstream.play(stream(long, usage_event(PROMPT, 900), DONE))
    reply = await line.ask(stream=True, max_tokens=1000)
    assert reply.body == long + DONE
    row = await line.event()
    assert (row["charge"], row["source"]) == (PROMPT + 900, "upstream")


async def test_text_in_an_event_too_long_to_be_read_is_not_free(line: Line) -> None:
    """Nothing else tells how much it was, so at least what the same bytes cost in readable events."""
    await line.start(meter={"charge_comment": False})
    long = delta(on(400_000), finish="stop")
    line.upstream.play(stream(long, DONE))
    reply = await line.ask(stream=True, max_tokens=500_000)
    assert reply.body == long + DONE
    assert (await line.event())["charge"] >= PROMPT + 400_000


@pytest.mark.parametrize(
    "first",
    [
        b"data: {half\n\n", b"data: \xff\xfe\n\n", b"data: []\n\n", b"data: 7\n\n", b"event: x\nid: 1\nretry: 5\n\n",
        b'data: {"choices": [null]}\n\n', b'data: {"choices": [{"delta": {"content": 7}}]}\n\n', b"\n\n\n", b": c\n\n",
        b'data: {"choices": [{"index": -1, "delta": null}]}\n\n', b"data:" + b"[" * 10_000 + b"\n\n",
    ],
    ids=str,
)  # fmt: skip
async def test_events_that_cannot_be_read_are_relayed(line: Line, first: bytes) -> None:
    await line.start(meter={"charge_comment": False})
    line.upstream.play(stream(first, delta(" on"), first, END, usage_event(PROMPT, 1), DONE))
    reply = await line.ask(stream=True, max_tokens=50)
    assert reply.body == first + delta(" on") + first + END + DONE
    assert (await line.event())["charge"] == PROMPT + 1


async def test_half_a_surrogate_pair_in_a_stream_is_relayed_and_counted(line: Line) -> None:
    await line.start(meter={"charge_comment": False})
    halves = [delta("X").replace(b'"X"', text) for text in (b'"\\ud83d"', b'"\\ude8c"')]
    line.upstream.play(stream(*halves, END, DONE))
    reply = await line.ask(stream=True, max_tokens=50)
    assert reply.body == b"".join((*halves, END, DONE))
    row = await line.event()
    assert PROMPT + 1 <= row["charge"] <= PROMPT + 6


async def test_a_whole_answer_to_who_asked_for_a_stream(line: Line) -> None:
    await line.start()
    body = completion(on(3), usage(PROMPT, 3))
    line.upstream.play(answer(body))
    reply = await line.ask(stream=True, max_tokens=50)
    assert (reply.status, reply.body) == (200, body)
    assert (await line.event())["charge"] == PROMPT + 3


async def test_an_answer_that_is_too_large(line: Line) -> None:
    await line.start(sections={"upstream": replace(line.settings.upstream, body_bytes_max=20_000)})
    line.upstream.play(answer(completion(on(50_000), usage(PROMPT, 50_000))))
    failed(await line.ask(max_tokens=60_000))
    row = await line.event()
    assert PROMPT < row["charge"] <= PROMPT + 50_000


async def test_a_head_that_is_too_large(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3)), x_big="b" * 100_000))
    failed(await line.ask(max_tokens=50))
    await line.uncharged()


async def test_what_is_no_http(line: Line) -> None:
    await line.start()
    line.upstream.play(b"SSH-2.0-OpenSSH_9.2\r\n", CLOSE)
    failed(await line.ask(max_tokens=50))
    await line.uncharged()
