from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalog import ModelSpec
from metering.core.prompt import count_prompt
from metering.core.tools import render_functions
from providers.wire.chat import ChatRequest

Count = Callable[[str], int]
Specs = Callable[..., ModelSpec]
Chats = Callable[..., ChatRequest]

WEATHER = {
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
            "unit": {
                "type": "string",
                "description": "The unit of temperature to return",
                "enum": ["celsius", "fahrenheit"],
            },
        },
        "required": ["location"],
    },
}
WEATHER_MESSAGES = [
    {
        "role": "system",
        "content": "You are a helpful assistant that can answer to questions about the weather.",
    },
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
HELLO = [{"role": "user", "content": "hello"}]
HELLO_WORLD = {"role": "user", "content": "hello world"}
HI = {"role": "user", "content": "Hi there"}


def function(name: str, description: str | None = None, **properties: object) -> dict[str, object]:
    definition: dict[str, object] = {
        "name": name,
        "parameters": {"type": "object", "properties": properties},
    }
    if description is not None:
        definition["description"] = description
    return definition


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def result(name: str, content: str) -> dict[str, str]:
    return {"role": "function", "name": name, "content": content}


def called(arguments: str) -> dict[str, object]:
    return {"role": "assistant", "content": "", "function_call": {"name": "do_stuff", "arguments": arguments}}


FOO = [function("foo")]
DO_STUFF = [function("do_stuff")]
STRING = {"type": "string"}
NESTED = {
    "type": "object",
    "properties": {"bar": {"type": "string", "enum": ["a", "b", "c"]}, "baz": {"type": "boolean"}},
}

VECTORS: list[tuple[str, int, dict[str, object]]] = [
    ("T1", 105, {"messages": WEATHER_MESSAGES, "functions": [WEATHER]}),
    ("T1 as tool", 105, {"messages": WEATHER_MESSAGES, "tools": [{"type": "function", "function": WEATHER}]}),
    ("T1 without tools", 34, {"messages": WEATHER_MESSAGES}),
    ("T2", 31, {"messages": HELLO, "functions": FOO}),
    ("T3 none", 32, {"messages": HELLO, "functions": FOO, "function_call": "none"}),
    ("T3 auto", 31, {"messages": HELLO, "functions": FOO, "function_call": "auto"}),
    ("T3 foo", 36, {"messages": HELLO, "functions": FOO, "function_call": {"name": "foo"}}),
    ("T4", 36, {"messages": HELLO, "functions": [function("foo", "Do a foo")]}),
    ("T5", 49, {"messages": HELLO, "functions": [function("bing_bong", "Do a bing bong", foo=STRING)]}),
    (
        "T6",
        57,
        {
            "messages": HELLO,
            "functions": [
                function(
                    "bing_bong",
                    "Do a bing bong",
                    foo=STRING,
                    bar={"type": "number", "description": "A number"},
                )
            ],
        },
    ),
    ("T7", 68, {"messages": HELLO, "functions": [function("bing_bong", "Do a bing bong", foo=NESTED)]}),
    ("T8", 15, {"messages": [HELLO_WORLD, result("do_stuff", "{}")]}),
    ("T9", 28, {"messages": [HELLO_WORLD, result("do_stuff", '{"foo": "bar", "baz": 1.5}')]}),
    ("T10", 24, {"messages": [result("dance_the_tango", '{"a": { "b" : { "c": false}}}')]}),
    ("T11", 26, {"messages": [called('{"foo": "bar", "baz": 1.5}')]}),
    ("T12", 25, {"messages": [called('{"foo":"bar", "baz":\n\n 1.5}')]}),
    ("T13", 35, {"messages": [system("Hello"), HI], "functions": DO_STUFF}),
    ("T13 colon", 35, {"messages": [system("Hello:"), HI], "functions": DO_STUFF}),
    ("T14", 40, {"messages": [system("Hello:"), system("Hello"), HI], "functions": DO_STUFF}),
]


@pytest.mark.parametrize(("name", "tokens", "fields"), VECTORS, ids=[v[0] for v in VECTORS])
def test_functions_are_counted_as_published(
    name: str, tokens: int, fields: dict[str, Any], cl100k: Count, spec_of: Specs, chat_of: Chats
) -> None:
    assert count_prompt(chat_of(**fields), spec_of("gpt-3.5-turbo", "cl100k_base"), cl100k) == tokens, name


@pytest.mark.parametrize(("tokens", "tools"), [(101, [{"type": "function", "function": WEATHER}]), (33, [])])
def test_weather_tool_is_counted_as_published_in_o200k(
    tokens: int, tools: object, o200k: Count, spec_of: Specs, chat_of: Chats
) -> None:
    assert count_prompt(chat_of(messages=WEATHER_MESSAGES, tools=tools), spec_of(), o200k) == tokens


def test_tool_choice_costs_as_function_call_does(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    tools = [{"type": "function", "function": function("foo")}]
    choices: list[object] = [
        "auto",
        "required",
        "none",
        {"type": "function", "function": {"name": "foo"}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
    ]
    free, *rest = [count_prompt(chat_of(tools=tools, tool_choice=choice), spec_of(), o200k) for choice in choices]
    assert [tokens - free for tokens in rest] == [0, 1, 5, 0]


def test_line_end_goes_to_the_last_text_of_the_first_system_message(
    o200k: Count, spec_of: Specs, chat_of: Chats
) -> None:
    def tokens(content: object) -> int:
        messages = [{"role": "system", "content": content}, HI]
        return count_prompt(chat_of(messages=messages, functions=DO_STUFF), spec_of(), o200k)

    assert tokens([{"type": "text", "text": "Hello:"}]) == tokens("Hello:")
    assert tokens([]) == tokens(None) == tokens("") == tokens("Hello") - 1


def rendered(chat_of: Chats, parameters: object, **more: object) -> str:
    chat = chat_of(functions=[{"name": "f", "parameters": parameters, **more}])
    lines = render_functions(chat.functions or ()).split("\n")
    assert (lines[:2], lines[-2:]) == (["namespace functions {", ""], ["", "} // namespace functions"])
    return "\n".join(lines[2:-2])


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"type": "number", "enum": [1, 2.5]}, "1 | 2.5"),
        ({"type": "string", "enum": ["a", None]}, '"a" | "null"'),
        ({"enum": ["a", 1]}, '"a" | 1'),
        ({"type": "null"}, "null"),
        ({"type": "array"}, "any[]"),
        ({"type": "array", "items": {"type": "integer"}}, "number[]"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}, 5]}, "string | null | any"),
        ({"type": "object"}, "{\n\n}"),
        ({"type": ["string", "null"]}, "any"),
        ({"type": ["string", "null"], "enum": ["a", None]}, '"a" | null'),
        ({"type": {}, "enum": "a", "anyOf": []}, "any"),
        ({"$ref": "#/$defs/x"}, "any"),
        ({}, "any"),
        (True, "any"),
        (None, "any"),
    ],
)
def test_types_are_rendered(schema: object, shown: str, chat_of: Chats) -> None:
    text = rendered(chat_of, {"type": "object", "properties": {"a": schema}, "required": ["a"]})
    assert text == f"type f = (_: {{\na: {shown},\n}}) => any;"


def test_nested_objects_are_indented_and_lose_their_descriptions(chat_of: Chats) -> None:
    inner = {"type": "object", "description": "y", "properties": {"c": {"type": "null", "description": "z"}}}
    outer = {"type": "object", "description": "x", "properties": {"b": inner}, "required": ["b"]}
    text = rendered(chat_of, {"type": "object", "properties": {"a": outer}}, description="d")
    assert text == "// d\ntype f = (_: {\n// x\na?: {\n  b: {\n    c?: null,\n},\n},\n}) => any;"


@pytest.mark.parametrize("parameters", [None, {}, [], 5, {"properties": []}, {"properties": {}}])
def test_parameters_that_are_no_schema_count_as_none(parameters: object, chat_of: Chats) -> None:
    assert rendered(chat_of, parameters) == "type f = () => any;"


def test_custom_tools_take_one_text(o200k: Count, spec_of: Specs, chat_of: Chats) -> None:
    custom = {"name": "run", "description": "Run it", "format": {"type": "text"}}
    chat = chat_of(tools=[{"type": "custom", "custom": custom}])
    text = "namespace functions {\n\n// Run it\ntype run = (_: string) => any;\n\n} // namespace functions"
    assert count_prompt(chat, spec_of(), o200k) == 8 + o200k(text) + 9 + o200k('{"type":"text"}')


@pytest.mark.parametrize("wrap", ["items", "anyOf", "properties"])
def test_schemas_nested_beyond_reason_count_as_their_text(
    wrap: str, o200k: Count, spec_of: Specs, chat_of: Chats
) -> None:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(100):
        match wrap:
            case "items":
                schema = {"type": "array", "items": schema}
            case "anyOf":
                schema = {"anyOf": [schema]}
            case _:
                schema = {"type": "object", "properties": {"a": schema}}
    chat = chat_of(functions=[{"name": "f", "parameters": {"properties": {"a": schema}}}])
    assert count_prompt(chat, spec_of(), o200k) > o200k(msgspec.json.encode(schema).decode())


NAMES = ["type", "properties", "items", "anyOf", "enum", "required", "description"]
TYPES = ["object", "array", "string", "integer", "boolean", "null"]
schemas = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.sampled_from(TYPES) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


@given(schemas)
def test_no_schema_is_an_error(chat_of: Chats, schema: object) -> None:
    parameters = {
        "type": "object",
        "properties": {"a": schema, "b": {"type": "object", "properties": schema}},
    }
    assert rendered(chat_of, parameters).startswith("type f = (_: {")
    assert rendered(chat_of, schema)
