"""What the documents say is what the code does."""

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from config.settings import Settings
from config.sources import TABLES, hints_of, sections, top_level, variables

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
PACKAGED = (ROOT / "config" / "farebox.toml").read_text()

HEADINGS: dict[str, tuple[type, set[str]]] = {
    "Top level": (Settings, set(top_level())),
    **{f"[{name}]": (kind, set(hints_of(kind))) for name, kind in sections().items()},
    **{f"[{name}.NAME]": (kind, set(hints_of(kind))) for name, kind in TABLES.items()},
}


def documented(heading: str) -> dict[str, str]:
    """Return the keys of one table and what stands in their column of defaults."""
    section = CONFIGURATION.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_setting_is_documented(heading: str) -> None:
    assert set(documented(heading)) == HEADINGS[heading][1]


@pytest.mark.parametrize("heading", HEADINGS)
def test_documented_defaults_are_the_defaults(heading: str) -> None:
    written = documented(heading)
    kind, _ = HEADINGS[heading]
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    stored_otherwise = {"rates", "fallbacks", "safety_factor", "default_prompt", "default_completion"}
    for name in written.keys() & defaults.keys() - stored_otherwise:
        expected = defaults[name]
        if expected is None:
            assert written[name] == "not set"
        else:
            found = tomllib.loads(f"x = {written[name].strip('`')}")["x"]
            assert found == (list(expected) if isinstance(expected, tuple) else expected)


@pytest.mark.parametrize("heading", [f"[{name}]" for name in sections()])
def test_the_packaged_file_shows_every_setting(heading: str) -> None:
    section = PACKAGED.partition(f"\n{heading}\n")[2].partition("\n[")[0]
    for name in HEADINGS[heading][1]:
        assert re.search(rf"^(?:# )?{name} = ", section, re.MULTILINE), name
    assert section.startswith("# ")


def test_every_short_variable_is_documented() -> None:
    general = {f"FAREBOX_{section}_{name}".upper() for section in sections() for name in hints_of(sections()[section])}
    for name in variables().keys() - general:
        assert f"`{name}`" in CONFIGURATION, name


def test_keys_of_providers_and_models_are_explained_in_the_packaged_file() -> None:
    for kind in TABLES.values():
        for name in hints_of(kind):
            assert re.search(rf"^# {name}  ", PACKAGED, re.MULTILINE), name
