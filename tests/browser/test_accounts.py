"""Accounts at a glance, created, changed, searched; and the trail that all of it leaves."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.window import Window
from tests.browser.words import day, number
from tests.e2e.organisation import Organisation, RefusedError

GLANCE = ("State", "Balance", "Available", "Reserved", "Used This Month", "Active packs", "Plan", "Created")


def search(window: Window, text: str) -> list[str]:
    """Search for accounts; return the names that are found."""
    with window.reading("search="):
        window.page.get_by_label("Search accounts").fill(text)
    return window.table("Accounts").cells("Name")


def test_accounts_at_a_glance(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    window = enter(platform)
    window.show("admin/accounts?search=umbrella", "Accounts")
    accounts = window.table("Accounts")
    balance, active = books.row(
        "SELECT sum(remaining), count(*) FILTER (WHERE remaining > 0) FROM packs WHERE account_id = $1"
        " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AND resource = 'tokens'",
        firm.id,
    )
    used = books.value(
        "SELECT (SELECT sum(charge) FROM events WHERE account_id = $1 AND resource = 'tokens')"
        " - (SELECT sum(amount) FROM entries WHERE account_id = $1 AND resource = 'tokens' AND kind = 'refund')",
        firm.id,
    )
    made = day(books.value("SELECT created_at FROM accounts WHERE account_id = $1", firm.id))
    assert accounts.records(*GLANCE) == [
        (
            "Normal", f"{number(balance)} tokens", number(balance), "0", number(used), str(active), "Enterprise", made,
        ),
    ]  # fmt: skip
    accounts.rows.first.click()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(window.figure("Name")).to_have_text("Umbrella & Sons")


def test_accounts_are_found_by_name_mail_and_id(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    window = enter(platform)
    for text, sql in (
        ("UMBRELLA", "name ILIKE '%umbrella%'"),
        ("office@umbrella", "email ILIKE '%office@umbrella%'"),
        (firm.id[:13], f"account_id::text LIKE '{firm.id[:13]}%'"),
    ):
        window.show("admin/accounts", "Accounts")
        found = search(window, text)
        names = books.column(f"SELECT name FROM accounts WHERE {sql} ORDER BY account_id DESC LIMIT 25")  # noqa: S608
        assert [one.split(" office@")[0] for one in found] == names


def test_an_account_is_created_and_changed(enter: Enter, shop: Organisation, platform: Guest, books: Books) -> None:
    window = enter(platform)
    window.show("admin/accounts", "Accounts")
    window.press("Create an account")
    window.dialog.get_by_label("Name").fill("Ferry line")
    window.dialog.get_by_label("Email").fill("crew@ferry.example")
    window.choose("Unit", "Credits (dollars)")
    window.dialog.get_by_label("Minimum reserve", exact=True).fill("1.5")
    window.choose("At the minimum reserve", "Nothing may cross it")
    window.press("Create an account")
    window.must_say("The account was created. Grant it a pack, then create a key.")
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Packs")
    assert books.rows("SELECT email, unit, min_reserve, floor, plan FROM accounts WHERE name = 'Ferry line'") == [
        ("crew@ferry.example", "credits", 1_500_000, "keep", None)
    ]

    window.show(f"admin/accounts?search={shop.id}", "Accounts")
    window.press("Edit Bookshop")
    window.dialog.get_by_label("Plan").fill("Team")
    window.choose("Status", "Suspended")
    expect(window.dialog).to_contain_text("A suspended account may spend nothing, within seconds.")
    window.press("Save")
    window.must_say("The account was changed.")
    assert window.table("Accounts").records("Name", "State", "Plan") == [
        ("Bookshop till@books.example", "Suspended", "Team")
    ]
    assert books.row("SELECT status, plan, unit FROM accounts WHERE account_id = $1", shop.id) == (
        "suspended", "Team", "tokens",
    )  # fmt: skip
    with pytest.raises(RefusedError, match="403"):
        shop.people["mia"].use(resource="tokens", amount=1)


def test_the_audit_trail(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    window = enter(platform)
    now = datetime.now(UTC)
    yesterday, tomorrow = (f"{now + timedelta(days=days):%Y-%m-%dT00:00:00Z}" for days in (-1, 1))
    of_firm = f"account_id={firm.id}"
    for query, sql in (
        (f"{of_firm}&action=grant", "action = 'grant'"),
        (f"{of_firm}&object=member", "object = 'member'"),
        (f"{of_firm}&action=refund&object=event", "action = 'refund' AND object = 'event'"),
        (f"{of_firm}&actor=platform_admin&action=create", "actor_kind = 'platform_admin' AND action = 'create'"),
        (
            f"{of_firm}&action=revoke&from={yesterday}&to={tomorrow}",
            "action = 'revoke' AND at > now() - interval '1 day'",
        ),
        (f"{of_firm}&action=revoke&from={tomorrow}", "at > now() + interval '1 second'"),
    ):
        window.show(f"admin/audit-trail?{query}", "Audit trail")
        lines = window.table("Audit trail")
        assert (lines.cells("Object") if lines.locator.count() else []) == [
            f"{thing.capitalize()} {thing_id}"
            for thing, thing_id in books.rows(
                f"SELECT object, object_id FROM trail WHERE account_id = $1 AND {sql} ORDER BY at DESC, trail_id DESC"  # noqa: S608
                " LIMIT 25",
                firm.id,
            )
        ]


def test_the_trail_is_filtered_by_hand(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    window = enter(platform)
    window.show("admin/audit-trail", "Audit trail")
    window.press("Filters")
    window.choose("Action", "Revoke")
    window.choose("Object", "Pack")
    window.page.get_by_label("Account", exact=True).fill(firm.id)
    window.page.get_by_label("Who").fill("platform_admin")
    window.page.keyboard.press("Enter")
    for part in ("action=revoke", "object=pack", f"account_id={firm.id}", "actor=platform_admin"):
        window.page.wait_for_url(f"**{part}*")
    lines = window.table("Audit trail")
    expect(lines.rows).to_have_count(1)
    ((pack, size),) = books.rows(
        "SELECT pack_id::text, size FROM packs WHERE account_id = $1 AND revoked_at IS NOT NULL", firm.id
    )
    assert lines.cells("Object") == [f"Pack {pack}"]
    expect(lines.rows).to_contain_text(f"remaining: {size} → 0")
    window.press("Clear filters")
    expect(lines.rows).to_have_count(25)
    assert "?" not in window.page.url
