"""The schemas of all types that routes take and answer, by name, with what the words say of their fields."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.openapi.words import WORDS

Schema = dict[str, Any]
REF = "#/components/schemas/"
# What Python's patterns say in the words of ECMA 262, which JSON Schema is written in: its \s knows fewer spaces.
ECMA = ((r"\A", "^"), (r"\Z", "$"), (r"\s", r"\s\x1c-\x1f\x85"))
# Types whose names say enough among their neighbours only.
NAMES = {
    "ByPrice": "LeftByPrice",
    "Change": "PriceChange",
    "ChatBody": "ChatRequest",
    "CountBody": "CountRequest",
    "FeatureRateFound": "PublishedFeatureRate",
    "Line": "TrailLine",
    "LineList": "TrailLineList",
    "SealRecord": "Seal",
    "SealRecordList": "SealList",
    "Seals": "StatementSeals",
    "Movement": "StatementMovement",
    "Invariant": "AuditInvariant",
    "Finding": "VerificationFinding",
    "Found": "VerificationFound",
    "FunctionDef": "Function",
    "Limits": "KeyLimits",
    "AccountResourceList": "ResourceList",
    "AccountResource": "Resource",
    "Allocated": "Allocations",
    "RecurringPatch": "RecurringPackPatch",
    "ReservationRecord": "Reservation",
    "NewUse": "NewUsage",
    "Used": "Usage",
    "PriceRow": "Price",
    "PriceRowList": "PriceList",
    "Quote": "PriceQuote",
    "Recovered": "RecoveredEvent",
    "Part": "HoldPart",
    "Point": "UsagePoint",
    "Trace": "RequestTrace",
    "_Metadata": "ChatMetadata",
    "_StreamOptions": "ChatStreamOptions",
}
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}
BY_TYPE: Mapping[str, object] = {
    "string": "text",
    "integer": 120,
    "number": 1.0,
    "boolean": True,
    "null": None,
    "object": {},
    "array": [],
}


def schemas_of(types: Iterable[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """Return a schema for each type, and the components that they refer to."""
    found, components = msgspec.json.schema_components(list(types), ref_template=REF + "{name}")
    for name, component in components.items():
        for field, schema in component.get("properties", {}).items():
            component["properties"][field] = worded(schema, WORDS.get(f"{name}.{field}") or WORDS.get(field, {}))
    renamed = {NAMES.get(name, name): component for name, component in components.items()}
    for name, component in renamed.items():
        component["title"] = name
    return [tidied(schema) for schema in found], {name: tidied(renamed[name]) for name in sorted(renamed)}


def worded(schema: Schema, word: Schema) -> Schema:
    """Return a field's schema with what its word adds: its form where it has none yet, and an example."""
    form = {name: value for name, value in word.items() if name != "examples"}
    fitting = [one for one in word.get("examples", ()) if takes(schema, one)]
    examples = {"examples": fitting} if fitting else {}
    if schema == {"type": "string"}:
        return {**schema, **form, **examples}
    if "anyOf" in schema and {"type": "string"} in schema["anyOf"]:
        parts = [{**part, **form} if part == {"type": "string"} else part for part in schema["anyOf"]]
        return {**schema, "anyOf": parts, **examples}
    if schema == {}:  # JSON of its own
        return {**form, **examples}
    return {**schema, **examples}


def takes(schema: Schema, value: object) -> bool:
    """Return whether an example is of a schema's types: a word may be meant for another field of its name."""
    if "anyOf" in schema:
        return any(takes(part, value) for part in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if isinstance(value, list) and schema.get("type") == "array":
        return all(takes(schema.get("items", {}), one) for one in value)
    kinds = schema.get("type", list(TYPES) if not schema else [])
    return any(type(value) in TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))


def tidied(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema with names and patterns as readers of other languages expect them."""
    if isinstance(schema, list):
        return [tidied(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: tidied(value) for key, value in schema.items()}
    if isinstance(made.get("$ref"), str):
        name = made["$ref"].removeprefix(REF)
        made["$ref"] = REF + NAMES.get(name, name)
    if isinstance(made.get("pattern"), str):
        for python, ecma in ECMA:
            made["pattern"] = made["pattern"].replace(python, ecma)
    if made.get("format") == "decimal":  # a number, or its text
        made = {**{key: made[key] for key in made if key != "format"}, "type": ["number", "string"], "minimum": 0}
        made["pattern"] = r"^[0-9]{1,7}([.][0-9]{1,6})?$"
    if isinstance(made.get("description"), str):
        made["description"] = re.sub(r"``(.*?)``", r"`\1`", made["description"])
    return made


def example_of(schema: Schema, components: Mapping[str, Schema]) -> Any:  # noqa: ANN401 - any JSON
    """Return a value that fits a schema: what is said to be an example, else one by its type."""
    if "$ref" in schema:
        return example_of(components[schema["$ref"].removeprefix(REF)], components)
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], components)
    if "properties" in schema:
        wanted = {*schema["required"], *(name for name, part in schema["properties"].items() if "examples" in part)}
        return {name: example_of(part, components) for name, part in schema["properties"].items() if name in wanted}
    if "items" in schema:
        return [example_of(schema["items"], components)]
    kind = schema.get("type", "object")
    return BY_TYPE[kind if isinstance(kind, str) else kind[0]]
