"""Packs come and go: what the account's people see of it, without reloading anything."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Guest, ask
from tests.browser.window import Window
from tests.e2e.farebox import Account, Farebox

REFRESH_MS = 31_000
LOW = (
    "Running low",
    "Balance has dropped below the warning threshold; ask your platform admin to top up before it runs out.",
)
STOPPED = (
    "AI stopped",
    "Balance has fallen below the minimum reserve; AI replies are paused until a new pack is granted.",
    "When AI stops, top up to resume.",
)


@pytest.fixture
def account(farebox: Farebox) -> Account:
    """An account with 10,000 tokens that warns below 5,000 and stops below 100."""
    return farebox.account(10_000, name="Corner shop", warning_threshold=5_000, min_reserve=100)


def ticking(enter: Enter, account: Account) -> Window:
    """Return a window of the account's people, whose clock can be moved on."""
    window = enter(Guest(account.farebox.url, account.key))
    window.page.clock.install()
    window.show("", "Overview")
    return window


def grant(window: Window, account: Account, size: int, note: str) -> None:
    """Grant a pack as a platform admin does."""
    window.show(f"admin/accounts/{account.id}/packs", "Packs")
    window.page.get_by_role("button", name="Grant a pack").click()
    dialog = window.page.get_by_role("dialog")
    dialog.get_by_label("Size").fill(str(size))
    dialog.get_by_label("Note").fill(note)
    dialog.get_by_role("button", name="Grant", exact=True).click()
    expect(dialog).to_be_hidden()


def test_a_grant_shows_without_a_reload(enter: Enter, account: Account, platform: Guest, books: Books) -> None:
    theirs, admin = ticking(enter, account), enter(platform)
    expect(theirs.figure("Total Tokens")).to_have_text("10,000")
    admin.show(f"admin/accounts/{account.id}/packs", "Packs")
    admin.page.get_by_role("button", name="Grant a pack").click()
    dialog = admin.page.get_by_role("dialog")
    dialog.get_by_label("Size").fill("2500")
    dialog.get_by_label("Note").fill("a present")
    expect(dialog).to_contain_text("The balance rises from 10,000 to 12,500.")
    dialog.get_by_role("button", name="Grant", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(admin.table("Packs").rows).to_have_count(2)
    assert books.rows("SELECT size, remaining FROM packs WHERE note = 'a present'") == [(2_500, 2_500)]
    theirs.page.clock.fast_forward(REFRESH_MS)
    expect(theirs.figure("Total Tokens")).to_have_text("12,500")


def test_a_reader_chooses_how_often_it_refreshes(enter: Enter, account: Account) -> None:
    window = ticking(enter, account)
    window.page.get_by_role("button", name="Account and settings").click()
    window.choose("Refresh", "Off")
    window.page.keyboard.press("Escape")
    account.farebox.admin("POST", f"/accounts/{account.id}/packs", {"size": 1_000})
    window.page.clock.fast_forward(10 * REFRESH_MS)
    expect(window.page.locator("footer").get_by_text("Cached")).to_be_visible()
    expect(window.figure("Total Tokens")).to_have_text("10,000")
    window.page.locator("footer").get_by_role("button", name="Refresh Data").click()
    expect(window.figure("Total Tokens")).to_have_text("11,000")
    expect(window.page.get_by_role("alert").filter(has_text="Everything on this page was read again.")).to_be_visible()
    expect(window.page.locator("footer").get_by_text("Live")).to_be_visible()


def test_a_pack_is_revoked_edited_and_told_before(
    enter: Enter, account: Account, platform: Guest, books: Books
) -> None:
    account.farebox.admin("POST", f"/accounts/{account.id}/packs", {"size": 4_000, "note": "too much"})
    window = enter(platform)
    window.show(f"admin/accounts/{account.id}/packs", "Packs")
    window.page.get_by_role("button", name="Edit: too much").click()
    dialog = window.page.get_by_role("dialog")
    dialog.get_by_label("Note").fill("far too much")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    window.page.get_by_role("button", name="Revoke: far too much").click()
    expect(dialog).to_contain_text("The balance falls from 14,000 to 10,000.")
    assert books.value("SELECT revoked_at FROM packs WHERE note = 'far too much'") is None
    dialog.get_by_role("button", name="Revoke the pack").click()
    expect(dialog).to_be_hidden()
    packs = window.table("Packs")
    expect(packs.rows.filter(has_text="far too much")).to_contain_text("Revoked")
    revoked = books.value("SELECT revoked_at FROM packs WHERE note = 'far too much'")
    assert datetime.now(UTC) - revoked < timedelta(minutes=1)


def test_what_runs_low_and_stops_says_so_in_the_known_words_and_a_grant_resumes_it(
    enter: Enter, account: Account, platform: Guest
) -> None:
    theirs, admin = ticking(enter, account), enter(platform)
    expect(theirs.main.get_by_text("Healthy balance; 1 active pack")).to_be_visible()
    spend(account, 6_000)
    theirs.page.clock.fast_forward(REFRESH_MS)
    for words in LOW:
        expect(theirs.main.get_by_role("status").filter(has_text=words)).to_be_visible()
    spend(account, 3_500)
    spend(account, 420)
    assert account.balance()["balance"] == 80
    theirs.page.clock.fast_forward(REFRESH_MS)
    for words in STOPPED:
        expect(theirs.main.get_by_role("alert").filter(has_text=words)).to_be_visible()

    theirs.expected.append("status of 402")
    theirs.show("playground", "Playground")
    theirs.page.get_by_label("Prompt").fill("Hello?")
    theirs.page.get_by_role("button", name="Send").click()
    refused = theirs.main.get_by_role("alert").filter(has_text="AI stopped")
    for words in ("AI replies are paused until a new pack is granted", "When AI stops, top up to resume"):
        expect(refused.filter(has_text=words)).to_be_visible()

    grant(admin, account, 20_000, "more")
    theirs.page.get_by_role("button", name="Send").click()
    expect(theirs.main.get_by_role("link", name="See")).to_be_visible()
    theirs.show("", "Overview")
    expect(theirs.main.get_by_text("Healthy balance; 2 active packs")).to_be_visible()
    expect(theirs.main.get_by_role("alert")).to_have_count(0)


def spend(account: Account, amount: int) -> None:
    """Use so many tokens: one of the answer, seven that surround the prompt, and the prompt."""
    prompt = "hello " * (amount - 8)
    body = {"model": "simulated", "messages": [{"role": "user", "content": prompt.strip()}], "max_tokens": 1}
    ask(account.farebox.url, account.key, body, {"X-Session-Id": "spending"})
    account.at_rest()
