"""Lists and files of the month: all rows, in any order, of any filter, whole or in two; and one request."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.e2e.month.life import DOLLARS, EVERY, IMAGES, PAGES, TOKENS, Month
from tests.e2e.month.recount import Row
from tests.e2e.organisation import Organisation

EVENTS, LEDGER = "/api/v1/events", "/api/v1/ledger"
TYPES = {
    "Usage": {"usage", "overdraft", "repay"},
    "Purchase": {"purchase"},
    "Refund": {"refund"},
    "Grant": {"grant", "auto_grant"},
    "Expiry": {"expire"},
    "Revoke": {"revoke"},
    "Correction": {"correction"},
}
SHOWN = ("at", "user_id", "amount", "resource", "pool", "io_type", "request_id", "endpoint")
"""The columns of seed 003."""


def all_events(month: Month, name: str = "acme") -> list[Row]:
    """Return the events of an organisation, of all resources, oldest first."""
    return by_column((event for one in month.recounts(name) for event in one.events), "at")


def all_entries(month: Month, name: str = "acme") -> list[Row]:
    """Return its entries, oldest first."""
    rows = (entry for one in month.recounts(name) for entry in one.entries)
    return sorted(rows, key=lambda entry: (entry["version"], entry["seq"]))


def in_two(month: Month, events: Iterable[Row], name: str = "acme") -> list[Row]:
    """Return a row of its input and one of its output for each event."""
    rows = []
    for event in events:
        price = month.price_of(name, event)
        taken = price.input_of(event) if price else event["charge"]
        rows += [{**event, "io_type": "input", "amount": taken}]
        rows += [{**event, "io_type": "output", "amount": event["charge"] - taken}]
    return rows


def by_column(rows: Iterable[Row], sort: str) -> list[Row]:
    """Return rows in the order of a column; null is the least."""
    names = (sort.removeprefix("-"), "at", "request_id", "io_type")
    return sorted(
        rows,
        key=lambda row: [((value := row.get(name)) is not None, value or 0) for name in names],
        reverse=sort.startswith("-"),
    )


def test_every_column_of_the_table_sorts_all_rows(month: Month, acme: Organisation) -> None:
    rows = in_two(month, all_events(month))
    for column in SHOWN:
        for sort in (column, f"-{column}"):
            assert acme.admin.all(EVENTS, rows="io", sort=sort, limit=25) == by_column(rows, sort), sort


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_input_and_output_add_up_to_every_charge(month: Month, name: str) -> None:
    rows = month.organisations[name].events(rows="io", sort="at")
    assert rows == by_column(in_two(month, all_events(month, name), name), "at")
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["request_id"]] += row["amount"]
    assert sums == {event["request_id"]: event["charge"] for event in all_events(month, name)}


FILTERS: list[tuple[dict[str, Any], Callable[[Row], bool]]] = [
    ({"user_id": ["ben", "cem"]}, lambda row: row["user_id"] in {"ben", "cem"}),
    ({"resource": IMAGES}, lambda row: row["resource"] == IMAGES),
    ({"pool": "allocated"}, lambda row: row["pool"] == "allocated"),
    ({"pool": "surplus"}, lambda row: row["pool"] == "surplus"),
    ({"pool": "hybrid"}, lambda row: row["pool"] == "hybrid"),
    ({"io_type": "output"}, lambda row: row["io_type"] == "output"),
    ({"min_amount": 8, "max_amount": 60}, lambda row: 8 <= row["amount"] <= 60),
    ({"session_id": "s1", "io_type": "input"}, lambda row: row["session_id"] == "s1" and row["io_type"] == "input"),
    ({"endpoint": "usage"}, lambda row: row["endpoint"] == "usage"),
    ({"feature": "ai_bots", "model": "large"}, lambda row: (row["feature"], row["model"]) == ("ai_bots", "large")),
]


@pytest.mark.parametrize(("query", "keep"), FILTERS, ids=[", ".join(map(str, query)) for query, _ in FILTERS])
def test_a_filter_leaves_the_rows_that_it_names(
    month: Month, acme: Organisation, query: dict[str, Any], keep: Callable[[Row], bool]
) -> None:
    kept = [row for row in by_column(in_two(month, all_events(month)), "at") if keep(row)]
    assert acme.events(rows="io", sort="at", **query) == kept != []
    page = acme.admin.get(EVENTS, rows="io", total="true", limit=1, **query)
    assert (page["total"], page["total_is_exact"]) == (len(kept), True)


def test_a_range_of_time_begins_with_its_first_moment_and_ends_before_its_last(
    month: Month, acme: Organisation
) -> None:
    events, entries = all_events(month), all_entries(month)
    since, until = events[3]["at"], events[-3]["at"]
    assert acme.events(**{"from": since, "to": until, "sort": "at"}) == events[3:-3]
    within = [entry for entry in entries if since <= entry["at"] < until]
    assert acme.admin.all(LEDGER, **{"from": since, "to": until, "sort": "at"}) == within != []


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_three_hundred_transactions_are_a_page_with_what_each_left(month: Month, name: str) -> None:
    entries = all_entries(month, name)
    page = month.organisations[name].admin.get(LEDGER, limit=300, total="true")
    assert page["data"] == entries[::-1]
    assert (page["next_cursor"], page["total"], page["total_is_exact"]) == (None, len(entries), True)
    for recount in month.recounts(name):
        left = {entry["id"]: after for entry, after in zip(recount.entries, recount.running, strict=True)}
        assert {row["id"]: row["balance_after"] for row in page["data"] if row["id"] in left} == left


def test_transactions_have_types_for_people(month: Month, acme: Organisation) -> None:
    entries = all_entries(month)
    assert {entry["type"] for entry in entries} == TYPES.keys() - {"Purchase"}
    for name, kinds in TYPES.items():
        expected = [entry for entry in entries if entry["kind"] in kinds]
        assert acme.admin.all(LEDGER, type=name, sort="at") == expected
        assert {entry["type"] for entry in expected} <= {name}


def test_what_was_charged_at_its_deadline_is_corrected(month: Month, acme: Organisation) -> None:
    (event,) = (event for event in all_events(month) if event["request_id"] == acme.requests["late pages"])
    entries = month.recount("acme", PAGES).of_request(event["request_id"])
    assert [(entry["kind"], entry["amount"], entry["delta"]) for entry in entries] == [
        ("usage", 9, -9), ("correction", 5, 5),
    ]  # fmt: skip
    assert (event["charge"], event["recovered"]["charge"], event["recovered"]["source"]) == (4, 9, "recovered")


def test_tokens_are_told_what_they_would_have_cost(month: Month) -> None:
    for event in all_events(month):
        priced = event["model"] in {"tiny", "large"} and event["endpoint"] == "chat/completions"
        assert event["cost"] == (DOLLARS.charge(event) if priced else None)
    for event in all_events(month, "globex"):
        assert event["cost"] == event["charge"]


@pytest.mark.parametrize(("name", "resource"), EVERY)
def test_one_request_is_shown_from_its_hold_to_the_ledger(month: Month, name: str, resource: str) -> None:
    recount = month.recount(name, resource)
    for event in recount.events:
        entries = recount.of_request(event["request_id"])
        trace = month.organisations[name].admin.get(f"{EVENTS}/{event['request_id']}")
        assert (trace["event"], trace["entries"], trace["hold"]) == (event, entries, None)
        assert sum(part["amount"] for part in trace["split"]) == trace["reserved"]
        debt = sum(entry["amount"] for entry in entries if entry["kind"] == "overdraft")
        assert (trace["debt_amount"], trace["refunded"]) == (debt, recount.refunded(event["request_id"]))
        drawn = sum(entry["amount"] for entry in entries if entry["kind"] in {"usage", "overdraft"})
        assert drawn <= trace["reserved"] or debt
        assert {pack["id"] for pack in trace["packs"]} == {entry["pack_id"] for entry in entries} - {None}


def cell_of(value: object) -> str:
    """Return what stands in a file for a value; no text may be run as a formula."""
    if isinstance(value, str):
        return f"'{value}" if value[:1] in {"=", "+", "-", "@"} else value
    return "" if value is None else json.dumps(value)


def assert_same(lines: list[dict[str, str]], rows: list[Row]) -> None:
    """Fail unless a file has these rows, and each of their fields."""
    assert len(lines) == len(rows) > 1
    for line, row in zip(lines, rows, strict=True):
        fields = {**row, **{f"recovered_{key}": value for key, value in row.get("recovered", {}).items()}}
        fields.pop("recovered", None)
        assert {key: value for key, value in line.items() if value or key in fields} == {
            key: cell_of(value) for key, value in fields.items()
        }


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_files_have_every_row_and_every_field(month: Month, name: str) -> None:
    admin, events = month.organisations[name].admin, all_events(month, name)
    assert_same(admin.file(f"{LEDGER}.csv"), all_entries(month, name)[::-1])
    assert_same(admin.file(f"{EVENTS}.csv", sort="at"), events)
    assert_same(admin.file(f"{EVENTS}.csv", sort="at", rows="io"), by_column(in_two(month, events, name), "at"))
    groups = {"interval": "hour", "group_by": ["member", "model", "session"]}
    assert_same(admin.file("/api/v1/usage.csv", **groups), admin.all("/api/v1/usage", **groups))


@pytest.mark.parametrize(("name", "resource"), EVERY)
def test_a_file_adds_up_to_the_balance(month: Month, name: str, resource: str) -> None:
    admin, recount = month.organisations[name].admin, month.recount(name, resource)
    lines = admin.file(f"{LEDGER}.csv", resource=resource)
    assert sum(int(line["delta"]) for line in lines) == recount.balance == int(lines[0]["balance_after"])
    used = admin.file(f"{EVENTS}.csv", resource=resource)
    assert sum(int(line["charge"]) for line in used) == recount.charged
    spent = admin.file("/api/v1/usage.csv", resource=resource, interval="all")
    assert [int(line["charge"]) - int(line["refunded"]) for line in spent] == [recount.net(recount.events)]


def test_a_members_file_has_their_own_rows(month: Month, acme: Organisation) -> None:
    mine = [event for event in all_events(month) if event["user_id"] == "ben"]
    assert_same(acme.people["ben"].file(f"{EVENTS}.csv", sort="at"), mine)
    assert {line["user_id"] for line in acme.people["ben"].file(f"{LEDGER}.csv", resource=TOKENS)} == {"ben"}
