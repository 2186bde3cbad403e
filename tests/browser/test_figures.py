"""What the pages of an account show, against what plain SQL finds in its books."""

from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest

LIVE = "account_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"
BALANCE = f"SELECT sum(remaining) FROM packs WHERE {LIVE} AND resource = 'tokens'"  # noqa: S608 - our own text
USED = "SELECT sum(charge) FROM events WHERE account_id = $1 AND resource = 'tokens'"
REFUNDED = "SELECT sum(amount) FROM entries WHERE account_id = $1 AND kind = 'refund' AND resource = 'tokens'"


def number(value: int) -> str:
    """Return it grouped, as people read it."""
    return f"{value:,}"


def test_the_overview(enter: Enter, firm: Firm, books: Books) -> None:
    balance, used = books.value(BALANCE, firm.id), books.value(USED, firm.id)
    net = used - books.value(REFUNDED, firm.id)
    window = enter(firm.guest("ada"))
    window.show("", "Overview")
    for name, value in {
        "Total Tokens": balance,
        "Available Tokens": balance,
        "Used This Month": net,
        "Current Balance": balance,
        "Tokens Used": books.value(
            "SELECT sum(prompt_tokens + completion_tokens) FROM events WHERE account_id = $1", firm.id
        ),
        "Credits Used": net,
        "API Calls Made": books.value("SELECT count(*) FROM events WHERE account_id = $1", firm.id),
        "Images Processed": books.value(
            "SELECT sum(charge) FROM events WHERE account_id = $1 AND resource = 'images'", firm.id
        ),
    }.items():
        expect(window.figure(name)).to_contain_text(number(value))
    expect(window.figure("Email")).to_have_text("office@umbrella.example")
    top = window.main.get_by_role("region", name="Top members").get_by_role("listitem").all_inner_texts()
    spent = books.rows(
        "SELECT user_id, sum(charge) FROM events WHERE account_id = $1 AND resource = 'tokens'"
        " GROUP BY user_id ORDER BY 2 DESC",
        firm.id,
    )
    assert [line.split() for line in top] == [[user, number(charge)] for user, charge in spent]


def test_packs_in_each_state(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("packs", "Packs")
    packs = window.table("Packs")
    told = dict(
        zip(packs.cells("Note"), zip(packs.cells("Status"), packs.cells("Remaining / Total"), strict=True), strict=True)
    )
    for note, status, remaining, size in books.rows(
        "SELECT note, CASE WHEN revoked_at IS NOT NULL THEN 'Revoked' WHEN expires_at <= now() THEN 'Expired'"
        " WHEN remaining = 0 THEN 'Depleted' ELSE 'Active' END, remaining, size"
        " FROM packs WHERE account_id = $1 AND resource = 'tokens'",
        firm.id,
    ):
        assert told.pop(note) == (status, f"{number(remaining)} / {number(size)}")
    assert {note: amounts for note, (_, amounts) in told.items()} == {
        "pictures": "4,967 / 5,000 images",
        "scans": "293 / 300 pages",
        "disk": "5 GB / 5 GB",
    }
    window.main.get_by_text("Revoked", exact=True).first.click()
    expect(packs.rows).to_have_count(1)
    assert packs.cells("Note") == ["by mistake"]
    assert window.page.url.endswith("?status=revoked")


def test_one_request_from_its_hold_to_the_ledger(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show(f"ledger/{firm.request}", "Request")
    ((charge, reserved, prompt, completion, session),) = books.rows(
        "SELECT charge, reserved, prompt_tokens, completion_tokens, session_id FROM events WHERE request_id = $1",
        firm.request,
    )
    expect(window.main.get_by_role("region", name="Charge")).to_contain_text(f"{charge} tokens")
    expect(window.main.get_by_role("region", name="Hold")).to_contain_text(f"{reserved} tokens")
    expect(window.figure("Session")).to_have_text(session)
    counts = window.main.get_by_role("region", name="Tokens counted").locator("tbody tr")
    assert [row.split() for row in counts.all_inner_texts()] == [
        ["Prompt", str(prompt), str(prompt)],
        ["Completion", str(completion), str(completion)],
    ]
    drawn = window.main.get_by_role("region", name="Packs drawn").locator("tbody tr")
    assert drawn.count() == books.value("SELECT count(*) FROM entries WHERE request_id = $1", firm.request)


def test_usage_by_day_and_by_member(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("usage", "Usage")
    by_pool = books.rows(
        "SELECT sum(allocated_amount), sum(surplus_amount) FROM events WHERE account_id = $1 AND resource = 'tokens'",
        firm.id,
    )
    consumption = window.main.get_by_role("region", name="Consumption Chart")
    consumption.get_by_role("button", name="Show as a table").click()
    today = consumption.locator("tbody tr").last.locator("td").all_inner_texts()
    assert today[1:3] == [number(sum_) for sum_ in by_pool[0]]
    surplus = window.main.get_by_role("region", name="Surplus Fluctuation Chart")
    surplus.get_by_role("button", name="Show as a table").click()
    left = books.value(BALANCE + " AND user_id IS NULL", firm.id)
    expired = books.value("SELECT remaining FROM packs WHERE account_id = $1 AND note = 'a short while'", firm.id)
    assert surplus.locator("tbody tr").last.locator("td").nth(1).inner_text() in {number(left), number(left + expired)}
    people = window.table("Who dips into the surplus")
    people.sort("In all")
    assert list(zip(people.cells("User ID"), people.cells("In all"), people.cells("Surplus"), strict=True)) == [
        (user, number(charge), number(surplus_amount))
        for user, charge, surplus_amount in books.rows(
            "SELECT user_id, sum(charge), sum(surplus_amount) FROM events"
            " WHERE account_id = $1 AND resource = 'tokens' GROUP BY user_id ORDER BY 2 DESC",
            firm.id,
        )
    ]


def test_allocations_and_their_last_uses(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("allocations", "Allocations")
    expect(window.figure("Available Tokens")).to_have_text(number(books.value(BALANCE, firm.id)))
    expect(window.main.get_by_role("region", name="Current Allocations")).to_contain_text(
        f"{number(books.value(BALANCE, firm.id))} tokens available"
    )
    history = window.table("Usage History")
    last = books.column(
        "SELECT charge FROM events WHERE account_id = $1 AND resource = 'tokens'"
        " ORDER BY at DESC, request_id DESC LIMIT 50",
        firm.id,
    )
    assert sorted(history.cells("Tokens Used")) == sorted(number(charge) for charge in last)
    assert set(history.cells("Generator")) == {"simulated"}


def test_what_a_prompt_would_cost_and_how_far_the_balance_goes(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("pricing", "Pricing")
    calls, used = books.rows(
        "SELECT count(*), sum(charge) FROM events WHERE account_id = $1 AND resource = 'tokens'", firm.id
    )[0]
    left = int(window.figure("Requests").inner_text().replace(",", ""))
    assert left == books.value(BALANCE, firm.id) * calls // used
    window.page.get_by_label("Prompt", exact=True).fill("hello hello world")
    calculator = window.main.get_by_role("region", name="Calculator")
    expect(calculator.get_by_role("status")).to_have_text("3 tokens in this text.")
    expect(window.figure("The prompt alone")).to_contain_text("10")  # with the seven that surround a message


def test_keys_and_members(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("keys", "Keys")
    assert sorted(window.table("Keys").cells("Member")) == books.column(
        "SELECT user_id FROM api_keys WHERE account_id = $1 ORDER BY 1", firm.id
    )
    prefixes = books.column("SELECT prefix FROM api_keys WHERE account_id = $1", firm.id)
    told = " ".join(window.table("Keys").cells("Name"))
    assert all(prefix in told for prefix in prefixes)
    window.show("members", "Members")
    members = window.table("Members")
    assert dict(zip(members.cells("Name"), members.cells("Role"), strict=True)) == {
        f"{user} {user}": {"admin": "Account admin", "member": "Member"}[role]
        for user, role in books.rows("SELECT user_id, role FROM members WHERE account_id = $1", firm.id)
    }


def test_a_member_sees_their_own_entries_alone(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("grace"))
    window.show("ledger?rows=300", "Transaction History")
    expect(window.table("Transaction History").rows).to_have_count(
        books.value("SELECT count(*) FROM entries WHERE account_id = $1 AND user_id = 'grace'", firm.id)
    )


def test_accounts_at_a_glance(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    window = enter(platform)
    window.show("admin/accounts", "Accounts")
    window.page.get_by_label("Search accounts").fill("umbrella")
    accounts = window.table("Accounts")
    expect(accounts.rows).to_have_count(1)
    assert accounts.cells("Balance") == [f"{number(books.value(BALANCE, firm.id))} tokens"]
    assert accounts.cells("State") == ["Normal"]
    accounts.rows.first.click()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(window.figure("Name")).to_have_text("Umbrella & Sons")


def test_the_proof_and_its_audit(enter: Enter, platform: Guest, firm: Firm, books: Books) -> None:
    del firm  # something has to be audited
    window = enter(platform)
    window.show("admin/proof", "Proof")
    window.page.get_by_role("button", name="Run now").click()
    holds = window.main.get_by_role("status").filter(has_text="invariants hold.")
    expect(holds).to_be_visible()
    clean, count = books.rows(
        "SELECT clean, jsonb_array_length(invariants) FROM audits ORDER BY checked_at DESC LIMIT 1"
    )[0]
    assert clean
    expect(holds).to_contain_text(f"All {count} invariants hold.")
    expect(window.figure("Holds open now")).to_have_text("0")
    expect(window.figure("Recovered")).to_have_text(
        str(books.value("SELECT count(*) FROM events WHERE source = 'recovered'"))
    )


def test_the_audit_trail(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    window = enter(platform)
    window.show(f"admin/audit-trail?account_id={firm.id}&action=grant", "Audit trail")
    granted = books.value("SELECT count(*) FROM packs WHERE account_id = $1", firm.id)
    expect(window.table("Audit trail").rows).to_have_count(granted)
