"""Who comes in, by which key; what each of them finds in the menu; and how a session ends."""

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.window import Window
from tests.e2e.farebox import Farebox

COMMON = ["Overview", "Packs", "Usage", "Ledger", "Allocations", "Pricing", "Keys"]
PLATFORM = ["Accounts", "Models", "Features", "Prices", "Audit trail", "Proof"]
ENDED = "Your session has ended. Sign in again to go on where you were."


def menu(window: Window) -> list[str]:
    """Return what the menu offers."""
    links = window.page.get_by_role("navigation").get_by_role("link")
    expect(links.first).to_be_visible()
    return [text.strip() for text in links.all_inner_texts()]


def test_the_demo_key_opens_the_dashboard_and_its_balance(window: Window, farebox: Farebox, books: Books) -> None:
    window.sign_in(farebox.demo_key)
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")
    balance = books.value("SELECT sum(remaining) FROM packs JOIN accounts USING (account_id) WHERE name ILIKE 'demo%'")
    expect(window.main).to_contain_text(f"{balance:,}")


def test_a_member_sees_their_account_but_not_its_members(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("grace"))
    window.show("", "Overview")
    assert menu(window) == [*COMMON, "Playground"]
    for path in ("members", "admin/accounts", "admin/proof"):  # nor by its address
        window.show(path, "Overview")


def test_an_account_admin_sees_the_members_but_not_the_platform(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.show("", "Overview")
    assert menu(window) == [*COMMON, "Members", "Playground"]
    window.show("admin/accounts", "Overview")


def test_a_platform_admin_sees_the_platform_and_any_account(enter: Enter, firm: Firm, platform: Guest) -> None:
    window = enter(platform)
    window.show("", "Accounts")
    assert menu(window) == PLATFORM
    window.show(f"admin/accounts/{firm.id}/overview", "Overview")
    assert menu(window) == [*PLATFORM, *COMMON, "Members"]


def test_the_session_is_out_of_reach_of_scripts_and_outlives_a_reload(window: Window, farebox: Farebox) -> None:
    window.sign_in(farebox.demo_key)
    (cookie,) = window.page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("farebox_session", True, "Strict")
    assert window.page.evaluate("document.cookie") == ""
    window.page.reload()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_key_that_is_none_is_told_so(window: Window) -> None:
    window.open("sign-in")
    window.type_key("fbx_nobody's")
    expect(window.page.locator("[id$=-error]")).to_have_text(
        "This key is not valid. It may be mistyped, revoked or expired."
    )
    assert "/sign-in" in window.page.url


def test_who_signs_out_is_out_everywhere(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("linus"))
    window.show("", "Overview")
    before = books.value("SELECT count(*) FROM sessions")
    window.page.get_by_role("button", name="Account and settings").click()
    window.page.get_by_role("button", name="Sign out").click()
    window.page.wait_for_url("**/sign-in")
    expect(window.page.get_by_text(ENDED)).to_have_count(0)
    assert books.value("SELECT count(*) FROM sessions") == before - 1
    window.open("packs")
    window.page.wait_for_url("**/sign-in?next=%2Fpacks")


def test_a_session_that_was_signed_out_in_another_window_ends_here_too(enter: Enter, firm: Firm) -> None:
    here = enter(firm.guest("linus"))
    here.page.clock.install()
    here.show("packs", "Packs")
    there = Window(here.page.context.new_page(), here.url)
    there.show("", "Overview")
    there.page.get_by_role("button", name="Account and settings").click()
    there.page.get_by_role("button", name="Sign out").click()
    there.page.wait_for_url("**/sign-in")
    here.page.clock.fast_forward(31_000)  # the next refresh
    expect(here.page.get_by_role("status").filter(has_text=ENDED)).to_be_visible()


@pytest.mark.parametrize(
    "end",
    [
        "DELETE FROM sessions",
        "UPDATE sessions SET expires_at = now()",
        "UPDATE sessions SET used_at = now() - interval '1 day'",
    ],
    ids=["ended elsewhere", "at its end", "unused"],
)
def test_a_session_that_ends_leads_to_sign_in_says_why_and_back(
    end: str, enter: Enter, firm: Firm, books: Books
) -> None:
    grace = firm.guest("grace")
    window = enter(grace)
    window.page.clock.install()
    window.show("ledger?sort=amount", "Transaction History")
    books.rows(end)
    window.page.clock.fast_forward(31_000)  # the next refresh
    expect(window.page.get_by_role("status").filter(has_text=ENDED)).to_be_visible()
    window.type_key(grace.key)
    window.page.wait_for_url("**/ledger?sort=amount")
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Transaction History")
