"""Filters, orders, pages and files of the long tables, against SQL; all of it kept in the address."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.window import Window
from tests.e2e.farebox import Farebox

# The texts of SQL below are put together from our own constants.
# ruff: noqa: S608
# A row of input and a row of output for each event, as the page shows them.
IO = """
SELECT e.*, io.io_type, io.amount FROM events e
CROSS JOIN LATERAL (
    SELECT CASE WHEN resource = 'tokens' THEN prompt_tokens ELSE charge END AS input
) i
CROSS JOIN LATERAL (VALUES ('input', i.input), ('output', charge - i.input)) io (io_type, amount)
WHERE account_id = $1
"""
FILTERED = {
    "user_id=ada": "user_id = 'ada'",
    "user_id=ada&user_id=grace": "user_id IN ('ada', 'grace')",
    "resource=images": "resource = 'images'",
    "pool=allocated": "allocated_amount = charge",
    "pool=surplus": "surplus_amount = charge",
    "pool=hybrid": "allocated_amount > 0 AND surplus_amount > 0",
    "io_type=input": "io_type = 'input'",
    "min_amount=40&max_amount=45&resource=tokens": "amount BETWEEN 40 AND 45 AND resource = 'tokens'",
    "min_amount=30&io_type=output&user_id=linus": (
        "amount >= 30 AND io_type = 'output' AND user_id = 'linus' AND resource = 'tokens'"
    ),
}
SORTED = {
    "User ID": ("user_id", lambda text: text),
    "Amount": ("amount", lambda text: int(text.split()[0].replace(",", ""))),
    "Pool Category": ("pool", str.lower),
    "I/O Type": ("io_type", str.lower),
    "Endpoint": ("endpoint", lambda text: text),
    "Resource Type": ("resource", lambda text: text),
    "Created": ("at", lambda text: text),
}


@pytest.mark.parametrize("query", FILTERED)
def test_events_are_filtered_as_sql_does(query: str, enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show(f"usage?{query}", "Usage")
    events = window.main.get_by_role("region", name="Consumption Events Table")
    count = books.value(f"SELECT count(*) FROM ({IO}) rows WHERE {FILTERED[query]}", firm.id)
    assert count
    expect(events).to_contain_text(f"{count} in all")
    expect(window.table("Consumption Events Table").rows).to_have_count(min(count, 25))


def test_events_are_filtered_by_hand_and_the_address_keeps_it(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("usage", "Usage")
    people = window.page.get_by_label("User ID", exact=True).first
    for user in ("ada", "linus"):
        people.fill(user)
        people.press("Enter")
        window.page.wait_for_url(f"**user_id={user}*")
        expect(window.page.locator(".mantine-Pill-label", has_text=user).first).to_be_visible()
    window.page.keyboard.press("Escape")
    window.choose("I/O Type", "Output")
    lowest = window.page.get_by_label("Amount from (tokens)")
    lowest.fill("50")
    lowest.press("Enter")
    count = books.value(
        f"SELECT count(*) FROM ({IO}) rows WHERE user_id IN ('ada', 'linus') AND io_type = 'output'"
        " AND amount >= 50 AND resource = 'tokens'",
        firm.id,
    )
    told = window.main.get_by_role("region", name="Consumption Events Table")
    if count:
        expect(told).to_contain_text(f"{count} in all")
    else:
        expect(told).to_contain_text("No use fits these filters.")
    for part in ("user_id=ada", "user_id=linus", "io_type=output", "min_amount=50"):
        assert part in window.page.url
    window.page.reload()
    expect(window.page.get_by_label("Amount from (tokens)")).to_have_value("50")
    window.page.get_by_role("button", name="Clear all filters").click()
    expect(told).to_contain_text(f"{books.value(f'SELECT count(*) FROM ({IO}) rows', firm.id)} in all")


def test_events_are_sorted_by_each_column(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.show("usage?resource=tokens", "Usage")
    events = window.table("Consumption Events Table")
    for column, (field, key) in SORTED.items():
        for sort in (f"-{field}", field):
            assert events.sort(column) == ("descending" if sort.startswith("-") else "ascending")
            assert sort == "-at" or f"sort={sort}" in window.page.url
            shown = [key(text) for text in events.cells(column)]
            assert shown == sorted(shown, reverse=sort.startswith("-")), (column, sort)


def test_events_are_sorted_by_their_requests(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("usage?sort=request_id&io_type=input", "Usage")
    shown = window.table("Consumption Events Table").locator.locator("td code").all()
    assert [one.get_attribute("title") for one in shown] == [
        str(request)
        for request in books.column("SELECT request_id FROM events WHERE account_id = $1 ORDER BY 1 LIMIT 25", firm.id)
    ]


def test_the_ledger_is_sorted_and_filtered_as_sql_does(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("ledger?type=Usage&user_id=ada", "Transaction History")
    ledger = window.table("Transaction History")
    ledger.sort("Amount")
    window.page.wait_for_url("**sort=-amount*")
    largest = books.column(
        "SELECT amount FROM entries WHERE account_id = $1 AND kind = 'usage' AND user_id = 'ada'"
        " ORDER BY amount DESC LIMIT 25",
        firm.id,
    )
    assert ledger.cells("Amount") == [f"-{amount}" for amount in largest]


def test_pages_turn_by_buttons_and_by_arrow_keys(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("ledger", "Transaction History")
    count = books.value("SELECT count(*) FROM entries WHERE account_id = $1", firm.id)
    expect(window.main).to_contain_text(f"Page 1 · {count} in all")
    pages = [rows(window)]
    window.page.get_by_role("button", name="Next").click()
    expect(window.main).to_contain_text("Page 2 ·")
    window.settle()
    pages.append(rows(window))
    window.page.keyboard.press("ArrowRight")
    expect(window.main).to_contain_text("Page 3 ·")
    window.settle()
    assert not set(pages[0]) & set(pages[1])
    window.page.keyboard.press("ArrowLeft")
    expect(window.main).to_contain_text("Page 2 ·")
    window.settle()
    assert rows(window) == pages[1]
    window.page.get_by_role("button", name="Previous").click()
    expect(window.main).to_contain_text("Page 1 ·")
    window.settle()
    assert rows(window) == pages[0]


def rows(window: Window) -> list[str]:
    """Return what tells the rows of the ledger apart."""
    table = window.table("Transaction History")
    return [" ".join(pair) for pair in zip(table.cells("Balance after"), table.cells("Pack"), strict=True)]


def test_the_files_have_all_rows_of_the_filters(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    for query, sql in (("sort=at", ""), ("user_id=ada&sort=at", "AND user_id = 'ada'")):
        window.show(f"ledger?{query}", "Transaction History")
        history = download(window, "Download History")
        assert [
            (line["id"], line["amount"], line["balance_after"], line["pack_id"], line["reason"]) for line in history
        ] == [
            (str(entry), str(amount), str(after), str(pack), reason or "")
            for entry, amount, after, pack, reason in books.rows(
                f"SELECT id, amount, balance_after, pack_id, reason FROM entries WHERE account_id = $1 {sql}"
                " ORDER BY at, version, seq",
                firm.id,
            )
        ]
        expect(window.main).to_contain_text(f"{len(history)} in all")
    window.show("usage?io_type=output&resource=tokens", "Usage")
    events = download(window, "Download CSV")
    assert sorted((line["request_id"], line["amount"]) for line in events) == sorted(
        (str(request), str(amount))
        for request, amount in books.rows(
            f"SELECT request_id, amount FROM ({IO}) rows WHERE io_type = 'output' AND resource = 'tokens'", firm.id
        )
    )
    assert len(events) > len(window.table("Consumption Events Table").cells("Amount"))  # not the page alone


def download(window: Window, name: str) -> list[dict[str, str]]:
    """Press a button; return the lines of the file that comes."""
    with window.page.expect_download() as coming:
        window.page.get_by_role("link", name=name).click()
    text = Path(coming.value.path()).read_text()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_demo_mode_disables_downloads_and_says_so(enter: Enter, untouched: Farebox) -> None:
    window = enter(Guest(untouched.url, untouched.demo_key))
    for path, title, button in (
        ("ledger", "Transaction History", "Download History"),
        ("usage", "Usage", "Download CSV"),
    ):
        window.show(path, title)
        expect(window.page.get_by_role("link", name=button)).to_have_count(0)
        window.page.get_by_role("button", name=button).click(force=True)  # it is said to be disabled
        expect(window.page.get_by_role("alert").filter(has_text="Download disabled in demo mode")).to_be_visible()
