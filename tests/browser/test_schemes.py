"""The colours of a page change while it is open, at once and all of them: as if it had been opened like that."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.places import NAMES, PLACES, Place
from tests.browser.window import Window

# Each colour of each element, by its place in the page.
COLOURS = """() => {
    const names = ["color", "background-color", "border-top-color", "fill", "stroke", "box-shadow"];
    const found = {};
    const look = (one, path) => {
        const style = getComputedStyle(one);
        for (const name of names) found[`${path} ${name}`] = style.getPropertyValue(name);
        const named = (child, n) => `${path} ${child.getAttribute("class") ?? child.tagName}:${n}`;
        [...one.children].forEach((child, n) => look(child, named(child, n)));
    };
    look(document.documentElement, "html");
    return found;
}"""


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_a_page_follows_the_system(place: Place, enter: Enter, firm: Firm, platform: Guest) -> None:
    window = enter(place.guest(firm, platform))
    window.page.emulate_media(color_scheme="light")
    window.show(place.path_in(firm), place.title)
    light = colours(window, "light")
    window.page.emulate_media(color_scheme="dark")
    dark = colours(window, "dark")
    window.page.reload()
    window.settle()
    assert differences(dark, colours(window, "dark")) == []
    window.page.emulate_media(color_scheme="light")
    assert differences(colours(window, "light"), light) == []


def test_a_page_follows_the_switch_in_the_menu(enter: Enter, firm: Firm) -> None:
    window = enter(firm.guest("ada"))
    window.page.emulate_media(color_scheme="light")
    window.show("", "Overview")
    settings = window.page.get_by_role("button", name="Account and settings")
    settings.click()
    window.page.get_by_text("Dark", exact=True).click()
    window.page.keyboard.press("Escape")
    expect(window.page.get_by_role("button", name="Sign out")).to_be_hidden()
    window.page.mouse.move(0, 0)
    settings.blur()
    dark = colours(window, "dark")
    window.page.reload()
    window.settle()
    assert differences(dark, colours(window, "dark")) == []


def colours(window: Window, scheme: str) -> dict[str, str]:
    """Return the colours of a page, as soon as it knows its scheme."""
    expect(window.page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
    found: dict[str, str] = window.page.evaluate(COLOURS)
    return found


def differences(live: dict[str, str], anew: dict[str, str]) -> list[str]:
    """Return what has another colour than it would have if the page had been opened like that."""
    assert len(live.keys() & anew.keys()) > len(anew) / 2
    return [f"{name}: {live[name]}, not {anew[name]}" for name in live if name in anew and live[name] != anew[name]]
