"""The tables that say which test proves what: every test they name exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "tests" / "integration" / "breaking" / "README.md"


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", TABLES.read_text()))
    written = {
        name for path in ROOT.glob("tests/**/test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert named - written == set()
    assert len(named) > 100


def test_every_test_of_what_breaks_is_named() -> None:
    text = TABLES.read_text()
    written = {
        name for path in TABLES.parent.glob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert {name for name in written if f"`{name}`" not in text} == set()
