"""Heads of chat requests, one after the other on a connection: what was read of one is only believed of its like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.head import HeadReader

FIRST = "POST /v1/chat/completions HTTP/1.1"


def head_of(*lines: str, first: str = FIRST) -> bytes:
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1")


KNOWN = ("Host: farebox", "Authorization: Bearer one", "Content-Length: 12", "X-Session-Id: s1", "Accept: */*")
Said = tuple[bool, str, dict[str, str], int, bool]


def said(reader: HeadReader, head: bytes) -> Said | None:
    """What a reader says of a head; None: it is none of ours."""
    if not reader.read(head):
        return None
    return True, reader.path, reader.headers, reader.length, reader.keep_alive


def test_the_next_head_of_a_connection_has_its_own_length() -> None:
    reader = HeadReader()
    assert reader.read(head_of(*KNOWN))
    assert (reader.length, reader.headers["x-session-id"]) == (12, "s1")
    headers = reader.headers
    assert reader.read(head_of(*[line.replace("12", "98765") for line in KNOWN]))
    assert reader.length == 98_765
    assert reader.headers is headers, "nothing else was read again"


LINES = st.sampled_from(
    [
        *KNOWN,
        *("Content-Length: 7", "Content-Length: 007", "content-length:8", "Content-Length: +9", "Content-Length: 1 2"),
        *(
            "Content-Length: ",
            "Content-Length: 12a",
            "Content-Length: -1",
            f"Content-Length: {'9' * 40}",
            "Content-Length: ٣",
        ),
        *("Authorization: Bearer two", "X-Session-Id: s2", "X-Note: Content-Length: 5", "Connection: close"),
        *("Transfer-Encoding: chunked", "Expect: 100-continue", "Idempotency-Key: k", " folded", "no colon"),
    ]
)
FIRSTS = st.sampled_from(
    [FIRST, "POST /chat/completions HTTP/1.1", "GET /v1/chat/completions HTTP/1.1", "POST / HTTP/1.1"]
)
HEADS = st.builds(
    lambda lines, first: "\r\n".join([first, *lines, "", ""]).encode(), st.lists(LINES, max_size=6), FIRSTS
)


@given(st.lists(HEADS, min_size=1, max_size=6))
def test_a_reader_that_has_read_others_says_what_a_new_one_says(heads: list[bytes]) -> None:
    reader = HeadReader()
    assert reader.read(head_of(*KNOWN))
    for head in heads:
        assert said(reader, head) == said(HeadReader(), head), head


@pytest.mark.parametrize(
    "length", ["", " ", "x", "1\r\nContent-Length: 2", "1\r\nTransfer-Encoding: chunked", "9" * 16]
)
def test_what_stands_for_the_length_is_a_number_or_no_request_of_ours(length: str) -> None:
    reader = HeadReader()
    assert reader.read(head_of(*KNOWN))
    assert not reader.read(head_of(*[line.replace("12", length) for line in KNOWN]))
