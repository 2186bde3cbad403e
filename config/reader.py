"""The reader: takes typed values out of the merged sources, and remembers every one that it refused."""

import dataclasses
from collections.abc import Iterator, Mapping

from config.errors import ConfigProblem
from config.sources import Entries, Entry, Key, dotted, hints_of
from config.values import RefusedError, parse_value

EXAMPLES = {
    "safety_factor": "1.0",
    "rates": "{ prompt = 1, cached = 0.1, completion = 4 }",
    "fallbacks": '["gpt-4o-mini"]',
    "trusted_proxies": '["10.0.0.0/8"]',
    "provider": '"openai"',
    "label": '"pages"',
}
"""What to write where the default is no example, or is stored in another form."""


class Reader:
    """All sources merged; ``problems`` and ``refused`` grow while values are taken out."""

    def __init__(self, entries: Entries, packaged: Entries, problems: list[ConfigProblem]) -> None:
        self.entries = entries
        self.problems = problems
        self.refused: set[Key] = set()
        self._packaged = packaged

    def names(self, table: str) -> list[str]:
        """Return the names of the tables below [providers], [models] or [resources], in order."""
        return list(dict.fromkeys(key[1] for key in self.entries if key[0] == table))

    def section(self, prefix: Key, kind: type) -> dict[str, object]:
        """Return the fields of one table that are written and right."""
        return dict(self._values(prefix, kind))

    def is_explicit(self, prefix: Key) -> bool:
        """Tell whether the operator changed anything of a packaged table, or made it."""
        return any(
            key[: len(prefix)] == prefix and not same(entry, self._packaged.get(key))
            for key, entry in self.entries.items()
        )

    def refuse(self, key: Key, problem: str, hint: str) -> None:
        """Note a problem at the place where the operator wrote this key."""
        self.refused.add(key)
        self.problems.append(ConfigProblem(self.place(key), problem, hint))

    def place(self, key: Key) -> str:
        """Return the file and key, or the variable, to open for a correction."""
        entry = self.entries.get(key) or self.entries.get(key[:2])
        if entry is None:
            return dotted(key)
        return entry.source if entry.is_text else f"{entry.source}: {dotted(key)}"

    def written_by_operator(self, key: Key) -> bool:
        """Tell whether this key differs from the packaged file."""
        entry = self.entries.get(key)
        return entry is not None and not same(entry, self._packaged.get(key))

    def _values(self, prefix: Key, kind: type) -> Iterator[tuple[str, object]]:
        examples = {field.name: field for field in dataclasses.fields(kind)}
        for name, annotation in hints_of(kind).items():
            entry = self.entries.get((*prefix, name))
            if entry is None:
                continue
            try:
                yield name, parse_value(annotation, entry.value, is_text=entry.is_text)
            except RefusedError as error:
                self.refuse((*prefix, name), f"must be {error}", _hint(entry, examples[name]))


def same(entry: Entry, other: Entry | None) -> bool:
    """Tell whether two sources say the same: a copy of the packaged file changes nothing."""
    return other is not None and entry.value == other.value and type(entry.value) is type(other.value)


def _hint(entry: Entry, field: "dataclasses.Field[object]") -> str:
    example = _example(field)
    if example is None:
        return "write such a value, or leave it out"
    return f"set {entry.source}={example.strip(chr(34))}" if entry.is_text else f"write {field.name} = {example}"


def _example(field: "dataclasses.Field[object]") -> str | None:
    """Return the default as TOML, or nothing when "not set" is the default."""
    if field.name in EXAMPLES:
        return EXAMPLES[field.name]
    match field.default:
        case bool():
            return str(field.default).lower()
        case str():
            return f'"{field.default}"'
        case int() | float():
            return str(field.default)
        case _:
            return None


def merged(*layers: Mapping[Key, Entry]) -> Entries:
    """Return all entries, the later source winning key by key."""
    entries: Entries = {}
    for layer in layers:
        entries.update(layer)
    return entries
