"""Tokens of tools and functions in a prompt.

The model sees them as the text of a small namespace, and that text is what is
billed. The rendering is exact for functions as OpenAI counts them; custom tools
and tools that run at the provider are estimates, settled by the reported usage.
"""

from collections.abc import Callable, Iterable

import msgspec
from msgspec import Raw

from providers.wire.chat import ChatRequest, CustomTool, FunctionDef, NamedFunction, ToolChoice

__all__ = ["count_tools", "has_functions", "render_functions"]

_FRAME_TOKENS = 9
_SHARED_WITH_SYSTEM_TOKENS = 4
_NAMED_CHOICE_TOKENS = 4
_LEVELS_MAX = 32  # nobody nests schemas deeper, and rendering is recursive
_SCALARS = {"integer": "number"} | {kind: kind for kind in ("boolean", "null", "number", "string")}
_WITHOUT_ENUM = ("boolean", "null")  # a tuple, since a type may also be a list

_Count = Callable[[str], int]
_VALUES = msgspec.json.Decoder()


def has_functions(chat: ChatRequest) -> bool:
    """Tell whether the request offers anything to call; an empty list offers nothing."""
    return bool(chat.tools or chat.functions)


def count_tools(chat: ChatRequest, *, has_system: bool, count: _Count) -> int:
    """Return the tokens of the offered tools and of the choice among them.

    ``has_system``: a system message exists, which shares a part of the frame.
    """
    functions = list(chat.functions or ())
    customs: list[CustomTool] = []
    for tool in chat.tools or ():
        if tool.function is not None:
            functions.append(tool.function)
        elif tool.custom is not None:
            customs.append(tool.custom)
    total = count(render_functions(functions, customs)) + _FRAME_TOKENS
    if has_system:
        total -= _SHARED_WITH_SYSTEM_TOKENS
    total += sum(count(bytes(custom.format).decode(errors="replace")) for custom in customs)
    return total + _choice_tokens(chat.tool_choice, count) + _choice_tokens(chat.function_call, count)


def _choice_tokens(choice: str | ToolChoice | NamedFunction | None, count: _Count) -> int:
    if choice == "none":
        return 1
    if isinstance(choice, ToolChoice):
        choice = choice.function or choice.custom
    return count(choice.name) + _NAMED_CHOICE_TOKENS if isinstance(choice, NamedFunction) else 0


def render_functions(functions: Iterable[FunctionDef], customs: Iterable[CustomTool] = ()) -> str:
    """Return the text that stands for these functions in the prompt; a custom tool takes one string."""
    lines = ["namespace functions {", ""]
    for function in functions:
        lines += _definition(function.name, function.description, _argument(function.parameters))
    for custom in customs:
        lines += _definition(custom.name, custom.description, "(_: string)")
    lines.append("} // namespace functions")
    return "\n".join(lines)


def _definition(name: str, description: str | None, argument: str) -> list[str]:
    lines = [f"// {description}"] if description else []
    return [*lines, f"type {name} = {argument} => any;", ""]


def _argument(parameters: Raw) -> str:
    text = bytes(parameters)
    if not text:
        return "()"
    try:
        properties = _properties(_VALUES.decode(text), indent="", level=0)
    except (ValueError, RecursionError):
        # Broken UTF-8, or nested beyond reason: hardly accepted upstream, and the text itself is long enough.
        return f"(_: {text.decode(errors='replace')})"
    return f"(_: {{\n{properties}\n}})" if properties else "()"


def _properties(schema: object, *, indent: str, level: int) -> str:
    """Return the lines of an object's properties; of an entry that spans several, the first is indented."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(properties, dict):
        return ""
    required = _names(schema.get("required"))
    lines = []
    for name, value in properties.items():
        field = value if isinstance(value, dict) else {}
        description = field.get("description")
        if not indent and isinstance(description, str) and description:
            lines.append(f"// {description}")
        mark = "" if name in required else "?"
        lines.append(f"{indent}{name}{mark}: {_type(field, indent=indent, level=level + 1)},")
    return "\n".join(lines)


def _names(required: object) -> set[str]:
    return {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()


def _type(schema: object, *, indent: str, level: int) -> str:
    """Return the type that stands for a schema; each level copies the text of those inside it once."""
    if level > _LEVELS_MAX:
        raise RecursionError
    if not isinstance(schema, dict):
        return "any"
    kind, enum, options = schema.get("type"), schema.get("enum"), schema.get("anyOf")
    if kind == "object":
        return "\n".join(["{", _properties(schema, indent=indent + "  ", level=level), "}"])
    if kind == "array":
        items = schema.get("items")
        return f"{_type(items, indent=indent, level=level + 1)}[]" if items else "any[]"
    if isinstance(enum, list) and enum and kind not in _WITHOUT_ENUM:
        return " | ".join(_literal(value, quoted=kind == "string") for value in enum)
    if isinstance(options, list) and options and kind is None:
        return " | ".join(_type(option, indent=indent, level=level + 1) for option in options)
    return _SCALARS.get(kind, "any") if isinstance(kind, str) else "any"


def _literal(value: object, *, quoted: bool) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f'"{text}"' if quoted or isinstance(value, str) else text
