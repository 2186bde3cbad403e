"""The seeded bugs of tests/mutants fit the code as it is now."""

from pathlib import Path

import pytest

from tests.mutants.seeded import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
by_name = pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])


@by_name
def test_text_of_a_mutant_is_in_its_file_exactly_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
    assert mutant.new != mutant.old


@by_name
def test_test_that_kills_a_mutant_is_there(mutant: Mutant) -> None:
    path, _, name = mutant.test.partition("::")
    assert (ROOT / path).exists()
    assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text() if name else True


def test_every_mutant_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
