"""Limits of an account, and of a model in it: a platform admin sees, sets and resets them; requests obey at once."""

import urllib.error
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Enter
from tests.browser.people import Guest, ask
from tests.browser.window import Window
from tests.e2e.farebox import Account, Farebox

TOO_MANY = 429


@pytest.fixture
def account(farebox: Farebox) -> Account:
    """An account with 10,000 tokens."""
    return farebox.account(10_000, name="Paper mill")


def limits(account: Account) -> dict[str, Any]:
    """Return the account's limits as the API has them, by what they are of."""
    found = account.farebox.admin("GET", f"/accounts/{account.id}/limits")["data"]
    return {one["subject"] or one["scope"]: one["limits"] for one in found}


def chat(account: Account) -> int:
    """Ask the model for ten tokens; return the status."""
    body = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 10}
    try:
        ask(account.farebox.url, account.key, body, {})
    except urllib.error.HTTPError as refused:
        return refused.code
    account.at_rest()
    return 200


def dialog(window: Window, name: str) -> Locator:
    """Press the button of somebody's limits; return the dialog that opens."""
    button = window.main.get_by_role("button", name=f"Limits of {name}", exact=True)
    button.click()
    shown = window.page.get_by_role("dialog", name=f"Limits of {name}", exact=True)
    expect(shown.get_by_label("Spend per day")).to_be_visible()
    return shown


def test_an_account_is_limited_from_the_list_of_accounts(enter: Enter, account: Account, platform: Guest) -> None:
    assert chat(account) == 200
    window = enter(platform)
    window.show(f"admin/accounts?search={account.id}", "Accounts")
    shown = dialog(window, "Paper mill")
    expect(shown.get_by_role("button", name="Reset counters")).to_be_disabled()
    shown.get_by_label("Spend per day").fill("25")
    shown.get_by_role("button", name="Save limits").click()
    expect(shown).to_be_hidden()
    expect(window.main.get_by_role("button", name="Limits of Paper mill")).to_be_focused()
    assert limits(account) == {"account": {"spend_per_day": 25}}
    assert "accounts?search" in window.page.url  # and did not open the account below it


def test_what_is_counted_is_shown_and_counted_anew(enter: Enter, account: Account, platform: Guest) -> None:
    account.farebox.admin(
        "PUT", f"/accounts/{account.id}/limits", {"scope": "account", "limits": {"spend_per_day": 25}}
    )
    assert [chat(account), chat(account)] == [200, TOO_MANY]
    used = 10_000 - account.balance()["balance"]
    window = enter(platform)
    window.show(f"admin/accounts/{account.id}/overview", "Overview")
    shown = dialog(window, "Paper mill")
    expect(shown.get_by_label("Spend per day")).to_have_value("25")
    expect(shown).to_contain_text(f"{used} used, {25 - used} left until")
    shown.get_by_role("button", name="Reset counters").click()
    expect(shown).to_contain_text("0 used, 25 left until")
    assert chat(account) == 200
    shown.get_by_label("Spend per day").fill("")
    shown.get_by_role("button", name="Save limits").click()
    expect(shown).to_be_hidden()
    assert limits(account) == {}


def test_a_model_is_limited_where_it_is_allocated(enter: Enter, account: Account, platform: Guest) -> None:
    window = enter(platform)
    window.show(f"admin/accounts/{account.id}/allocations", "Allocations")
    shown = dialog(window, "simulated")
    shown.get_by_label("Concurrent requests").fill("0")
    shown.get_by_role("button", name="Save limits").click()
    expect(shown).to_contain_text("A number above 0, or leave it empty")
    shown.get_by_label("Concurrent requests").fill("")
    shown.get_by_label("Spend per month").fill("5")
    shown.get_by_role("button", name="Save limits").click()
    expect(shown).to_be_hidden()
    assert limits(account) == {"simulated": {"spend_per_month": 5}}
    assert chat(account) == TOO_MANY


def test_nobody_else_is_offered_them(enter: Enter, account: Account) -> None:
    window = enter(Guest(account.farebox.url, account.key))
    for path, title in (("", "Overview"), ("allocations", "Allocations")):
        window.show(path, title)
        expect(window.main.get_by_role("button", name="Limits of")).to_have_count(0)
