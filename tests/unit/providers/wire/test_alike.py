"""Chunks that are read as one say what they say one by one, for any stream and any cut of it."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.alike import Alike, alike_of
from providers.wire.answers import decode_chunk
from providers.wire.sse import SseEvent, SseSplitter

RUN_BYTES_MAX = 10_000


def chunk(text: object, *, choice: int = 0, name: str = "content", **more: object) -> bytes:
    delta = {name: text}
    choices = [{"index": choice, "delta": delta, "logprobs": None, "finish_reason": None}]
    return json.dumps({"id": "chatcmpl-1", "choices": choices, **more}, ensure_ascii=False).encode()


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def learnt(data: bytes) -> Alike | None:
    decoded = decode_chunk(data)
    assert decoded is not None
    return alike_of(event(data), decoded)


def every_event(splitter: SseSplitter, pieces: list[bytes], run_bytes_max: int) -> Iterator[SseEvent]:
    for piece in pieces:
        events = splitter.feed(piece, run_bytes_max=run_bytes_max)
        while events:
            yield from events
            events = splitter.feed(b"", run_bytes_max=run_bytes_max)


def read(pieces: list[bytes], *, run_bytes_max: int) -> tuple[dict[int, str], bytes, list[bytes], int]:
    """Return the texts of a stream, all of its bytes, what else was read, and how many events were read."""
    splitter = SseSplitter(learns=run_bytes_max > 0)
    texts: defaultdict[int, str] = defaultdict(str)
    raw, others, count = b"", [], 0
    for found in every_event(splitter, pieces, run_bytes_max):
        raw += found.raw
        count += 1
        if found.content is not None:
            texts[found.content[0]] += found.content[1]
            continue
        decoded = decode_chunk(found.data) if found.data is not None else None
        if decoded is not None:
            splitter.learn(found, decoded)
            for choice in decoded.choices:
                if choice.delta is not None and choice.delta.content:
                    texts[choice.index] += choice.delta.content
        if decoded is None or not decoded.choices or decoded.choices[0].finish_reason or decoded.wire_usage:
            others.append(found.raw)
    return dict(texts), raw + splitter.rest(), others, count


TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", "\\", '"', "\n", "\\n", '\\"', "é", "😀", "data: ", '","x":"', "\x7f"]
)
ODD = st.sampled_from(
    [
        b"[DONE]",
        b"{",
        b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
        chunk("half \ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "replace")),
        chunk("x")[:-1],
        chunk("x").replace(b'"x"', b'"\xff"'),
        chunk("x").replace(b'"x"', b'"\\u00e9"'),
        chunk("x").replace(b'"x"', b'"\\u00"'),
        chunk("e9"),
        chunk("x").replace(b'"x"', b'"\\ud83d"'),
        chunk("x").replace(b'"x"', b'"a\\"'),
        chunk("x", name="refusal"),
        chunk("x", usage={"prompt_tokens": 3, "completion_tokens": 4}),
        chunk("x").replace(b'"finish_reason": null', b'"finish_reason": "stop"'),
    ]
)
DATA = st.builds(chunk, TEXTS) | st.builds(chunk, TEXTS) | st.builds(chunk, TEXTS, choice=st.just(1)) | ODD


@given(st.lists(DATA, max_size=12), st.lists(st.integers(0, 2000), max_size=6), st.integers(1, 40))
def test_any_stream_says_the_same_one_by_one_and_in_runs(datas: list[bytes], cuts: list[int], few: int) -> None:
    stream = b"".join(map(event, datas))
    ends = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(ends)]
    for run_bytes_max in (few, RUN_BYTES_MAX):
        assert read(pieces, run_bytes_max=run_bytes_max)[:3] == read(pieces, run_bytes_max=0)[:3]
        assert read(pieces, run_bytes_max=run_bytes_max)[1] == stream


def test_chunks_that_arrive_together_are_one_event() -> None:
    first, rest = event(chunk("a")), b"".join(event(chunk(text)) for text in ("b", " é", '\n"', ""))
    texts, raw, _, count = read([first, rest], run_bytes_max=RUN_BYTES_MAX)
    assert (texts, raw, count) == ({0: 'ab é\n"'}, first + rest, 2)


def test_a_run_has_at_most_so_many_bytes_of_text() -> None:
    pieces = [event(chunk("a")), event(chunk("bb")) + event(chunk("cc"))]
    assert [read(pieces, run_bytes_max=most)[3] for most in (4, 3, 2, 1)] == [2, 3, 3, 3]
    assert read([pieces[0], pieces[1] * 100], run_bytes_max=40)[3] < 1 + 400 // 40 * 2


def test_what_follows_a_run_is_read_by_itself() -> None:
    pieces = [event(chunk("a")), event(chunk("b")) + event(chunk("c")) + event(b"[DONE]") + b"data: cut"]
    texts, raw, others, count = read(pieces, run_bytes_max=RUN_BYTES_MAX)
    assert (texts, raw, others, count) == ({0: "abc"}, b"".join(pieces), [event(b"[DONE]")], 3)


@pytest.mark.parametrize(
    "data",
    [
        chunk(""),
        chunk("x", name="refusal"),
        chunk("x", name="reasoning_content"),
        chunk("x", usage={"prompt_tokens": 3, "completion_tokens": 4}),
        chunk("x", error={"message": "too hot"}),
        chunk("x").replace(b'"finish_reason": null', b'"finish_reason": "stop"'),
        chunk("x", system_fingerprint="x"),  # which of both is the text can't be told from their letters
        b'{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}',
    ],
)
def test_what_holds_more_than_content_is_alike_to_nothing(data: bytes) -> None:
    assert learnt(data) is None


def test_a_stream_whose_chunks_all_differ_is_looked_at_some_times_only() -> None:
    splitter = SseSplitter(learns=True)
    for number in range(20):
        data = chunk("x", obfuscation=str(number))
        decoded = decode_chunk(data)
        assert decoded is not None
        splitter.learn(splitter.feed(event(data), run_bytes_max=RUN_BYTES_MAX)[0], decoded)
    # What was learned from the last look stays.
    again = [event(chunk("y", obfuscation=str(number))) for number in (5, 6, 7, 8)]
    assert [splitter.feed(data, run_bytes_max=RUN_BYTES_MAX)[0].content for data in again] == [
        None,
        (0, "y"),
        None,
        None,
    ]
