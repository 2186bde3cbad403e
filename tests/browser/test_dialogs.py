"""Where the focus is while one dialog follows another, and after the last."""

from playwright.sync_api import expect

from tests.browser.conftest import Enter
from tests.browser.people import Guest
from tests.e2e.farebox import Farebox


def test_a_new_secret_keeps_the_focus_and_gives_it_back(enter: Enter, farebox: Farebox, platform: Guest) -> None:
    account = farebox.account(1_000, name="Locksmith")
    window = enter(platform)
    window.show(f"admin/accounts/{account.id}/keys", "Keys")
    more = window.table("Keys").rows.first.get_by_role("button")
    more.click()
    window.page.get_by_role("menuitem", name="Rotate").click()
    window.page.get_by_role("dialog", name="Rotate").get_by_role("button", name="Rotate").click()
    secret = window.page.get_by_role("dialog", name="The secret of")
    expect(secret).to_be_visible()
    expect(secret.locator(":focus")).to_have_count(1)
    secret.get_by_role("button", name="I have copied it").click()
    expect(secret).to_be_hidden()
    expect(more).to_be_focused()


def test_a_form_that_is_left_gives_the_focus_back(enter: Enter, platform: Guest) -> None:
    window = enter(platform)
    window.show("admin/features", "Features")
    create = window.main.get_by_role("button", name="Create")
    create.click()
    dialog = window.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(create).to_be_focused()
