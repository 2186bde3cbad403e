"""How many completion tokens an answer has so far.

A tally is told every chunk, which must cost next to nothing, and is asked for
exact figures now and then. So a chunk only adds its bytes to an upper bound, and
a count encodes the text since the last place where tokens cannot change any more.
"""

import json
import re
from collections.abc import Callable

from metering.core.boundaries import last_boundary
from providers.wire.chat import Chunk, Delta, Response, Usage

__all__ = ["CompletionTally", "partial_text"]

_STOP_REASONS = frozenset({"stop", "tool_calls"})
_RUNNING_CHARS = 8192  # longer texts without a boundary are counted when they have doubled

_Count = Callable[[str], int]
_WHOLE_BYTES_MAX = 4096  # 0.2 ms to encode
_Key = tuple[int, int, int]  # choice index, part, number of the tool call


class _Part:
    """The texts of one choice that are tokens of their own; plain integers, since each chunk makes a key."""

    CONTENT = 0
    REFUSAL = 1
    REASONING = 2
    NAME = 3
    ARGUMENTS = 4


class _Text:
    """One text that grows: tokens up to the last boundary, and what came after it."""

    __slots__ = (
        "_measured_chars",
        "_measured_tokens",
        "_searched",
        "_tail",
        "closed_tokens",
        "open_bytes",
        "pieces",
    )

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.closed_tokens = 0  # of the text before the tail; they cannot change
        self.open_bytes = 0  # UTF-8 bytes of the tail and the pieces
        self._tail = ""
        self._searched = 0  # the tail holds no boundary before this place
        self._measured_chars = 0  # how long the tail was when it was counted last
        self._measured_tokens = 0

    def exact_tokens(self, count: _Count) -> int:
        if not self.closed_tokens and self.open_bytes <= _WHOLE_BYTES_MAX:
            # A short text is encoded in one piece: that is what exact means, and cheaper than to look for boundaries.
            if self.pieces:
                self._tail += "".join(self.pieces)
                self.pieces.clear()
            self._measure(count)
            return self._measured_tokens
        self._close(count)
        self._measure(count)
        return self.closed_tokens + self._measured_tokens

    def running_tokens(self, count: _Count) -> int:
        self._close(count)
        chars = len(self._tail)
        if not _RUNNING_CHARS < chars < 2 * self._measured_chars:
            self._measure(count)
        # Between two measurements a long tail goes on as it began.
        estimate = -(-self._measured_tokens * chars // self._measured_chars) if chars else 0
        return self.closed_tokens + estimate

    def _close(self, count: _Count) -> None:
        """Count the text up to its last boundary, for good."""
        if not self.pieces:
            return
        self._tail += "".join(self.pieces)
        self.pieces.clear()
        start = max(self._searched - 1, 0)
        place = last_boundary(self._tail, start, len(self._tail))
        if place > start:
            closed, self._tail = self._tail[:place], self._tail[place:]
            self.closed_tokens += count(closed)
            self.open_bytes -= _utf8_bytes(closed)
            self._measured_chars = self._measured_tokens = 0
        self._searched = len(self._tail)

    def _measure(self, count: _Count) -> None:
        if self._measured_chars != len(self._tail):
            self._measured_chars = len(self._tail)
            self._measured_tokens = count(self._tail)


class CompletionTally:
    """The completion tokens of one answer, streamed or whole, of any number of choices.

    ``count`` gives the tokens of a text; ``stop_token``: the provider bills one
    more for a choice that the model ended by itself. Not for two threads at once.
    """

    __slots__ = ("_ceiling", "_count", "_stop_token", "_texts", "finish_reasons", "reported", "service_tier")

    def __init__(self, count: _Count, *, stop_token: bool) -> None:
        self._count = count
        self._stop_token = stop_token
        self._texts: dict[_Key, _Text] = {}
        self._ceiling = 0
        # The last usage that the upstream reported: it is cumulative, so the last one says all.
        self.reported: Usage | None = None
        # How the upstream says that it served the request.
        self.service_tier: str | None = None
        # Why each finished choice ended, by choice index.
        self.finish_reasons: dict[int, str] = {}

    @property
    def ceiling(self) -> int:
        """An upper bound of ``count()`` that costs nothing: no token is less than one byte."""
        return self._ceiling

    @property
    def open_bytes(self) -> int:
        """How many bytes the next ``count()`` has to encode, at most."""
        return sum(text.open_bytes for text in self._texts.values())

    def add_chunk(self, chunk: Chunk) -> None:
        """Add one event of a stream."""
        self._add_answer(chunk)

    def add_content(self, choice: int, text: str) -> None:
        """Add the content of one choice that some events of a stream hold together."""
        if text:
            self._add((choice, _Part.CONTENT, 0), text)

    def add_response(self, response: Response) -> None:
        """Add a whole answer."""
        self._add_answer(response)

    def count(self) -> int:
        """Return the exact number of tokens so far, as if each text were encoded in one piece."""
        total = 0
        for text in self._texts.values():
            total += text.exact_tokens(self._count)
        return total + self._stops()

    def running(self) -> int:
        """Return the tokens so far at a cost that is linear in the text, however often it is asked.

        It equals ``count()``, save while a text has more than 8192 characters
        without a place to cut it: then it goes on at the rate seen before.
        """
        total = sum(text.running_tokens(self._count) for text in self._texts.values())
        # The tail still counts in bytes: what follows it may split its tokens into more.
        self._ceiling = sum(text.closed_tokens + text.open_bytes for text in self._texts.values())
        if self._stop_token:
            self._ceiling += len(self.finish_reasons)
        return total + self._stops()

    def charged_units(self) -> int | None:
        """Return the exact number of what the reply is charged by, where that is not tokens."""
        return None

    def _stops(self) -> int:
        """Return the tokens that ended choices, where the provider bills them."""
        stops = 0
        if self._stop_token:
            for reason in self.finish_reasons.values():
                stops += reason in _STOP_REASONS
        return stops

    def _add_answer(self, answer: Chunk | Response) -> None:
        for choice in answer.choices:
            index, delta, reason = choice.index, choice.delta, choice.finish_reason
            if delta is not None:
                if delta.content:
                    self._add((index, _Part.CONTENT, 0), delta.content)
                if (
                    delta.refusal is not None
                    or delta.reasoning_content is not None
                    or delta.reasoning is not None
                    or delta.tool_calls is not None
                    or delta.function_call is not None
                ):
                    self._add_rare(index, delta)
            if choice.text:
                self._add((index, _Part.CONTENT, 0), choice.text)
            if reason is not None:
                self._ceiling += self._stop_token and index not in self.finish_reasons
                self.finish_reasons[index] = reason
        if answer.wire_usage is not None:
            self.reported = answer.usage
        if answer.service_tier is not None:
            self.service_tier = answer.service_tier

    def _add_rare(self, index: int, delta: Delta) -> None:
        if delta.refusal:
            self._add((index, _Part.REFUSAL, 0), delta.refusal)
        # Some upstreams send the same text under both names.
        reasoning = delta.reasoning_content or delta.reasoning
        if reasoning:
            self._add((index, _Part.REASONING, 0), reasoning)
        if delta.function_call is not None:
            self._add_call(index, -1, delta.function_call.name, delta.function_call.arguments)
        for position, call in enumerate(delta.tool_calls or ()):
            number = position if call.index is None else call.index
            if call.function is not None:
                self._add_call(index, number, call.function.name, call.function.arguments)
            if call.custom is not None:
                self._add_call(index, number, call.custom.name, call.custom.input)

    def _add_call(self, index: int, number: int, name: str | None, arguments: str | None) -> None:
        if name:
            self._add((index, _Part.NAME, number), name)
        if arguments:
            self._add((index, _Part.ARGUMENTS, number), arguments)

    def _add(self, key: _Key, piece: str) -> None:
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = _Text()
        text.pieces.append(piece)
        size = len(piece) if piece.isascii() else _utf8_bytes(piece)
        text.open_bytes += size
        self._ceiling += size


def _utf8_bytes(text: str) -> int:
    # Half of a surrogate pair is encoded as one replacement character: three bytes either way.
    return len(text.encode("utf-8", "surrogatepass"))


_STRING_VALUES = re.compile(
    rb'"(content|refusal|reasoning_content|reasoning|text|name|arguments|input)"\s*+:\s*+'
    rb'"((?:[^"\\]++|\\(?:u[0-9a-fA-F]{4}|[^u]))*+)',
    re.DOTALL,
)


def partial_text(data: bytes) -> str:
    """Return the completion's texts in a JSON answer that was cut anywhere, joined.

    A quote inside a JSON string is escaped, so what looks like a member here is one.
    A character or an escape that was cut in two is left out.
    """
    start = data.find(b'"choices"')
    if start < 0:  # no completion at all: a page, or some other JSON
        return ""
    found = _STRING_VALUES.findall(data, start)
    names = {name for name, _ in found}
    if b"reasoning_content" in names:
        found = [(name, value) for name, value in found if name != b"reasoning"]
    return "".join(_unescaped(value) for _, value in found)


def _unescaped(value: bytes) -> str:
    text = value.decode(errors="ignore")
    try:
        decoded: str = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
    return decoded
