import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.chat import ChatRequest, encode_upstream, parse_chat_request
from providers.wire.errors import InvalidRequestError

USER = {"role": "user", "content": "hello"}


def body(**fields: object) -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": [USER], **fields}).encode()


def parsed(**fields: object) -> ChatRequest:
    return parse_chat_request(body(**fields))


def refused(data: bytes) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        parse_chat_request(data)
    return caught.value


def upstream(chat: ChatRequest, *, limit: int | None = None, force_usage: bool = False) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(encode_upstream(chat, model="other", limit=limit, force_usage=force_usage))
    return value


def test_smallest_request_is_read_with_defaults() -> None:
    chat = parsed()
    assert (chat.model, chat.stream, chat.include_usage, chat.n, chat.limit) == (
        "gpt-4o",
        False,
        False,
        1,
        None,
    )
    assert (chat.session_id, chat.body_bytes, chat.messages[0].content) == (None, len(body()), "hello")


def test_null_is_absent() -> None:
    names = ["stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "tools", "functions"]
    names += ["tool_choice", "function_call", "response_format", "metadata"]
    chat = parsed(**dict.fromkeys(names))
    assert (chat.stream, chat.n, chat.limit, chat.tools, chat.session_id) == (False, 1, None, None, None)


def test_everything_that_the_meter_looks_at_is_read() -> None:
    chat = parsed(
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
        n=3,
        max_tokens=7,
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"a": 1}}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        metadata={"session_id": "s-1", "other": 5},
        temperature=0.5,
    )
    assert (chat.stream, chat.include_usage, chat.n, chat.limit) == (True, True, 3, 7)
    assert chat.tools is not None
    assert chat.tools[0].function is not None
    assert (chat.session_id, bytes(chat.tools[0].function.parameters)) == ("s-1", b'{"a": 1}')


@pytest.mark.parametrize(("newer", "older", "limit"), [(5, 7, 5), (5, None, 5), (None, 7, 7), (None, None, None)])
def test_newer_name_of_the_limit_counts(newer: int | None, older: int | None, limit: int | None) -> None:
    assert parsed(max_completion_tokens=newer, max_tokens=older).limit == limit


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"model": None}, "model", "expected string, got null"),
        ({"model": ""}, "model", "length >= 1"),
        ({"model": 5}, "model", "expected string, got integer"),
        ({"model": "m" * 300}, "model", "length <= 256"),
        ({"messages": []}, "messages", "length >= 1"),
        ({"messages": "hello"}, "messages", "expected array, got string"),
        ({"messages": [USER, 5]}, "messages[1]", "expected object, got integer"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "Missing required parameter"),
        (
            {"messages": [USER, {"role": "user", "content": 5}]},
            "messages[1].content",
            "string or array or null",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": {}}]}]},
            "messages[0].content[0].text",
            "expected string or null, got object",
        ),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]", "got string"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
            "Missing required parameter",
        ),
        ({"n": 0}, "n", ">= 1"),
        ({"n": 129}, "n", "<= 128"),
        ({"n": 1.5}, "n", "got number"),
        ({"n": True}, "n", "got boolean"),
        ({"n": 10**30}, "n", "<= 128"),
        ({"max_tokens": 0}, "max_tokens", ">= 1"),
        ({"max_completion_tokens": -1}, "max_completion_tokens", ">= 1"),
        ({"max_completion_tokens": 10**18}, "max_completion_tokens", "<="),
        ({"stream": "yes"}, "stream", "boolean or null"),
        ({"stream_options": {}}, "stream_options", "only allowed when 'stream'"),
        ({"stream": True, "stream_options": 5}, "stream_options", "got integer"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "Missing"),
        ({"tool_choice": 5}, "tool_choice", "got integer"),
        ({"metadata": {"session_id": 5}}, "metadata.session_id", "got integer"),
        ({"metadata": {"session_id": "s" * 513}}, "metadata.session_id", "length <= 512"),
        ({"Model": "dearer"}, "Model", "Did you mean 'model'?"),
        ({"N": 100}, "N", "Did you mean 'n'?"),
        ({"me\u017f\u017fages": []}, "me\u017f\u017fages", "Did you mean 'messages'?"),
    ],
)
def test_wrong_field_is_named(fields: dict[str, object], param: str, said: str) -> None:
    error = refused(body(**fields))
    assert error.param == param
    assert said in error.message
    assert param in error.message or "Did you mean" in error.message


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_missing_field_is_named(missing: str) -> None:
    fields = {"model": "gpt-4o", "messages": [USER]}
    del fields[missing]
    error = refused(json.dumps(fields).encode())
    assert (error.param, error.message) == (missing, f"Missing required parameter: '{missing}'.")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello", "not valid JSON"),
        (b"{", "not valid JSON"),
        (body() + b"x", "not valid JSON"),
        (b"\xef\xbb\xbf" + body(), "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"model":"\xff"}', "not valid UTF-8"),
        (b'{"\xff":1}', "not valid UTF-8"),
        (b'{"x":' * 100_000, "nested too deeply"),
        (body(metadata={"x": "\ud83d"}), "half of a surrogate pair"),
        (body(messages=[{"role": "user", "content": "cut \ud83d"}]), "half of a surrogate pair"),
        (body(messages=[{"role": "user", "content": "\ude00\ud83d"}]), "half of a surrogate pair"),
    ],
)
def test_body_that_cannot_be_read_is_told_apart(data: bytes, said: str) -> None:
    error = refused(data)
    assert error.param is None
    assert said in error.message


def test_whole_surrogate_pair_is_one_character() -> None:
    chat = parse_chat_request(rb'{"model":"m","messages":[{"role":"user","content":"\ud83d\ude00"}]}')
    assert chat.messages[0].content == "😀"


@given(st.binary() | st.text().map(str.encode) | st.binary().map(lambda b: body()[:-1] + b + b"}"))
def test_no_body_raises_anything_else(data: bytes) -> None:
    try:
        chat = parse_chat_request(data)
    except InvalidRequestError:
        return
    assert encode_upstream(chat, model="m", limit=None, force_usage=True).startswith(b'{"')


def test_what_is_unknown_goes_upstream_as_it_was_written() -> None:
    data = b'{"model":"a", "messages":[{"role":"user","content":"\\u00e9","x":1}], "y":{"z":[1.50, 1e5]}}'
    sent = encode_upstream(parse_chat_request(data), model="b", limit=None, force_usage=False)
    assert sent == b'{"model":"b","messages":[{"role":"user","content":"\\u00e9","x":1}],"y":{"z":[1.50, 1e5]}}'


def test_name_given_twice_means_the_same_to_the_upstream() -> None:
    data = b'{"model":"a","n":1,"messages":[{"role":"user"}],"\\u006e":2,"n":3,"model":"b"}'
    chat = parse_chat_request(data)
    assert (chat.model, chat.n) == ("b", 3)
    assert encode_upstream(chat, model="c", limit=None, force_usage=False).count(b'"n":') == 1
    assert upstream(chat)["n"] == 3


@pytest.mark.parametrize(
    ("named", "limit", "sent"),
    [
        ({}, None, {}),
        ({}, 9, {"max_completion_tokens": 9}),
        ({"max_tokens": 5}, None, {"max_tokens": 5}),
        ({"max_tokens": 5}, 3, {"max_tokens": 3}),
        ({"max_completion_tokens": 5}, 3, {"max_completion_tokens": 3}),
        ({"max_tokens": None}, 3, {"max_tokens": None, "max_completion_tokens": 3}),
        ({"max_completion_tokens": 5, "max_tokens": 99}, None, {"max_completion_tokens": 5, "max_tokens": 5}),
        ({"max_completion_tokens": 5, "max_tokens": 99}, 3, {"max_completion_tokens": 3, "max_tokens": 3}),
    ],
)
def test_forwarded_limit_is_the_one_that_is_held(
    named: dict[str, object], limit: int | None, sent: dict[str, object]
) -> None:
    value = upstream(parsed(**named), limit=limit)
    assert {key: value[key] for key in value if key.startswith("max_")} == sent


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"stream": True}, {"include_usage": True}),
        ({"stream": True, "stream_options": None}, {"include_usage": True}),
        (
            {"stream": True, "stream_options": {"include_usage": False, "x": [1]}},
            {"include_usage": True, "x": [1]},
        ),
        (
            {"stream": True, "stream_options": {"include_usage": True, "x": 1}},
            {"include_usage": True, "x": 1},
        ),
        ({}, None),
    ],
)
def test_usage_is_asked_for_in_streams_only(fields: dict[str, object], options: object) -> None:
    assert upstream(parsed(**fields), force_usage=True).get("stream_options") == options


def test_usage_is_not_asked_for_unless_forced() -> None:
    assert "stream_options" not in upstream(parsed(stream=True))


@pytest.mark.parametrize(
    ("written", "tier"), [({}, None), ({"service_tier": None}, None), ({"service_tier": "flex"}, "flex")]
)
def test_a_request_may_say_how_it_is_to_be_served(written: dict[str, object], tier: str | None) -> None:
    assert parsed(**written).service_tier == tier


@pytest.mark.parametrize("tier", [7, "x" * 33, "fl\nex"])
def test_a_service_tier_that_is_none_is_refused(tier: object) -> None:
    assert refused(body(service_tier=tier)).param == "service_tier"
