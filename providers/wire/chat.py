"""The chat completions format: requests as the meter needs them, and the body that goes upstream.

What the meter looks at is typed and checked; everything else stays the raw JSON
that the client wrote, so that new parameters pass through untouched.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from providers.wire.answers import (
    Chunk,
    ChunkChoice,
    Delta,
    FunctionDelta,
    Response,
    ResponseChoice,
    ToolCallDelta,
    Usage,
    decode_chunk,
    decode_response,
)
from providers.wire.chat_parts import (
    ContentPart,
    CustomCall,
    CustomTool,
    FilePart,
    FunctionCall,
    FunctionDef,
    ImageUrl,
    InputAudio,
    JsonSchema,
    Message,
    NamedFunction,
    ResponseFormat,
    Tool,
    ToolCall,
    ToolChoice,
)
from providers.wire.errors import InvalidRequestError
from providers.wire.refusals import refusal_of

__all__ = [
    "ChatBody",
    "ChatRequest",
    "Chunk",
    "ChunkChoice",
    "ContentPart",
    "CustomCall",
    "CustomTool",
    "Delta",
    "FilePart",
    "FunctionCall",
    "FunctionDef",
    "FunctionDelta",
    "ImageUrl",
    "InputAudio",
    "JsonSchema",
    "Message",
    "NamedFunction",
    "Response",
    "ResponseChoice",
    "ResponseFormat",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "Usage",
    "decode_chunk",
    "decode_response",
    "encode_upstream",
    "parse_chat_request",
]

CHOICES_MAX = 128  # OpenAI's own limit on n
LIMIT_MAX = 2**31 - 1  # more tokens than any model writes; keeps worst cases far inside 2^52
SESSION_ID_CHARS_MAX = 512  # OpenAI's limit on a metadata value
MODEL_CHARS_MAX = 256
SERVICE_TIER_CHARS_MAX = 32

_Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]


class _StreamOptions(msgspec.Struct, frozen=True, gc=False):
    include_usage: bool | None = None


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    session_id: Annotated[str, Meta(max_length=SESSION_ID_CHARS_MAX)] | None = None


class ChatBody(msgspec.Struct, frozen=True, gc=False):
    """What is checked of a request; all else passes as it is."""

    model: Annotated[str, Meta(min_length=1, max_length=MODEL_CHARS_MAX)]
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=CHOICES_MAX)] | None = None
    max_tokens: _Limit | None = None
    max_completion_tokens: _Limit | None = None
    tools: list[Tool] | None = None
    functions: list[FunctionDef] | None = None
    tool_choice: str | ToolChoice | None = None
    function_call: str | NamedFunction | None = None
    response_format: ResponseFormat | None = None
    metadata: _Metadata | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A chat request, checked.

    ``limit`` counts tokens of one choice, as the client named it; ``limit_fields``
    are the names it used, the one that counts first. ``body_bytes`` is the size
    of the whole body. ``raw`` holds every top-level value as it was written.
    """

    model: str
    messages: list[Message]
    stream: bool
    include_usage: bool
    n: int
    limit: int | None
    limit_fields: tuple[str, ...]
    tools: list[Tool] | None
    functions: list[FunctionDef] | None
    tool_choice: str | ToolChoice | None
    function_call: str | NamedFunction | None
    response_format: ResponseFormat | None
    session_id: str | None
    body_bytes: int
    raw: dict[str, Raw]

    @property
    def service_tier(self) -> str | None:
        """How the client wants to be served; few do, so it is read when it is asked for."""
        raw = self.raw.get("service_tier")
        return None if raw is None else _TIERS.decode(raw)


_RAW_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_BODIES = msgspec.json.Decoder(ChatBody)
_TIERS = msgspec.json.Decoder(Annotated[str, Meta(max_length=SERVICE_TIER_CHARS_MAX)] | None)
_ENCODER = msgspec.json.Encoder()
_FIELDS = frozenset(ChatBody.__struct_fields__)


def parse_chat_request(body: bytes) -> ChatRequest:
    """Return the request in ``body``.

    Raises:
        InvalidRequestError: for anything else than a request that can be metered.
    """
    try:
        raw = _RAW_OBJECT.decode(body)
        fields = _BODIES.decode(body)
    except (ValueError, RecursionError) as error:
        raise refusal_of(error, body) from error
    _check_names(raw)
    session_id = None if fields.metadata is None else fields.metadata.session_id
    _check_text(fields.model, "model")
    if session_id is not None:
        _check_text(session_id, "metadata.session_id")
    if "service_tier" in raw:
        _check_tier(raw["service_tier"])
    stream = bool(fields.stream)
    options = fields.stream_options
    if options is not None and not stream:
        raise InvalidRequestError("'stream_options' is only allowed when 'stream' is true.", "stream_options")
    limit, limit_fields = _limit_of(fields)
    return ChatRequest(
        model=fields.model,
        messages=fields.messages,
        stream=stream,
        include_usage=options is not None and options.include_usage is True,
        n=fields.n or 1,
        limit=limit,
        limit_fields=limit_fields,
        tools=fields.tools,
        functions=fields.functions,
        tool_choice=fields.tool_choice,
        function_call=fields.function_call,
        response_format=fields.response_format,
        session_id=session_id,
        body_bytes=len(body),
        raw=raw,
    )


def _check_tier(raw: Raw) -> None:
    try:
        tier = _TIERS.decode(raw)
    except ValueError as error:
        raise InvalidRequestError(
            f"'service_tier' must be a text, such as 'default': {error}.", "service_tier"
        ) from error
    if tier is not None:
        _check_text(tier, "service_tier")


def _check_text(text: str, param: str) -> None:
    # What is stored must be storable: Postgres takes no NUL, and nobody means a control character.
    if not text.isprintable():
        raise InvalidRequestError(f"'{param}' has characters that can't be printed; leave them out.", param)


def _check_names(raw: dict[str, Raw]) -> None:
    for name in raw.keys() - _FIELDS:
        # Some upstreams read names without regard to case: "Model" or "N" there would get past the meter.
        meant = name.casefold()
        if meant in _FIELDS:
            raise InvalidRequestError(f"Unknown parameter {name!r}. Did you mean {meant!r}?", name)


def _limit_of(fields: ChatBody) -> tuple[int | None, tuple[str, ...]]:
    newer, older = fields.max_completion_tokens, fields.max_tokens
    if newer is None:
        return (None, ()) if older is None else (older, ("max_tokens",))
    if older is None:
        return newer, ("max_completion_tokens",)
    return newer, ("max_completion_tokens", "max_tokens")


def encode_upstream(chat: ChatRequest, *, model: str, limit: int | None, force_usage: bool) -> bytes:
    """Return the body to forward: every value as the client wrote it, save those that are ours to set.

    ``model`` replaces the model. ``limit`` (tokens of one choice) replaces the
    limit under the name that the client used; None keeps the client's own.
    ``force_usage`` asks a stream for its usage, with other stream options kept.
    Since the top level is written anew, a name given twice means the same to us
    and to the upstream.
    """
    fields: dict[str, object] = {**chat.raw, "model": model}
    names = chat.limit_fields
    if limit is not None:
        for name in names or ("max_completion_tokens",):
            fields[name] = limit
    elif len(names) > 1:
        # An upstream may know either name: both must say what is held.
        for name in names:
            fields[name] = chat.limit
    if force_usage and chat.stream and not chat.include_usage:
        fields["stream_options"] = _with_usage(chat.raw.get("stream_options"))
    return _ENCODER.encode(fields)


def _with_usage(options: Raw | None) -> dict[str, object]:
    kept = {} if options is None or bytes(options) == b"null" else _RAW_OBJECT.decode(options)
    return {**kept, "include_usage": True}
