"""The named statements."""

import re

from metering.books.filters import ENTRIES, EVENTS, IO_EVENTS, PROBE, Filters, Scope, Selection
from metering.books.pages import PROBED
from metering.queries import FOLDER, load_file, load_queries, query


def test_every_file_of_statements_is_loaded() -> None:
    names = {file.name for file in FOLDER.glob("*.sql")}
    assert names >= {"books.sql", "invariants.sql", "queries.sql"}
    assert load_queries().keys() == {name for file in names for name in load_file(file)}


def test_a_statement_is_found_by_its_name_and_says_what_it_does() -> None:
    assert query("ping").startswith("-- ping: ")
    assert query("settle") == load_file("queries.sql")["settle"]


def test_every_statement_is_one_statement() -> None:
    for name, text in load_queries().items():
        code = re.sub(r"--.*", "", text)
        assert code.rstrip().endswith(";"), name
        assert code.count(";") == 1, name


def test_every_filter_is_known_to_entries_and_to_events() -> None:
    fields = set(Filters.__slots__)
    assert fields == set(ENTRIES) | {"io_type"} == set(EVENTS) | {"io_type"} == set(IO_EVENTS)
    assert set(PROBE) <= set(ENTRIES)
    assert set(PROBED) <= set(PROBE)  # what requests are looked up by


def test_values_are_parameters_and_never_text() -> None:
    evil = "'; DROP TABLE entries; --"
    filters = Filters(model=evil, session_id=evil, user_ids=(evil,))
    for sql in (ENTRIES, EVENTS, IO_EVENTS):
        selection = Selection(filters, Scope("a", True, evil), sql)
        assert evil not in selection.where
        assert selection.values == ["a", evil, (evil,), evil, evil]
        assert [f"${place}" in selection.where for place in range(1, 7)] == [True] * 5 + [False]
