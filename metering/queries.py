"""The named statements of sql/*.sql.

A statement begins with ``-- name: what it does``; the name is how code calls it, so it exists once in all files.
"""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
_HEAD = re.compile(r"^-- ([a-z_0-9]+): ", re.MULTILINE)


@cache
def load_file(name: str) -> dict[str, str]:
    """Return the statements of one file by their names, in the order in which they stand there."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return {head[1]: text[head.start() : end].strip() for head, end in zip(heads, ends, strict=True)}


@cache
def load_invariants() -> dict[str, str]:
    """Return the statements that find what is broken, by the names of the invariants."""
    return load_file("invariants.sql") | load_file("invariants_reads.sql")


@cache
def load_queries() -> dict[str, str]:
    """Return every statement by its name."""
    queries: dict[str, str] = {}
    for file in sorted(FOLDER.glob("*.sql")):
        statements = load_file(file.name)
        twice = queries.keys() & statements.keys()
        assert not twice, f"{file.name}: {twice} exist already"
        queries.update(statements)
    return queries


def query(name: str) -> str:
    """Return one statement."""
    return load_queries()[name]
