"""Each page while it waits, when it fails, when it comes back, and when it grows old: on a phone and on a desk."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.places import NAMES, PLACES, Place
from tests.browser.window import PHONE, WIDE, Gate, Window
from tests.e2e.farebox import Farebox
from tests.waiting import eventually_now

REFRESH_MS = 31_000  # a second after every read is made again


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_a_page_waits_fails_comes_back_and_grows_old(place: Place, enter: Enter, firm: Firm, platform: Guest) -> None:
    window = enter(place.guest(firm, platform))
    window.page.clock.install()
    gate = Gate(window)

    gate.set("held")
    window.open(place.path_in(firm))
    both_widths(window, window.main.locator("[aria-busy=true]"))

    gate.set("failing")
    failure = window.main.get_by_role("alert").filter(has_text="Unable to Load Account Data")
    window.pass_until(failure)
    both_widths(window, failure.get_by_text("The meter is away."))

    gate.set("open")
    retry_all(window)
    expect(window.page.get_by_role("heading", level=1)).to_have_text(place.title)
    window.settle()
    before = figures(window)

    gate.set("failing")
    window.page.clock.fast_forward(REFRESH_MS)
    stale = window.main.get_by_role("status").filter(has_text="Refreshing failed. You see what was read at")
    window.pass_until(stale)
    both_widths(window, stale)
    eventually_now(lambda: figures(window) == before)  # they are drawn anew after each change of the width
    expect(window.page.locator("footer").get_by_text("Cached")).to_be_visible()


def both_widths(window: Window, shown: Locator) -> None:
    """Something is to be seen on a phone and on a desk, and fits."""
    for width in (PHONE, WIDE):
        window.resize(width)
        expect(shown.first).to_be_visible()
        window.must_fit()


def retry_all(window: Window) -> None:
    """Press "Retry Loading Data" until there is none left."""
    retry = window.main.get_by_role("button", name="Retry Loading Data")
    while count := retry.count():
        retry.first.click()
        expect(retry).not_to_have_count(count)


def figures(window: Window) -> list[str]:
    """Return what the page tells: its tables and its facts."""
    return window.main.locator("tbody tr, dd:not(:has(time))").all_inner_texts()


EMPTY = {
    "packs": ("There is no pack yet.", "Grant one, so that this account can spend something."),
    "usage": ("Nothing was used in this range.", "Send a request with an API key"),
    "ledger": ("No transaction history available.", "Transactions appear here as soon as a pack is granted"),
    "keys": ("There are no keys.", "Create one and give it to an application"),
    "members": ("There are no members.", "Add one to give them a role"),
    "overview": ("Nothing was used in this time.", "Try the playground, or point an application at the gateway"),
    "allocations": ("Nothing has been used yet.", "Send a request with an API key, or try the playground"),
    "pricing": ("No estimate yet.", "It is made from what was used in the last 30 days."),
}


@pytest.mark.parametrize("page", EMPTY)
def test_an_empty_page_says_what_to_do(page: str, enter: Enter, firm: Firm, platform: Guest) -> None:
    account = firm.farebox.admin("POST", "/accounts", {"name": "New here"})["id"]
    window = enter(platform)
    window.open(f"admin/accounts/{account}/{page}")
    says, do = EMPTY[page]
    both_widths(window, window.main.get_by_text(says))
    both_widths(window, window.main.get_by_text(do))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("admin/accounts?search=nobody+at+all", "No account is like “nobody at all”."),
        ("admin/features", "There are no features."),
        ("admin/prices", "There are no prices."),
        ("admin/prices?model=none", "No price of this model."),
        ("admin/proof", "No audit has run yet."),
        ("admin/proof", "No drift was found."),
        ("admin/proof", "Nothing is sealed yet."),
        ("admin/audit-trail?actor=nobody", "Nothing fits these filters."),
    ],
)
def test_an_empty_list_of_the_platform_says_so(path: str, says: str, enter: Enter, untouched: Farebox) -> None:
    window = enter(Guest(untouched.url, untouched.admin_key))
    window.open(path)
    both_widths(window, window.main.get_by_text(says))
