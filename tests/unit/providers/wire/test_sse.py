"""The splitter gives the same events for any cut, and never loses or invents a byte."""

import itertools
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.sse import SseEvent, SseSplitter

CHAT = (
    b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"H\xc3\xa9 \xe2\x80\xa8!"}}]}\n\n'
    b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n'
    b"data: [DONE]\n\n"
)
RESPONSES = (
    b'event: response.created\ndata: {"type":"response.created"}\n\n'
    b'event: response.completed\ndata: {"type":"response.completed"}\n\n'
)
OPENROUTER = b': OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {"a":1}\n\ndata: [DONE]\n\n'
CRLF = b': ping\r\n\r\ndata: {"a":1}\r\n\r\nid: 7\r\ndata: one\r\ndata: two\r\n\r\ndata: [DONE]\r\n\r\n'
CR = b"data: one\r\rdata: two\rdata: three\r\r: ping\r\rdata: [DONE]\r\r"
MIXED = b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\ndata: d\rdata: e\n\n\r\n\r\ndata: f\n\n\n\rdata: g\r\n\r\n"
BOM = b"\xef\xbb\xbfdata: first\n\n\xef\xbb\xbfdata: not a field\n\ndata: last\n\n"
ODD = b"data:no space\n\ndata:  two spaces\n\ndata\n\ndata:\n\ndatabase: x\n\nretry: 1\n\n\n\n:\n\ndata: cut"
STREAMS = [CHAT, RESPONSES, OPENROUTER, CRLF, CR, MIXED, BOM, ODD]


def split(
    pieces: Iterable[bytes], *, event_bytes_max: int = 1024, learns: bool = False
) -> tuple[list[SseEvent], bytes]:
    splitter = SseSplitter(event_bytes_max=event_bytes_max, learns=learns)
    events: list[SseEvent] = []
    for piece in pieces:
        found = splitter.feed(piece)
        while found:
            events += found
            found = splitter.feed(b"")
    return events, splitter.rest()


def data_of(stream: bytes) -> list[bytes]:
    return [event.data for event in split([stream])[0] if event.data is not None]


def bytewise(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


def by_the_standard(stream: bytes) -> list[bytes]:
    """Return the data of all events, a line at a time as the WHATWG's standard writes it."""
    found: list[bytes] = []
    lines: list[bytes] = []
    for line in stream.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True):
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        if not line.rstrip(b"\r\n"):
            found += [b"\n".join(lines)] if lines else []
            lines = []
        elif name == b"data":
            lines.append(value.removeprefix(b" "))
    return found


@pytest.mark.parametrize("stream", STREAMS)
def test_every_cut_gives_the_same_events(stream: bytes) -> None:
    whole = split([stream])
    for cut in range(len(stream) + 1):
        assert split([stream[:cut], stream[cut:]]) == whole


@pytest.mark.parametrize("stream", STREAMS)
def test_byte_by_byte_gives_the_same_events(stream: bytes) -> None:
    assert split(bytewise(stream)) == split([stream])


@pytest.mark.parametrize("stream", STREAMS)
def test_one_event_at_a_time_gives_the_same_events(stream: bytes) -> None:
    assert split([stream], learns=True) == split(bytewise(stream), learns=True) == split([stream])


@pytest.mark.parametrize("stream", STREAMS)
def test_two_cuts_give_the_same_events(stream: bytes) -> None:
    whole = split([stream])
    rng = random.Random(20)
    for _ in range(500):
        first, second = sorted(rng.choices(range(len(stream) + 1), k=2))
        assert split([stream[:first], stream[first:second], stream[second:]]) == whole


@pytest.mark.parametrize("stream", STREAMS)
def test_every_byte_is_passed_on_once(stream: bytes) -> None:
    events, rest = split([stream])
    assert b"".join(event.raw for event in events) + rest == stream


def test_chat_stream_is_one_event_a_chunk() -> None:
    events, rest = split([CHAT])
    assert [event.raw for event in events] == [part + b"\n\n" for part in CHAT.split(b"\n\n")[:-1]]
    assert (
        events[1].data
        == 'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hé \u2028!"}}]}'.encode()[6:]
    )
    assert events[-1] == SseEvent(b"data: [DONE]\n\n", b"[DONE]")
    assert rest == b""


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (RESPONSES, [b'{"type":"response.created"}', b'{"type":"response.completed"}']),
        (OPENROUTER, [b'{"a":1}', b"[DONE]"]),
        (CRLF, [b'{"a":1}', b"one\ntwo", b"[DONE]"]),
        (CR, [b"one", b"two\nthree", b"[DONE]"]),
        (MIXED, [b"a", b"b", b"c", b"d\ne", b"f", b"g"]),
        (BOM, [b"first", b"last"]),
        (ODD, [b"no space", b" two spaces", b"", b""]),
        ("data: a\u2028b\u2029c\x0b\x0c\x85d\n\n".encode(), ["a\u2028b\u2029c\x0b\x0c\x85d".encode()]),
    ],
)
def test_data_is_what_the_standard_says(stream: bytes, data: list[bytes]) -> None:
    assert data_of(stream) == data
    assert by_the_standard(stream)[: len(data)] == data


@pytest.mark.parametrize("tail", [b"data: x", b"data: x\n", b"data: x\r\n", b"data: x\r\n\r", b"data: x\r", b"da"])
def test_event_without_its_empty_line_is_the_rest(tail: bytes) -> None:
    assert split([b"data: a\n\n" + tail]) == ([SseEvent(b"data: a\n\n", b"a")], tail)


def test_empty_lines_are_passed_on_at_once() -> None:
    splitter = SseSplitter()
    assert splitter.feed(b"\n") == [SseEvent(b"\n", None)]
    assert splitter.feed(b"\n\r\n") == [SseEvent(b"\n", None), SseEvent(b"\r\n", None)]
    assert splitter.feed(b"\r") == []
    assert splitter.feed(b"\ndata: a\n\n") == [SseEvent(b"\r\n", None), SseEvent(b"data: a\n\n", b"a")]


def test_event_of_bare_crs_is_not_held_back() -> None:
    assert SseSplitter().feed(b"data: a\r\r") == [SseEvent(b"data: a\r\r", b"a")]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_event_that_is_too_long_is_passed_on_as_it_arrives(end: bytes) -> None:
    splitter = SseSplitter(event_bytes_max=16)
    passed = b""
    for piece in [b"data: 0123456789", *[b"0123456789\r\ndata:"] * 50]:
        raw = b"".join(event.raw for event in splitter.feed(piece))
        passed += raw
        assert len(splitter.rest()) <= 16
    assert passed + splitter.rest() == b"data: 0123456789" + b"0123456789\r\ndata:" * 50
    events = splitter.feed(b"x" + end + b"data: a\n\n")
    assert [event.data for event in events] == [None, b"a"]
    assert splitter.rest() == b""


@pytest.mark.parametrize("stream", STREAMS)
def test_long_events_are_never_decoded_whatever_the_cut(stream: bytes) -> None:
    data = [event.data for event in split([stream], event_bytes_max=12)[0] if event.data is not None]
    for cut in range(len(stream) + 1):
        events, rest = split([stream[:cut], stream[cut:]], event_bytes_max=12)
        assert [event.data for event in events if event.data is not None] == data
        assert b"".join(event.raw for event in events) + rest == stream


def test_large_event_in_small_pieces_is_linear() -> None:
    splitter = SseSplitter()
    stream = b"data: " + b"x" * 500_000 + b"\n\n"
    events = [event for at in range(0, len(stream), 7) for event in splitter.feed(stream[at : at + 7])]
    assert [len(event.data or b"") for event in events] == [500_000]


bits = st.sampled_from(
    [b"\r", b"\n", b"data: ", b"data", b":", b" ", b"x", b"event: e", b"\xef\xbb\xbf", b"\xe2\x80\xa8"]
)


@given(st.lists(bits | st.binary(max_size=8), max_size=40), st.lists(st.integers(0, 120), max_size=8))
def test_random_bytes_give_the_same_events_for_random_cuts(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    events, rest = split(stream[start:end] for start, end in itertools.pairwise(edges))
    assert b"".join(event.raw for event in events) + rest == stream
    assert (events, rest) == split([stream])
    # The standard's decoder may end one event more: it need not know whether a last CR is half of a CRLF.
    data = [event.data for event in events if event.data is not None]
    assert by_the_standard(stream)[: len(data)] == data
    assert len(by_the_standard(stream)) <= len(data) + rest.endswith(b"\r")


@given(st.lists(bits, max_size=60), st.integers(1, 9), st.integers(1, 20))
def test_bounded_splitter_loses_no_byte(parts: list[bytes], size: int, event_bytes_max: int) -> None:
    stream = b"".join(parts)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    events, rest = split(pieces, event_bytes_max=event_bytes_max)
    assert b"".join(event.raw for event in events) + rest == stream
    assert len(rest) <= event_bytes_max + 3
    whole, _ = split([stream], event_bytes_max=event_bytes_max)
    assert [e.data for e in events if e.data is not None] == [e.data for e in whole if e.data is not None]
