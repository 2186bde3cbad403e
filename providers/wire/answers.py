"""What upstreams answer, as far as the meter looks: chunks of a stream and whole bodies.

Upstreams differ, so nothing here raises. The typed decoders take what is well
formed; anything else goes the slow way over plain JSON values, where a part of
the wrong type counts as absent and the rest is still seen.
"""

import json
from typing import TypeVar

import msgspec

from providers.wire.usage import Parts, Usage, WireUsage, read_usage, typed, usage_of

__all__ = [
    "Answer",
    "Chunk",
    "ChunkChoice",
    "Delta",
    "FunctionDelta",
    "Parts",
    "Response",
    "ResponseChoice",
    "ToolCallDelta",
    "Usage",
    "decode_chunk",
    "decode_response",
]


class FunctionDelta(msgspec.Struct, gc=False):
    """A function's name and a piece of its arguments, which are text until the stream ends."""

    name: str | None = None
    arguments: str | None = None


class CustomDelta(msgspec.Struct, gc=False):
    """The same for a custom tool, whose input is free text."""

    name: str | None = None
    input: str | None = None


class ToolCallDelta(msgspec.Struct, gc=False):
    """One tool call or a piece of it; ``index`` tells the calls of one choice apart."""

    index: int | None = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None


class Delta(msgspec.Struct, gc=False):
    """The text of a choice: a piece of it in a chunk, all of it in a response's message."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: FunctionDelta | None = None


class ChunkChoice(msgspec.Struct, gc=False):
    """One choice in a chunk; ``text`` is that of the legacy completions format."""

    index: int = 0
    delta: Delta | None = None
    text: str | None = None
    finish_reason: str | None = None


class ResponseChoice(msgspec.Struct, gc=False):
    """One choice of a whole answer."""

    index: int = 0
    delta: Delta | None = msgspec.field(name="message", default=None)
    text: str | None = None
    finish_reason: str | None = None


class Answer(msgspec.Struct, gc=False):
    """What chunks and whole answers have in common."""

    wire_usage: WireUsage | None = msgspec.field(name="usage", default=None)
    service_tier: str | None = None
    error: msgspec.Raw = msgspec.Raw()

    @property
    def usage(self) -> Usage | None:
        """The reported usage; None unless both prompt and completion tokens were given."""
        return None if self.wire_usage is None else usage_of(self.wire_usage)

    @property
    def has_error(self) -> bool:
        """Whether a top-level ``error`` says that the upstream failed; ``"error": null`` says it did not."""
        return bytes(self.error) not in {b"", b"null"}


class Chunk(Answer, gc=False):
    """One event of a stream; ``choices`` is empty in usage, filter and moderation chunks."""

    choices: list[ChunkChoice] = []


class Response(Answer, gc=False):
    """A whole, not streamed answer."""

    choices: list[ResponseChoice] = []


_CHUNKS = msgspec.json.Decoder(Chunk)
_RESPONSES = msgspec.json.Decoder(Response)
_VALUES = msgspec.json.Decoder()


def decode_chunk(data: bytes) -> Chunk | None:
    """Return the chunk in one event's data, or None when it is no JSON object (``[DONE]``, for one)."""
    try:
        return _CHUNKS.decode(data)
    except (ValueError, RecursionError):
        return _read_loosely(data, Chunk, ChunkChoice, "delta")


def decode_response(body: bytes) -> Response | None:
    """Return the facts of a whole answer, or None when it is no JSON object."""
    try:
        return _RESPONSES.decode(body)
    except (ValueError, RecursionError):
        return _read_loosely(body, Response, ResponseChoice, "message")


_A = TypeVar("_A", Chunk, Response)


def _read_loosely(
    data: bytes, answer: type[_A], choice: type[ChunkChoice | ResponseChoice], delta_name: str
) -> _A | None:
    value = _value_of(data)
    if not isinstance(value, dict):
        return None
    choices = [
        choice(
            index=typed(item.get("index"), int) or 0,
            delta=_delta(item.get(delta_name)),
            text=typed(item.get("text"), str),
            finish_reason=typed(item.get("finish_reason"), str),
        )
        for item in _objects(value.get("choices"))
    ]
    error = b"" if value.get("error") is None else b"true"
    return answer(
        wire_usage=read_usage(value.get("usage")),
        service_tier=typed(value.get("service_tier"), str),
        error=msgspec.Raw(error),
        choices=choices,  # type: ignore[arg-type]  # choice fits answer
    )


def _value_of(data: bytes) -> object:
    try:
        value: object = _VALUES.decode(data)
    except (ValueError, RecursionError):
        # Half a surrogate pair is legal JSON, which the standard decoder reads and msgspec does not:
        # an upstream that cuts an emoji between two chunks sends one.
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return None
    return value


def _delta(value: object) -> Delta | None:
    if not isinstance(value, dict):
        return None
    return Delta(
        content=_text(value.get("content")),
        refusal=typed(value.get("refusal"), str),
        reasoning_content=typed(value.get("reasoning_content"), str),
        reasoning=typed(value.get("reasoning"), str),
        tool_calls=[
            ToolCallDelta(
                index=typed(item.get("index"), int),
                function=_function(item.get("function")),
                custom=_custom(item.get("custom")),
            )
            for item in _objects(value.get("tool_calls"))
        ],
        function_call=_function(value.get("function_call")),
    )


def _text(content: object) -> str | None:
    """Return content that is text, or the joined texts of content that is a list of parts."""
    if isinstance(content, list):
        return "".join(typed(part.get("text"), str) or "" for part in _objects(content))
    return typed(content, str)


def _function(value: object) -> FunctionDelta | None:
    if not isinstance(value, dict):
        return None
    return FunctionDelta(name=typed(value.get("name"), str), arguments=_arguments(value.get("arguments")))


def _arguments(value: object) -> str | None:
    if not isinstance(value, dict | list):
        return typed(value, str)
    # Some upstreams give the arguments as JSON, not as a text that holds JSON.
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return None


def _custom(value: object) -> CustomDelta | None:
    if not isinstance(value, dict):
        return None
    return CustomDelta(name=typed(value.get("name"), str), input=typed(value.get("input"), str))


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
