"""The tables that say which test proves what: every test they name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BREAKING = ROOT / "tests" / "integration" / "breaking" / "README.md"
FEATURES = ROOT / "docs" / "features.md"


def written_in(pattern: str) -> set[str]:
    return {name for path in ROOT.glob(pattern) for name in re.findall(r"def (test_\w+)", path.read_text())}


@pytest.mark.parametrize(("table", "named_min"), [(BREAKING, 100), (FEATURES, 90)], ids=["what breaks", "features"])
def test_every_test_that_is_named_exists(table: Path, named_min: int) -> None:
    text = table.read_text()
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named - written_in("tests/**/test_*.py") == set()
    assert len(named) > named_min
    files = set(re.findall(r"`(tests/[\w./]+)`", text))
    assert {file for file in files if not (ROOT / file).exists()} == set()


def test_every_test_of_what_breaks_is_named() -> None:
    text = BREAKING.read_text()
    assert {name for name in written_in("tests/integration/breaking/test_*.py") if f"`{name}`" not in text} == set()


def test_every_feature_says_what_shows_it_or_that_it_comes_later() -> None:
    rows = [
        line for line in FEATURES.read_text().splitlines() if line.startswith("| ") and not line.startswith("| it ")
    ]
    rows = [row for row in rows if not row.startswith("| ---")]
    assert [row for row in rows if "`test_" not in row and "later" not in row] == []
    assert len(rows) > 80
