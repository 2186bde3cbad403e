import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.chat import Chunk, Response, Usage, decode_chunk, decode_response

OPENAI_CHUNK = (
    b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini",'
    b'"service_tier":"default","system_fingerprint":"fp","choices":[{"index":1,"delta":{"role":"assistant",'
    b'"content":" Hi","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}'
)


def chunk(value: object) -> Chunk:
    decoded = decode_chunk(json.dumps(value).encode())
    assert decoded is not None
    return decoded


def delta(**fields: object) -> Any:
    (choice,) = chunk({"choices": [{"delta": fields}]}).choices
    assert choice.delta is not None
    return choice.delta


def usage(value: object) -> Usage | None:
    streamed = chunk({"choices": [], "usage": value})
    whole = decode_response(json.dumps({"choices": [], "usage": value}).encode())
    assert whole is not None
    assert whole.usage == streamed.usage
    return streamed.usage


def test_chunk_of_openai_is_read() -> None:
    decoded = decode_chunk(OPENAI_CHUNK)
    assert decoded is not None
    (choice,) = decoded.choices
    assert (choice.index, choice.finish_reason, decoded.usage, decoded.has_error) == (1, None, None, False)
    assert choice.delta is not None
    assert choice.delta.content == " Hi"


def test_response_is_read() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {
        "choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    decoded = decode_response(json.dumps(body).encode())
    assert decoded is not None
    (choice,) = decoded.choices
    assert choice.delta is not None
    assert choice.delta.tool_calls is not None
    assert choice.delta.tool_calls[0].function is not None
    assert choice.delta.tool_calls[0].function.name == "f"
    assert (choice.finish_reason, decoded.usage) == (
        "tool_calls",
        Usage(prompt_tokens=1, completion_tokens=2),
    )


@pytest.mark.parametrize("data", [b"", b"[DONE]", b"[]", b'"x"', b"null", b'{"choices":', b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_undecodable(data: bytes) -> None:
    assert decode_chunk(data) is None
    assert decode_response(data) is None


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        ({"error": {"message": "x"}}, True),
        ({"error": "x", "choices": 5}, True),
        ({"error": None}, False),
        ({"error": None, "choices": 5}, False),
        ({"choices": []}, False),
    ],
)
def test_top_level_error_is_seen(value: object, *, failed: bool) -> None:
    assert chunk(value).has_error is failed


@pytest.mark.parametrize("value", [{}, {"choices": []}, {"choices": None}, {"choices": "x"}, {"choices": [5]}])
def test_choices_may_be_missing(value: object) -> None:
    assert chunk(value).choices == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, (3, 4, 0, 0)),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": None},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            (3, 4, 2, 1),
        ),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": None},
                "completion_tokens_details": None,
            },
            (3, 4, 0, 0),
        ),
        ({"prompt_tokens": 3, "completion_tokens": 4, "prompt_cache_hit_tokens": 2}, (3, 4, 2, 0)),
        ({"prompt_tokens": -3, "completion_tokens": -4}, (-3, -4, 0, 0)),
        ({"prompt_tokens": 3.0, "completion_tokens": 4}, (3, 4, 0, 0)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": "x"}, (3, 4, 0, 0)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "completion_tokens_details": []}, (3, 4, 0, 0)),
        ({"prompt_tokens": 3, "completion_tokens": 10**30}, (3, 10**30, 0, 0)),
        ({"prompt_tokens": 3}, None),
        ({"prompt_tokens": "3", "completion_tokens": 4}, None),
        ({"prompt_tokens": True, "completion_tokens": 4}, None),
        ({"prompt_tokens": 3.5, "completion_tokens": 4}, None),
        ([], None),
    ],
)
def test_usage_is_taken_as_it_is(value: object, expected: tuple[int, ...] | None) -> None:
    found = usage(value)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (
            found.prompt_tokens,
            found.completion_tokens,
            found.cached_tokens,
            found.reasoning_tokens,
        ) == expected


def test_part_of_a_wrong_type_hides_nothing_else() -> None:
    value = {
        "choices": [
            {
                "index": "0",
                "delta": {
                    "content": "hello",
                    "refusal": 5,
                    "tool_calls": [{"index": True, "function": {"name": "f", "arguments": {"a": "é"}}}, 7],
                },
                "finish_reason": 3,
            },
            "x",
            {"index": 2, "delta": None, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    decoded = chunk(value)
    first, last = decoded.choices
    assert first.delta is not None
    assert first.delta.tool_calls is not None
    (call,) = first.delta.tool_calls
    assert (first.index, first.delta.content, first.delta.refusal) == (0, "hello", None)
    assert (call.index, call.function and call.function.arguments) == (None, '{"a":"é"}')
    assert (last.index, last.finish_reason) == (2, "stop")
    assert decoded.usage is not None


def test_content_in_parts_is_their_text() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": []},
        {"type": "text", "text": "b"},
    ]
    assert delta(content=parts).content == "ab"


def test_custom_tool_call_is_read() -> None:
    for strange in ({}, {"refusal": 5}):
        (call,) = delta(tool_calls=[{"index": 0, "custom": {"name": "run", "input": "x"}}], **strange).tool_calls
        assert (call.custom.name, call.custom.input) == ("run", "x")


def test_half_of_a_surrogate_pair_is_read() -> None:
    decoded = decode_chunk(rb'{"choices":[{"delta":{"content":"\ud83d"}}]}')
    assert decoded is not None
    assert decoded.choices[0].delta is not None
    assert decoded.choices[0].delta.content == "\ud83d"


NAMES = ["choices", "delta", "message", "content", "tool_calls", "function", "arguments", "usage", "index"]
NAMES += ["prompt_tokens", "completion_tokens", "prompt_tokens_details", "error", "finish_reason", "text"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_decoded_without_an_error(value: object) -> None:
    data = json.dumps(value).encode()
    for decoded in (decode_chunk(data), decode_response(data)):
        assert (decoded is None) == (not isinstance(value, dict))
        if decoded is not None:
            assert isinstance(decoded.has_error, bool)
            assert decoded.usage is None or isinstance(decoded.usage, Usage)


@given(st.binary())
def test_any_bytes_are_decoded_without_an_error(data: bytes) -> None:
    assert isinstance(decode_chunk(data), Chunk | None)
    assert isinstance(decode_response(data), Response | None)
