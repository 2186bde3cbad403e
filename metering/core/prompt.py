"""Tokens of a chat prompt.

Exact for text, names and functions, as OpenAI counts them; an estimate for tool
calls in the history and JSON schemas, where no rule is published; an upper bound
for images and other media. The reported usage settles what is no exact count.
"""

from collections.abc import Callable
from contextlib import suppress

import msgspec

from config.catalog import ModelSpec
from metering.core.media import media_tokens_max
from metering.core.tools import count_tools, has_functions
from providers.wire.chat import ChatRequest, ContentPart, Message, ResponseFormat

__all__ = ["count_prompt"]

_MESSAGE_TOKENS = 3
_NAME_TOKENS = 1
_CALL_TOKENS = 3
_FUNCTION_ROLE_TOKENS = -2
_SCHEMA_TOKENS = 20

# Each is one token in every encoding that we count with; asking the tokenizer costs more than the set.
_ONE_TOKEN_ROLES = frozenset({"assistant", "developer", "function", "system", "tool", "user"})
_SYSTEM_ROLES = frozenset({"developer", "system"})
_PLAIN_ROLES = _SYSTEM_ROLES | {"user"}
_TEXT_PARTS = frozenset({"refusal", "text"})

_Count = Callable[[str], int]


def count_prompt(chat: ChatRequest, spec: ModelSpec, count: _Count, count_again: _Count | None = None) -> int:
    """Return the prompt's tokens; ``count`` gives those of a text in the model's encoding.

    ``count_again`` gives the same, and may remember it: for instructions, which come again with the next request.
    """
    count_again = count_again or count
    has_tools = has_functions(chat)
    has_system = False
    media_tokens = 0
    total = spec.reply_primer
    for message in chat.messages:
        role, content = message.role, message.content
        if role in _PLAIN_ROLES and type(content) is str and content and not (has_tools or message.name):
            # The usual message, at half the price of looking at all that there can be.
            total += _MESSAGE_TOKENS + 1 + (count if role == "user" else count_again)(content)
            continue
        total += _MESSAGE_TOKENS + (1 if role in _ONE_TOKEN_ROLES else count(role))
        end = ""
        if has_tools and not has_system and role in _SYSTEM_ROLES:
            has_system = True
            end = "\n"  # The functions follow the first system message, after a line end.
        if isinstance(content, list):
            total += _count_texts(content, end, count)
            media_tokens += _media_tokens(content, spec)
        elif content or end:
            total += (count_again if role in _SYSTEM_ROLES else count)((content or "") + end)
        if message.name:
            total += _NAME_TOKENS + count(message.name)
        if role == "function":
            total += _FUNCTION_ROLE_TOKENS
        total += _count_answer(message, count) if role == "assistant" else 0
    if has_tools:
        total += count_tools(chat, has_system=has_system, count=count)
    if chat.response_format is not None:
        total += _count_format(chat.response_format, count)
    # An upper bound beyond what the model can read is of no use: the upstream refuses such a prompt.
    return total + min(media_tokens, max(spec.context_tokens - total, 0))


def _count_texts(parts: list[ContentPart], end: str, count: _Count) -> int:
    texts = [text for part in parts for text in (part.text, part.refusal) if text]
    if end:
        texts[-1:] = [texts[-1] + end] if texts else [end]
    return sum(map(count, texts))


def _media_tokens(parts: list[ContentPart], spec: ModelSpec) -> int:
    return sum(media_tokens_max(part, spec) for part in parts if part.type not in _TEXT_PARTS)


def _count_answer(message: Message, count: _Count) -> int:
    """Return the tokens of what only an assistant's message has: calls, a refusal, reasoning."""
    total = count(message.refusal) if message.refusal else 0
    if message.reasoning_content:
        total += count(message.reasoning_content)
    call = message.function_call
    if call is not None:
        total += _CALL_TOKENS + count(call.name or "") + count(call.arguments or "")
    for tool_call in message.tool_calls or ():
        function, custom = tool_call.function, tool_call.custom
        total += _CALL_TOKENS
        if function is not None:
            total += count(function.name or "") + count(function.arguments or "")
        if custom is not None:
            total += count(custom.name or "") + count(custom.input or "")
    return total


def _count_format(response_format: ResponseFormat, count: _Count) -> int:
    json_schema = response_format.json_schema
    if json_schema is None or response_format.type != "json_schema":
        return 0
    schema = bytes(json_schema.schema) or b"null"
    with suppress(RecursionError):  # Nested beyond reason: counted as written.
        schema = msgspec.json.format(schema, indent=-1)
    return _SCHEMA_TOKENS + count(schema.decode(errors="replace"))
