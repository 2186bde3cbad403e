"""What the tables and charts of an account show, against what plain SQL finds in its books."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm
from tests.browser.words import NONE, day, moment, number

LIVE = "account_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"
BALANCE = f"SELECT sum(remaining) FROM packs WHERE {LIVE} AND resource = 'tokens'"  # noqa: S608 - our own text
OF_TOKENS = "account_id = $1 AND resource = 'tokens'"
NAMED = {"images": " images", "ocr_pages": " pages"}
DAYS = 7


def amount(value: int, resource: str, *, named: bool = True) -> str:
    """Return an amount as it is written."""
    if resource == "storage_bytes":
        return f"{value / 1e9:.2g} GB" if value >= 1e9 else f"{value / 1e6:g} MB" if value else "0 bytes"
    return number(value) + (NAMED.get(resource, "") if named else "")


def the_days() -> list[str]:
    """The last days, today's last, as they stand on an axis."""
    days = [datetime.now(UTC) - timedelta(days=before) for before in reversed(range(DAYS))]
    return [f"{one:%b} {one.day}" for one in days]


def test_packs_in_each_state(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("packs", "Packs")
    packs = window.table("Packs")
    columns = ("Status", "Remaining / Total", "Expires", "Granted At", "Note", "For", "Models")
    rows = books.rows(
        "SELECT CASE WHEN revoked_at IS NOT NULL THEN 'Revoked' WHEN expires_at <= now() THEN 'Expired'"
        " WHEN remaining = 0 THEN 'Depleted' ELSE 'Active' END,"
        " remaining, size, resource, expires_at, granted_at, note, user_id, models"
        " FROM packs WHERE account_id = $1 ORDER BY pack_id DESC",
        firm.id,
    )
    assert packs.records(*columns) == [
        (
            status,
            f"{amount(remaining, resource, named=False)} / {amount(size, resource)}",
            moment(expires) if expires else "No expiration",
            moment(granted),
            note,
            user or "Everybody",
            ", ".join(models or ["Any"]),
        )
        for status, remaining, size, resource, expires, granted, note, user, models in rows
    ]
    for status in ("Active", "Depleted", "Expired", "Revoked"):
        with window.reading(f"status={status.lower()}"):
            window.main.get_by_text(status, exact=True).first.click()
        expect(packs.rows).to_have_count(sum(row[0] == status for row in rows))
        assert set(packs.cells("Status")) == {status}


def test_usage_by_day_and_by_member(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("usage", "Usage")
    charge, allocated, surplus, prompt = books.row(
        "SELECT sum(charge), sum(allocated_amount), sum(surplus_amount), sum(prompt_tokens)"  # noqa: S608 - our own text
        f" FROM events WHERE {OF_TOKENS}",
        firm.id,
    )
    people = books.rows(
        "SELECT user_id, count(*), sum(charge), sum(allocated_amount), sum(surplus_amount) FROM events"  # noqa: S608
        f" WHERE {OF_TOKENS} GROUP BY user_id ORDER BY 3 DESC",
        firm.id,
    )
    part = window.region("Consumption Chart")
    part.get_by_role("button", name="Show as a table").click()
    chart = window.table("Consumption Chart")
    for view, sums in (
        ("By pool", {"Allocated": allocated, "Surplus": surplus}),
        ("Input and output", {"Input": prompt, "Output": charge - prompt}),
        ("By member", {user: used for user, _, used, *_ in people}),
    ):
        part.get_by_text(view, exact=True).click()
        expect(chart.locator.locator("thead")).to_contain_text(next(iter(sums)))
        window.settle()
        assert chart.cells("Day") == the_days()
        for name, value in sums.items():
            assert chart.cells(name) == [*["0"] * (DAYS - 1), number(value)]
    table = window.table("Who dips into the surplus")
    table.sort("In all")
    assert table.records("User ID", "Requests", "In all", "Own budget", "Surplus", "Surplus share") == [
        (user, number(count), number(used), number(own), number(dipped), f"{100 * dipped // used}%")
        for user, count, used, own, dipped in people
    ]


def test_the_surplus_day_by_day(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("usage", "Usage")
    part = window.region("Surplus Fluctuation Chart")
    part.get_by_role("button", name="Show as a table").click()
    table = window.table("Surplus Fluctuation Chart")
    assert table.cells("Day") == the_days()
    moved = dict(
        books.rows(
            "SELECT e.kind, sum(e.amount) FROM entries e JOIN packs p USING (pack_id)"
            " WHERE e.account_id = $1 AND e.resource = 'tokens' AND p.user_id IS NULL GROUP BY 1",
            firm.id,
        )
    )
    columns = ("Surplus", "Granted", "Used", "Expired", "Revoked", "Refunded", "Corrected", "Repaid")
    kinds = ("grant", "usage", "expire", "revoke", "refund", "correction", "repay")
    signs = {"grant": 1, "refund": 1, "correction": 1}
    left = sum(signs.get(kind, -1) * moved.get(kind, 0) for kind in kinds)
    # A pack counts here until its rest is booked, which may be half an hour after its expiry.
    assert left == books.value(
        "SELECT sum(remaining) FROM packs WHERE account_id = $1 AND resource = 'tokens' AND user_id IS NULL"
        " AND closed_at IS NULL",
        firm.id,
    )
    *before, today = table.records(*columns)
    assert today == (number(left), *(number(moved.get(kind, 0)) for kind in kinds))
    assert set(before) == {("0",) * len(columns)}


def test_every_column_of_the_events(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("usage?sort=-amount", "Usage")
    events = window.table("Consumption Events Table")
    columns = ("Created", "User ID", "Amount", "Resource Type", "Pool Category", "I/O Type", "Endpoint")
    names = {"ocr_pages": "pages", "storage_bytes": "bytes of storage"}
    biggest = books.rows(
        "SELECT request_id::text, at, user_id, resource, allocated_amount, surplus_amount, endpoint, prompt_tokens,"
        " charge FROM events WHERE account_id = $1",
        firm.id,
    )
    shown = {}
    for request, at, user, resource, own, shared, endpoint, prompt, charge in biggest:
        taken = prompt if resource == "tokens" else charge
        pool = "Hybrid" if own and shared else "Allocated" if own else "Surplus"
        for io_type, value in (("Input", taken), ("Output", charge - taken)):
            unit = "" if resource == "storage_bytes" else f" {names.get(resource, resource)}"
            text = amount(value, resource, named=False) + unit
            name = names.get(resource, resource)
            shown[request, io_type] = (moment(at), user, text, name, pool, io_type, endpoint)
    ids = [one.get_attribute("title") or "" for one in events.locator.locator("td code").all()]
    told = events.records(*columns)
    assert len(told) == 25
    assert told == [shown[request, row[5]] for request, row in zip(ids, told, strict=True)]


def test_every_column_of_the_ledger(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("ledger", "Transaction History")
    columns = (
        "Time", "Type", "Amount", "Prompt / Completion", "Model", "Service", "Session / Reason", "Pack",
        "Balance after",
    )  # fmt: skip
    told = window.table("Transaction History").records(*columns)
    rows = books.rows(
        "SELECT e.at, e.kind, e.delta, e.resource, e.prompt_tokens, e.completion_tokens, e.model, e.service,"
        " e.session_id, e.reason, p.note, e.balance_after FROM entries e JOIN packs p USING (pack_id)"
        " WHERE e.account_id = $1 ORDER BY e.at DESC, e.version DESC, e.seq DESC LIMIT 25",
        firm.id,
    )
    assert told == [
        (
            moment(at),
            kind.capitalize(),
            ("+" if delta > 0 else "-") + amount(abs(delta), resource),
            f"{prompt} / {completion}",
            NONE if model == "-" else model,
            service,
            f"{session or NONE} {reason}",
            note,
            amount(after, resource, named=False),
        )
        for at, kind, delta, resource, prompt, completion, model, service, session, reason, note, after in rows
    ]
    assert {row[1] for row in told} == {"Refund", "Usage"}


def test_allocations_and_their_last_uses(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("allocations", "Allocations")
    balance = books.value(BALANCE, firm.id)
    used, refunded = books.row(
        f"SELECT (SELECT sum(charge) FROM events WHERE {OF_TOKENS}),"  # noqa: S608 - our own text
        f" (SELECT sum(amount) FROM entries WHERE {OF_TOKENS} AND kind = 'refund')",
        firm.id,
    )
    size, ends = books.row(
        f"SELECT sum(size), min(expires_at) FROM packs WHERE {LIVE} AND resource = 'tokens'",  # noqa: S608 - the same
        firm.id,
    )
    assert window.facts(window.main) == {
        "Total Tokens": number(balance),
        "Available Tokens": number(balance),
        "Used This Month": number(used - refunded),
        "Active Allocations": "3",
    }
    simulated = window.region("Current Allocations").get_by_role("listitem").filter(has_text="simulated")
    expect(simulated).to_contain_text(f"{number(balance)} tokens available")
    expect(simulated).to_contain_text(f"{number(balance)} of {number(size)} remaining")
    expect(simulated).to_contain_text(f"Expires {day(ends)}")
    history = window.table("Usage History").records("Generator", "Tokens Used", "Date", "Remaining")
    after = remaining_after(firm, books)
    assert sorted(history) == sorted(
        (model, number(charge), moment(at), number(after[request]))
        for request, model, charge, at in books.rows(
            f"SELECT request_id::text, model, charge, at FROM events WHERE {OF_TOKENS}"  # noqa: S608 - our own text
            " ORDER BY at DESC, request_id DESC LIMIT 50",
            firm.id,
        )
    )


def remaining_after(firm: Firm, books: Books) -> dict[str, int]:
    """Count again what was left for whoever asked, right after each of their requests: entry by entry."""
    packs = {
        pack: (user, over, revoked)
        for pack, user, over, revoked in books.rows(
            f"SELECT pack_id::text, user_id, expires_at, revoked_at FROM packs WHERE {OF_TOKENS}",  # noqa: S608 - ours
            firm.id,
        )
    }
    left: dict[str, int] = defaultdict(int)
    found = {}
    for pack, moved, request, at, user in books.rows(
        "SELECT pack_id::text, CASE WHEN book_to = 'pack:' || pack_id THEN amount ELSE -amount END,"  # noqa: S608 - ours
        f" request_id::text, at, user_id FROM entries WHERE {OF_TOKENS} ORDER BY version, seq",
        firm.id,
    ):
        left[pack] += moved
        if moved > 0:
            continue  # a grant, or a refund
        found[request] = sum(
            left[one]
            for one, (owner, over, revoked) in packs.items()
            if owner in {None, user} and not revoked and (over is None or over > at)
        )
    return found


def test_a_member_sees_their_own_entries_alone(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("grace"))
    window.show("ledger?rows=300", "Transaction History")
    expect(window.table("Transaction History").rows).to_have_count(
        books.value("SELECT count(*) FROM entries WHERE account_id = $1 AND user_id = 'grace'", firm.id)
    )
