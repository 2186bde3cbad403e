import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.core.tally import CompletionTally, partial_text
from providers.wire.chat import Chunk, Response, decode_chunk, decode_response

Count = Callable[[str], int]


def chunk(*choices: dict[str, Any], **more: object) -> Chunk:
    decoded = decode_chunk(json.dumps({"choices": choices, **more}).encode())
    assert decoded is not None
    return decoded


def content(text: str | None, index: int = 0, finish: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": {"content": text}, "finish_reason": finish}


def tool(number: int | None, name: str | None, arguments: str | None, index: int = 0) -> dict[str, Any]:
    call = {"index": number, "function": {"name": name, "arguments": arguments}}
    return {"index": index, "delta": {"tool_calls": [call]}}


def response(**fields: object) -> Response:
    decoded = decode_response(json.dumps(fields).encode())
    assert decoded is not None
    return decoded


def tally_of(count: Count, *chunks: Chunk, stop_token: bool = False) -> CompletionTally:
    tally = CompletionTally(count, stop_token=stop_token)
    for one in chunks:
        tally.add_chunk(one)
    return tally


def test_nothing_said_counts_nothing(o200k: Count) -> None:
    tally = CompletionTally(o200k, stop_token=True)
    assert (tally.count(), tally.running(), tally.ceiling, tally.reported) == (0, 0, 0, None)


def test_text_is_counted_joined_not_by_its_pieces(o200k: Count) -> None:
    tally = tally_of(o200k, *[chunk(content(c)) for c in "antidisestablishmentarianism"])
    assert tally.count() == 6


def test_choices_that_interleave_are_counted_apart(o200k: Count) -> None:
    chunks = [chunk(content(a, 0), content(b, 1)) for a, b in zip("hello world", "lo and behold", strict=False)]
    assert tally_of(o200k, *chunks).count() == o200k("hello world") + o200k("lo and behold"[:11])


def test_tool_calls_are_told_apart_by_choice_and_number(o200k: Count) -> None:
    chunks = [
        chunk(tool(0, "get_weather", "")),
        chunk(tool(1, "get_time", None)),
        chunk(tool(0, None, '{"city": "Pa'), tool(0, "get_weather", '{"city": "Ro', index=1)),
        chunk(tool(1, None, "{}")),
        chunk(tool(0, None, 'ris"}'), tool(0, None, 'me"}', index=1)),
    ]
    texts = ["get_weather", '{"city": "Paris"}', "get_time", "{}", "get_weather", '{"city": "Rome"}']
    assert tally_of(o200k, *chunks).count() == sum(map(o200k, texts))


def test_tool_calls_without_numbers_are_told_apart_by_place(o200k: Count) -> None:
    call = {"function": {"name": "get_time", "arguments": "{}"}}
    answer = response(choices=[{"message": {"content": None, "tool_calls": [call, call]}}])
    tally = CompletionTally(o200k, stop_token=False)
    tally.add_response(answer)
    assert tally.count() == 2 * (o200k("get_time") + o200k("{}"))


def test_every_kind_of_text_is_counted_as_one_of_its_own(o200k: Count) -> None:
    delta = {
        "content": "hello world",
        "refusal": "I can't",
        "reasoning_content": "Let me think",
        "reasoning": "Let me think",  # the same text under its other name
        "function_call": {"name": "get_time", "arguments": "{}"},
        "tool_calls": [{"index": 0, "custom": {"name": "run", "input": "print()"}}],
    }
    texts = ["hello world", "I can't", "Let me think", "get_time", "{}", "run", "print()"]
    assert tally_of(o200k, chunk({"delta": delta})).count() == sum(map(o200k, texts))


def test_legacy_completions_are_counted(o200k: Count) -> None:
    tally = CompletionTally(o200k, stop_token=False)
    tally.add_response(response(choices=[{"index": 0, "text": "hello world", "finish_reason": "length"}]))
    assert tally.count() == 2


@pytest.mark.parametrize(
    ("reason", "stop_token", "tokens"),
    [
        ("stop", True, 3),
        ("tool_calls", True, 3),
        ("length", True, 2),
        ("content_filter", True, 2),
        ("stop", False, 2),
        (None, True, 2),
    ],
)
def test_stop_token_is_counted_where_the_model_stopped(
    *, reason: str | None, stop_token: bool, tokens: int, o200k: Count
) -> None:
    chunks = [chunk(content("hello world")), chunk(content(None, finish=reason))]
    tally = tally_of(o200k, *chunks, stop_token=stop_token)
    assert tally.count() == tally.running() == tokens
    assert tally.finish_reasons == ({0: reason} if reason else {})


def test_stop_token_is_counted_once_for_each_choice(o200k: Count) -> None:
    ends = [chunk(content("hello", i, "stop")) for i in (0, 1)]
    tally = tally_of(o200k, *ends, chunk(content(None, 0, "stop")), stop_token=True)
    assert tally.count() == 4
    assert tally.ceiling >= 4


def test_last_usage_is_reported(o200k: Count) -> None:
    usages = [{"prompt_tokens": 5, "completion_tokens": n} for n in (1, 2, 3)]
    tally = tally_of(o200k, *[chunk(usage=u) for u in usages], chunk(usage=None), chunk(content("x")))
    assert tally.reported is not None
    assert (tally.reported.prompt_tokens, tally.reported.completion_tokens) == (5, 3)


PIECES = [*"aAz Sst09'.,\n\t\r 中。é👍\u0301\ud83d\ude00", " the", "'ll", "don't", "   ", "hello", "x" * 50]
pieces = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30)


@settings(deadline=None, max_examples=300)
@given(pieces=pieces, asked=st.sets(st.integers(0, 30)), encoding=st.sampled_from(["o200k", "cl100k"]))
def test_count_is_that_of_the_joined_text_whenever_it_was_asked_before(
    o200k: Count, cl100k: Count, pieces: list[str], asked: set[int], encoding: str
) -> None:
    count = o200k if encoding == "o200k" else cl100k
    tally = CompletionTally(count, stop_token=False)
    text = ""
    for number, piece in enumerate(pieces):
        tally.add_chunk(chunk(content(piece)))
        text += piece
        exact = count(text)
        assert tally.ceiling >= exact
        if number in asked:
            assert tally.running() == tally.count() == exact
            assert tally.ceiling >= exact
    assert tally.count() == count(text)


def test_ceiling_follows_the_count_closely(o200k: Count) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 100
    tally = tally_of(o200k, chunk(content(text)))
    assert tally.ceiling == tally.open_bytes == len(text)
    exact = tally.running()
    assert exact <= tally.ceiling < exact + 10
    assert tally.open_bytes < 10
    tally.add_chunk(chunk(content("é")))
    assert tally.ceiling < exact + 12


class CountedChars:
    """A tokenizer of one token a character that knows how much it was given."""

    def __init__(self) -> None:
        self.chars = 0

    def __call__(self, text: str) -> int:
        self.chars += len(text)
        return len(text)


@pytest.mark.parametrize("word", ["hello ", "x", "é"])
def test_running_count_of_a_long_text_encodes_little_more_than_the_text(word: str) -> None:
    count = CountedChars()
    tally = CompletionTally(count, stop_token=False)
    pieces_total = 20_000
    for number in range(pieces_total):
        tally.add_chunk(chunk(content(word)))
        if number % 100 == 99:
            assert tally.running() == (number + 1) * len(word)
    # Short texts without a boundary are counted again each time, but only up to 8192 characters.
    assert count.chars < 4 * pieces_total * len(word) + 82 * 8192


def test_running_count_of_a_text_without_boundaries_is_near(o200k: Count) -> None:
    tally = CompletionTally(o200k, stop_token=False)
    for _ in range(300):
        tally.add_chunk(chunk(content("a" * 100)))
        assert abs(tally.running() - tally.count()) <= 2
    assert tally.count() == o200k("a" * 30_000)


BODY = {
    "id": "chatcmpl-1",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": 'Say "content": "é" 😀\n',
                "refusal": None,
                "tool_calls": [{"function": {"name": "f", "arguments": '{"text": "x"}'}}],
            },
        },
        {"index": 1, "message": {"role": "assistant", "content": "Bye \\ \u2028", "reasoning": "Hm"}},
    ],
}
TEXT = 'Say "content": "é" 😀\nf{"text": "x"}Bye \\ \u2028Hm'


@pytest.mark.parametrize("ascii_only", [True, False])
def test_text_of_a_cut_answer_is_a_prefix_of_its_text(*, ascii_only: bool) -> None:
    body = json.dumps(BODY, ensure_ascii=ascii_only).encode()
    lengths = []
    for cut in range(len(body) + 1):
        text = partial_text(body[:cut]).replace("\ud83d", "")
        # Half of an escaped pair may be there; it is half of what is to come.
        assert TEXT.startswith(text), (cut, text)
        lengths.append(len(text))
    assert lengths == sorted(lengths)
    assert partial_text(body) == TEXT


def test_reasoning_under_two_names_is_text_once() -> None:
    assert partial_text(b'{"choices":[{"message":{"reasoning_content":"a","reasoning":"a","content":"b') == "ab"


@given(st.binary() | st.text().map(str.encode))
def test_cut_garbage_has_some_text(data: bytes) -> None:
    assert isinstance(partial_text(b'{"choices":[{"message":{"content":"' + data), str)
    assert isinstance(partial_text(data), str)
