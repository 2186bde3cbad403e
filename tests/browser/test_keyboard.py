"""All of it works without a mouse: the way past the menu, tables, menus and dialogs; and the focus comes back."""

from playwright.sync_api import expect

from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.window import PHONE, Window


def press(window: Window, *keys: str) -> None:
    """Press some keys, one after the other."""
    for key in keys:
        window.page.keyboard.press(key)


def test_one_key_skips_the_menu(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.show("packs", "Packs")
    press(window, "Tab")
    expect(window.page.get_by_role("link", name="Skip to content")).to_be_focused()
    press(window, "Enter")
    expect(window.main).to_be_focused()


def test_a_table_is_walked_and_a_row_opened(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.show("ledger?type=Usage", "Transaction History")
    rows = window.table("Transaction History").rows
    assert [row.get_attribute("tabindex") for row in rows.all()[:2]] == ["0", "-1"]
    rows.first.focus()
    press(window, "ArrowDown", "ArrowDown", "ArrowUp")
    expect(rows.nth(1)).to_be_focused()
    press(window, "End")
    expect(rows.last).to_be_focused()
    press(window, "Home", "Enter")
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Request")
    window.page.go_back()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Transaction History")


def test_a_head_sorts_by_a_key(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.show("ledger", "Transaction History")
    head = window.table("Transaction History").locator.get_by_role("button", name="Amount")
    head.focus()
    press(window, "Enter")
    window.page.wait_for_url("**sort=-amount")
    expect(head).to_be_focused()


def test_a_menu_opens_a_dialog_and_the_focus_returns(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.show("keys", "Keys")
    more = window.table("Keys").rows.first.get_by_role("button")
    more.focus()
    press(window, "Enter")
    items = window.page.get_by_role("menuitem")
    expect(items.first).to_be_visible()
    expect(more).not_to_be_focused()
    press(window, "ArrowDown")
    expect(items.first).to_be_focused()
    press(window, "ArrowDown", "ArrowDown", "ArrowDown")
    expect(items.filter(has_text="Revoke")).to_be_focused()
    press(window, "Enter")
    dialog = window.page.get_by_role("dialog", name="Revoke")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    for _ in range(4):  # it stays inside
        press(window, "Tab")
        assert dialog.evaluate("one => one.contains(document.activeElement)")
    press(window, "Escape")
    expect(dialog).to_be_hidden()
    expect(more).to_be_focused()


def test_the_form_of_a_grant_gives_the_focus_back(enter: Enter, firm: Firm, platform: Guest) -> None:
    window = enter(platform)
    window.show(f"admin/accounts/{firm.id}/packs", "Packs")
    grant = window.page.get_by_role("button", name="Grant a pack")
    grant.focus()
    press(window, "Enter")
    dialog = window.page.get_by_role("dialog", name="Grant a pack")
    expect(dialog).to_be_visible()
    press(window, "Escape")
    expect(dialog).to_be_hidden()
    expect(grant).to_be_focused()


def test_the_settings_open_and_close_by_keys(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.show("", "Overview")
    settings = window.page.get_by_role("button", name="Account and settings")
    settings.focus()
    press(window, "Enter")
    expect(window.page.get_by_role("combobox", name="Language")).to_be_focused()
    press(window, "Escape")
    expect(window.page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(settings).to_be_focused()


def test_on_a_phone_cards_open_and_the_menu_too(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.resize(PHONE)
    window.show("packs", "Packs")
    card = window.main.get_by_role("list", name="Packs").get_by_role("button").first
    expect(window.main.get_by_text("Granted At")).to_have_count(0)
    card.focus()
    press(window, "Enter")
    expect(card).to_have_attribute("aria-expanded", "true")
    expect(window.main.get_by_text("Granted At")).to_have_count(1)
    window.page.get_by_role("button", name="Open the menu").press("Enter")
    window.page.get_by_role("navigation").get_by_role("link", name="Ledger").press("Enter")
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Transaction History")
