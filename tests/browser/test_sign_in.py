"""The first minute of a new user: the demo key that `./run` has printed, and what it opens."""

from playwright.sync_api import expect

from tests.browser.conftest import Window
from tests.e2e.farebox import Farebox


def test_the_demo_key_opens_the_dashboard_and_its_balance(window: Window, farebox: Farebox) -> None:
    window.sign_in(farebox.demo_key)
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")
    (account,) = farebox.admin("GET", "/accounts")["data"]
    balance = farebox.admin("GET", f"/accounts/{account['id']}/balance")["balance"]
    expect(window.page.get_by_role("main")).to_contain_text(f"{balance:,}")


def test_the_session_is_out_of_reach_of_scripts_and_ends_when_it_is_left(window: Window, farebox: Farebox) -> None:
    window.sign_in(farebox.demo_key)
    (cookie,) = window.page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("farebox_session", True, "Strict")
    assert window.page.evaluate("document.cookie") == ""
    window.page.reload()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")
    window.page.context.clear_cookies()
    window.open("/packs")
    window.page.wait_for_url("**/dashboard/sign-in*")


def test_a_key_that_is_none_is_told_so(window: Window) -> None:
    window.open("/sign-in")
    window.page.locator("input[name=key]").fill("fbx_nobody's")
    window.page.locator("button[type=submit]").click()
    expect(window.page.locator("[id$=-error]")).to_be_visible()
    assert "/sign-in" in window.page.url
