"""The parts of a chat request that the meter reads: messages, tools, the wished form of the answer."""

import msgspec
from msgspec import Raw, field

__all__ = [
    "ContentPart",
    "CustomCall",
    "CustomTool",
    "FilePart",
    "FunctionCall",
    "FunctionDef",
    "ImageUrl",
    "InputAudio",
    "JsonSchema",
    "Message",
    "NamedFunction",
    "ResponseFormat",
    "Tool",
    "ToolCall",
    "ToolChoice",
]


class ImageUrl(msgspec.Struct, frozen=True, gc=False):
    """An image by address or as a ``data:`` URL."""

    url: str
    detail: str | None = None


class InputAudio(msgspec.Struct, frozen=True, gc=False):
    """Base64 audio; ``format`` is ``wav`` or ``mp3``."""

    data: str
    format: str | None = None


class FilePart(msgspec.Struct, frozen=True, gc=False):
    """A file's content as a ``data:`` URL; None when it is named by an id."""

    file_data: str | None = None


class ContentPart(msgspec.Struct, frozen=True, gc=False):
    """One part of a message's content; which fields are set depends on ``type``."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    input_audio: InputAudio | None = None
    file: FilePart | None = None


class FunctionCall(msgspec.Struct, frozen=True, gc=False):
    """A function that the model called earlier; ``arguments`` is the text that it wrote."""

    name: str | None = None
    arguments: str | None = None


class CustomCall(msgspec.Struct, frozen=True, gc=False):
    """A custom tool that the model called earlier."""

    name: str | None = None
    input: str | None = None


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """One of the tool calls of an assistant message."""

    function: FunctionCall | None = None
    custom: CustomCall | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of the conversation."""

    role: str
    content: str | list[ContentPart] | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None


class FunctionDef(msgspec.Struct, frozen=True, gc=False):
    """A function offered to the model; ``parameters`` is raw JSON Schema, or empty when absent."""

    name: str
    description: str | None = None
    parameters: Raw = field(default_factory=Raw)


class CustomTool(msgspec.Struct, frozen=True, gc=False):
    """A tool that takes free text, perhaps bound by a grammar (``format``, raw JSON)."""

    name: str
    description: str | None = None
    format: Raw = field(default_factory=Raw)


class Tool(msgspec.Struct, frozen=True, gc=False):
    """A tool offered to the model; neither field is set for those that run at the provider."""

    function: FunctionDef | None = None
    custom: CustomTool | None = None


class NamedFunction(msgspec.Struct, frozen=True, gc=False):
    """The name of the one function that the model must call."""

    name: str


class ToolChoice(msgspec.Struct, frozen=True, gc=False):
    """``tool_choice`` as an object."""

    function: NamedFunction | None = None
    custom: NamedFunction | None = None


class JsonSchema(msgspec.Struct, frozen=True, gc=False):
    """The schema that the answer must fit, as raw JSON, or empty when absent."""

    schema: Raw = field(default_factory=Raw)


class ResponseFormat(msgspec.Struct, frozen=True, gc=False):
    """``response_format``: ``text``, ``json_object`` or ``json_schema``."""

    type: str
    json_schema: JsonSchema | None = None
