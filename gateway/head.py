"""The head of a chat request: its path, the headers that the line looks at, and how its body is framed.

A client sends nearly the same head with each request of a connection: what differs is the length of the body. So what
was read of a head is known by its bytes before that number and after it, and the next one costs two comparisons.
"""

import re
from typing import Final

import httptools

PATHS: Final = {
    b"POST /v1/chat/completions HTTP/1.1\r\n": "/v1/chat/completions",
    b"POST /chat/completions HTTP/1.1\r\n": "/chat/completions",
}
FIRST_LINES: Final = tuple(PATHS)
END: Final = b"\r\n\r\n"
# What the line looks at; all other headers are read past.
KEPT: Final = {
    name.encode(): name
    for name in (
        "authorization",
        "api-key",
        "x-api-key",
        "x-session-id",
        "x-farebox-reason",
        "x-farebox-feature",
        "idempotency-key",
        "x-forwarded-for",
    )
}
# Other framing, and what asks for an answer before the body: aiohttp's.
UNUSUAL: Final = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"})
LENGTH_UNKNOWN: Final = -1
LENGTH_DIGITS_MAX: Final = 15
LENGTH_LINE: Final = re.compile(rb"\r\ncontent-length:[ \t]*+(\d++)[ \t]*+\r\n", re.IGNORECASE)


class HeadReader:
    """Reads the heads of one connection, one after the other; the attributes are the last one's."""

    __slots__ = ("_after", "_before", "_is_unusual", "_is_whole", "headers", "keep_alive", "length", "path")

    def __init__(self) -> None:
        self.path = ""
        self.headers: dict[str, str] = {}
        self.length = LENGTH_UNKNOWN
        self.keep_alive = True
        self._before = self._after = b""  # of the length, in a head that was read
        self._is_whole = self._is_unusual = False

    def read(self, head: bytes) -> bool:
        """Return whether a head is whole, and one of ours."""
        if self._before and head.startswith(self._before) and head.endswith(self._after):
            digits = head[len(self._before) : -len(self._after)]
            if digits.isdigit() and len(digits) <= LENGTH_DIGITS_MAX:
                self.length = int(digits)
                return True
        self._before = b""
        if not head.startswith(FIRST_LINES) or not self._parse(head):
            return False
        self.path = PATHS[head[: head.index(b"\n") + 1]]
        line = LENGTH_LINE.search(head)
        if line is not None:
            self._before, self._after = head[: line.start(1)], head[line.end(1) :]
        return True

    def _parse(self, head: bytes) -> bool:
        self.headers, self.length, self._is_whole, self._is_unusual = {}, LENGTH_UNKNOWN, False, False
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        self.keep_alive = parser.should_keep_alive()
        return self._is_whole and not self._is_unusual and self.length != LENGTH_UNKNOWN

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header that somebody looks at (called by the parser)."""
        name = name.lower()
        if name in KEPT:
            self._is_unusual |= KEPT[name] in self.headers
            self.headers[KEPT[name]] = value.decode("utf-8", "surrogateescape")
        elif name == b"content-length":
            usual = value.isdigit() and len(value) <= LENGTH_DIGITS_MAX and self.length == LENGTH_UNKNOWN
            self._is_unusual |= not usual
            self.length = int(value) if usual else LENGTH_UNKNOWN
        elif name in UNUSUAL:
            self._is_unusual = True

    def on_headers_complete(self) -> None:
        """Note that the head is whole (called by the parser)."""
        self._is_whole = True
