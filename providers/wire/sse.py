"""Server-sent events: bytes in, events out, every byte accounted for.

The relay passes on the raw bytes and the meter reads a copy, so the splitter
never changes, drops or invents a byte. Line ends are LF, CR, CRLF, or a mixture
(U+2028 is none), as in the WHATWG's HTML standard, section 9.2.
"""

import re
from typing import Final, NamedTuple

from providers.wire.alike import Alike, alike_of
from providers.wire.answers import Chunk

EVENT_BYTES_MAX: Final = 1024 * 1024
"""Longest event that is decoded (1 MiB); longer ones exist (images as base64) and are only passed on."""

_LOOKS_MAX: Final = 8
"""So much is spent to find what a stream's chunks have in common: one to split an event off, one to look at it."""

_BOM: Final = b"\xef\xbb\xbf"
_CR: Final = 13

# The end of a line and the empty line after it. A CR that may be the first half
# of a CRLF must be followed by something that shows it is not: cut there, the
# event is not over yet. Only after a bare CR the next CR ends the event at once,
# since a server that ends lines so would else have each event held back until
# the next one; an LF behind it is then a piece of its own, without data.
_EVENT_END: Final = re.compile(rb"\r\n(?:\r\n|\n|\r(?=[^\n]))|\n(?:\r\n|\n|\r(?=[^\n]))|\r\r")
_EMPTY_LINE: Final = re.compile(rb"\r\n|\n|\r(?=[^\n])")
_LONGEST_HALF_END: Final = 3  # CR LF CR


class SseEvent(NamedTuple):
    """One event, a piece of the stream that is none, or some chunks that are alike."""

    raw: bytes
    """The exact bytes, the empty line at the end included."""
    data: bytes | None
    """The data lines joined by LF; None for a comment, an empty line, an event without data or too long."""
    content: tuple[int, str] | None = None
    """The choice and the joined text of chunks that are alike (``data`` is None then)."""


_new = tuple.__new__  # Half the time of SseEvent(), on the path of every event.


class SseSplitter:
    """Split one stream into events.

    The raw bytes of all events and then ``rest()`` are the bytes fed. Any cut of
    the bytes gives the same events; only an event longer than
    ``event_bytes_max`` comes in pieces as it arrives, so that memory is bounded
    and nothing is delayed.

    With ``learns``, chunks that are alike may be one event, once ``learn`` was told of one of them.
    """

    __slots__ = ("_alike", "_bytes_max", "_is_first", "_is_passing", "_looks", "_searched", "_tail", "_unsplit")

    def __init__(self, *, event_bytes_max: int = EVENT_BYTES_MAX, learns: bool = False) -> None:
        self._alike: Alike | None = None
        self._looks = _LOOKS_MAX if learns else 0
        self._unsplit = b""  # what follows an event that is to be learned from
        self._bytes_max = event_bytes_max
        self._tail = bytearray()  # Starts where an event starts, or inside one that is too long.
        self._searched = 0  # So many bytes of the tail hold no end of an event.
        self._is_first = True
        self._is_passing = False  # Inside an event that is too long.

    def feed(self, data: bytes, *, run_bytes_max: int = 0) -> list[SseEvent]:
        """Return the next events that are complete. Chunks that are alike are one up to so many bytes of text.

        Where it learns they may not be all: call again without data until there are none.
        """
        events: list[SseEvent] = []
        if self._unsplit:
            data, self._unsplit = self._unsplit + data, b""
        elif not data:
            return events
        buffer = self._completed(data) if self._tail else data
        if self._is_passing:
            start = self._pass_on(buffer, events)
        elif self._alike is not None and buffer.startswith(self._alike.prefix):
            start, buffer = self._run(self._alike, buffer, run_bytes_max, events)
        else:
            start = 0
            if self._looks and self._alike is None:
                self._looks -= 1
                buffer = self._first_of(buffer)
        if not self._is_passing and start < len(buffer):
            split = self._split_any if _CR in buffer else self._split_lf
            start = split(buffer, start, events)
        if start < len(buffer) or self._tail:
            self._keep(buffer[start:], events)
        return events

    def rest(self) -> bytes:
        """Return the bytes that no empty line has ended; at the end of a stream they are no event."""
        return bytes(self._tail) + self._unsplit

    def _completed(self, data: bytes) -> bytes:
        """Add to the tail; if it now holds the end of an event return and clear it, else return nothing."""
        tail = self._tail
        tail += data
        # An event in many small pieces is searched once, not once a piece.
        start = max(self._searched - _LONGEST_HALF_END, 0)
        if tail.find(b"\r", start) < 0:
            has_end = tail.find(b"\n\n", start) >= 0
        else:
            # A lone CR in front is an empty line, now that something follows it.
            has_end = bool(_EVENT_END.search(tail, start)) or (tail[0] == _CR and not self._is_passing)
        if not has_end:
            return b""
        whole = bytes(tail)
        tail.clear()
        self._searched = 0
        return whole

    def learn(self, event: SseEvent, chunk: Chunk) -> None:
        """Look at an event whether more like it may come: some looks a stream, since not all upstreams repeat."""
        alike = self._alike
        if not self._looks or (alike and event.raw.startswith(alike.prefix) and event.raw.endswith(alike.suffix)):
            return
        self._looks -= 1
        self._alike = alike_of(event.raw, chunk) or alike

    def _run(self, alike: Alike, buffer: bytes, text_bytes_max: int, events: list[SseEvent]) -> tuple[int, bytes]:
        """Take the chunks in front that are alike; return where the rest starts, and what of it is split now."""
        if len(buffer) > self._bytes_max:
            return 0, buffer
        run = _run_of(alike, buffer, len(buffer))
        text = alike.text_of(run) if run else None
        if text is None:
            return 0, buffer
        size = _bytes_of(text)
        if size > text_bytes_max:
            # About as much as fits; when that is nothing, one event, and another run after it.
            run = _run_of(alike, buffer, max(0, len(run) * text_bytes_max // size))
            text = alike.text_of(run) if run else None
            if text is None or _bytes_of(text) > text_bytes_max:
                return 0, self._first_of(buffer)
            self._unsplit, buffer = buffer[len(run) :], run
        events.append(_new(SseEvent, (run, None, (alike.choice, text))))
        return len(run), buffer

    def _first_of(self, buffer: bytes) -> bytes:
        """Return what ends with the first empty line, and keep the rest for the next call."""
        end = buffer.find(b"\n\n") + 2
        if end > 1:
            buffer, self._unsplit = buffer[:end], buffer[end:]
        return buffer

    def _split_lf(self, buffer: bytes, start: int, events: list[SseEvent]) -> int:
        """Split what holds no CR, which is nearly every stream; return where the rest starts."""
        find = buffer.find
        # First the end of the line: one byte is found by memchr, many times as fast as two.
        while (line_end := find(b"\n", start)) >= 0:
            if line_end == start:
                end = start + 1  # An empty line is a piece of its own.
            elif (end := find(b"\n\n", line_end) + 2) == 1:
                break
            raw = buffer[start:end]
            start = end
            if line_end == end - 2 and raw.startswith(b"data: ") and len(raw) <= self._bytes_max:
                self._is_first = False
                events.append(_new(SseEvent, (raw, raw[6:-2], None)))
            else:
                events.append(self._event(raw))
        return start

    def _split_any(self, buffer: bytes, start: int, events: list[SseEvent]) -> int:
        """Split at line ends of any kind; return where the rest starts."""
        while end := _EMPTY_LINE.match(buffer, start) or _EVENT_END.search(buffer, start):
            events.append(self._event(buffer[start : end.end()]))
            start = end.end()
        return start

    def _event(self, raw: bytes) -> SseEvent:
        text = raw.removeprefix(_BOM) if self._is_first else raw
        self._is_first = False
        return SseEvent(raw, _data_of(text) if len(raw) <= self._bytes_max else None)

    def _keep(self, tail: bytes, events: list[SseEvent]) -> None:
        """Keep what is not over yet; of an event that is too long, keep only what may be half of its end."""
        self._tail += tail
        self._searched = len(self._tail)
        if self._searched <= self._bytes_max and not self._is_passing:
            return
        self._is_passing = True
        self._is_first = False
        passed = bytes(self._tail.rstrip(b"\r\n"))
        if passed:
            events.append(SseEvent(passed, None))
            del self._tail[: len(passed)]
            self._searched = 0

    def _pass_on(self, buffer: bytes, events: list[SseEvent]) -> int:
        """Pass on the end of an event that is too long, if it is here; return where the next one starts."""
        end = _EVENT_END.search(buffer)
        if end is None:
            return 0
        self._is_passing = False
        events.append(SseEvent(buffer[: end.end()], None))
        return end.end()


def _run_of(alike: Alike, buffer: bytes, end: int) -> bytes:
    """Return what of a buffer up to a place ends as the last such chunk there; empty: there is none."""
    if end == len(buffer) and buffer.endswith(alike.suffix):
        return buffer
    start = buffer.rfind(alike.suffix, 0, end)
    return buffer[: start + len(alike.suffix)] if start >= len(alike.prefix) else b""


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _data_of(event: bytes) -> bytes | None:
    # bytes.splitlines knows LF, CR and CRLF only; str.splitlines would also split at U+2028.
    lines = [line for line in event.splitlines() if line.startswith(b"data") and line[4:5] in b":"]
    if not lines:
        return None
    return b"\n".join([line[6:] if line[5:6] == b" " else line[5:] for line in lines])
