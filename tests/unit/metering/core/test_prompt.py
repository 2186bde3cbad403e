from collections.abc import Callable
from typing import Any

import pytest

from config.catalog import ModelSpec
from metering.core import prompt
from metering.core.prompt import count_prompt
from providers.wire.chat import ChatRequest

Count = Callable[[str], int]
Specs = Callable[..., ModelSpec]
Chats = Callable[..., ChatRequest]


def message(role: str, content: object, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


COOKBOOK = [
    message(
        "system",
        "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    ),
    message("system", "New synergies will help drive top-line growth.", name="example_user"),
    message("system", "Things working well together will increase revenue.", name="example_assistant"),
    message(
        "system",
        "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
        name="example_user",
    ),
    message(
        "system",
        "Let's talk later when we're less busy about how to do better.",
        name="example_assistant",
    ),
    message(
        "user",
        "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    ),
]
NAMELESS = [{key: value for key, value in m.items() if key != "name"} for m in COOKBOOK]
HELLO = message("user", "hello")
HELPFUL = "You are a helpful assistant."

# id, messages, tokens in cl100k (gpt-4), tokens in o200k (gpt-4o); None: not published
CHATS: list[tuple[str, list[dict[str, object]], int | None, int | None]] = [
    ("C1", COOKBOOK, 129, 124),
    ("C2", NAMELESS, 115, 110),
    ("C3", COOKBOOK[0:1], 25, 24),
    ("C4", COOKBOOK[1:2], 20, 20),
    ("C5", COOKBOOK[2:3], 19, 19),
    ("C6", COOKBOOK[3:4], 28, 27),
    ("C7", COOKBOOK[4:5], 26, 24),
    ("C8", COOKBOOK[5:6], 26, 25),
    ("C9", [HELLO], 8, 8),
    ("C10 user", [message("user", "hello world")], 9, 9),
    ("C10 system", [message("system", "hello:")], 9, 9),
    ("C11 system", [message("system", HELPFUL), message("user", "Hello!")], 19, 19),
    ("C11 developer", [message("developer", HELPFUL), message("user", "Hello!")], 19, 19),
    ("C12", [message("user", "Hello!")], 9, 9),
    (
        "C14",
        [
            message("system", "# Important: you're the best robot"),
            message("user", "hello robot"),
            message("assistant", "hello world"),
        ],
        27,
        None,
    ),
]


@pytest.mark.parametrize(("name", "messages", "tokens", "_"), CHATS, ids=[c[0] for c in CHATS])
def test_chat_is_counted_as_published_in_cl100k(
    name: str, messages: Any, tokens: int, _: Any, cl100k: Count, spec_of: Specs, chat_of: Chats
) -> None:
    assert count_prompt(chat_of(messages=messages), spec_of("gpt-4", "cl100k_base"), cl100k) == tokens, name


@pytest.mark.parametrize(
    ("name", "messages", "_", "tokens"), [c for c in CHATS if c[3]], ids=[c[0] for c in CHATS if c[3]]
)
def test_chat_is_counted_as_published_in_o200k(
    name: str, messages: Any, _: Any, tokens: int, o200k: Count, spec_of: Specs, chat_of: Chats
) -> None:
    assert count_prompt(chat_of(messages=messages), spec_of("gpt-4o"), o200k) == tokens, name


@pytest.mark.parametrize(("text", "tokens"), [("hello", 7), pytest.param("Tell me a joke.", 11, id="C13")])
def test_gpt_5_opens_its_answer_with_one_token_less(
    text: str, tokens: int, o200k: Count, spec_of: Specs, chat_of: Chats
) -> None:
    assert count_prompt(chat_of(messages=[message("user", text)]), spec_of("gpt-5"), o200k) == tokens


@pytest.mark.parametrize("role", sorted(prompt._ONE_TOKEN_ROLES))
def test_known_roles_are_one_token_in_every_encoding(role: str, o200k: Count, cl100k: Count) -> None:
    assert (o200k(role), cl100k(role)) == (1, 1)


def test_other_roles_are_counted_by_the_tokenizer(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    chat = chat_of(messages=[message("latest_reminder", "hello")])
    assert count_prompt(chat, spec_of(), o200k) == 7 + o200k("latest_reminder")


def test_text_parts_count_as_their_texts(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    parts = [{"type": "text", "text": "hello world"}, {"type": "text", "text": "hello"}]
    assert count_prompt(chat_of(messages=[message("user", parts)]), spec_of(), o200k) == 10


@pytest.mark.parametrize("content", [None, "", []])
def test_no_content_counts_nothing(content: object, o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    assert count_prompt(chat_of(messages=[message("user", content)]), spec_of(), o200k) == 7


def test_special_tokens_in_text_are_ordinary_text(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    chat = chat_of(messages=[message("user", "<|endoftext|>")])
    assert count_prompt(chat, spec_of(), o200k) == 7 + 7


def test_tool_calls_and_results_in_the_history_are_counted(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    custom = {"id": "call_2", "type": "custom", "custom": {"name": "get_time", "input": "{}"}}
    messages = [
        HELLO,
        message("assistant", None, tool_calls=[call, custom]),
        message("tool", "hello", tool_call_id="call_1"),
    ]
    one_call = 3 + o200k("get_time") + o200k("{}")
    assert count_prompt(chat_of(messages=messages), spec_of(), o200k) == 8 + 4 + 2 * one_call + 5


def test_refusal_and_reasoning_in_the_history_are_counted(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    answer = message("assistant", None, refusal="hello", reasoning_content="hello world")
    assert count_prompt(chat_of(messages=[HELLO, answer]), spec_of(), o200k) == 8 + 4 + 1 + 2


def test_json_schema_counts_as_its_compact_text(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    wish = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    compact = '{"type":"object","properties":{"a":{"type":"string"}}}'
    assert count_prompt(chat_of(response_format=wish), spec_of(), o200k) == 8 + 20 + o200k(compact)


@pytest.mark.parametrize("wish", [{"type": "text"}, {"type": "json_object"}])
def test_other_formats_cost_nothing(wish: dict[str, str], o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    assert count_prompt(chat_of(response_format=wish), spec_of(), o200k) == 8


def test_remote_image_counts_as_the_dearest_of_its_family(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    assert count_prompt(chat_of(messages=[message("user", parts)]), spec_of(), o200k) == 7 + 1445


def test_media_never_count_beyond_the_context(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    parts = [{"type": "file", "file": {"file_id": "file-1"}}] * 3
    assert count_prompt(chat_of(messages=[message("user", parts)]), spec_of(), o200k) == 128_000


def test_text_beyond_the_context_is_counted_all_the_same(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    parts = [{"type": "text", "text": "hello " * 200_000}, {"type": "video_url"}]
    assert count_prompt(chat_of(messages=[message("user", parts)]), spec_of(), o200k) > 200_000
