"""Each page in each language: it fits a phone, cuts no word of a button or a tab, and has no word that nobody wrote."""

import json
from typing import Any

import pytest

from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.pictures import WANTED, take
from tests.browser.places import OF_ACCOUNT, OF_PLATFORM, Place
from tests.browser.window import PHONE, WIDE, Window

LANGUAGES = {"de": "de", "fr": "fr", "es": "es", "zh": "zh-Hans"}  # and what `lang` says; test_looks.py has English
# Labels that do not wrap: where one needs more room than it has, its end is not to be read.
CUT = """() => {
    const ROOTS = ".mantine-SegmentedControl-root, .mantine-Button-root, .mantine-Badge-root";
    const right = (one) => one.getBoundingClientRect().right;
    const within = (part) => `main .mantine-${part}`;
    const labels = ["Button-label", "Badge-label", "SegmentedControl-label"].map(within).join(", ");
    const cut = (one) => one.scrollWidth > one.clientWidth + 1 || right(one) > right(one.closest(ROOTS)) + 1;
    return [...document.querySelectorAll(labels)].filter((one) => one.clientWidth > 0 && cut(one))
        .map((one) => `${one.textContent} (${one.scrollWidth} > ${one.clientWidth})`);
}"""
# i18next shows the key of a message that is missing, or its placeholders: "state.normal", "{{count}}".
UNWRITTEN = r"""() => (document.body.innerText.match(/\{\{.*?\}\}|^[a-z_]+(\.[a-z_]+)+$/gm) ?? [])
    .filter((text) => !text.endsWith(".example"))"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_fits_a_phone_in_each_language(language: str, enter: Enter, firm: Firm, platform: Guest) -> None:
    wrong: list[str] = []
    for places in (OF_ACCOUNT, OF_PLATFORM):
        window = enter(places[0].guest(firm, platform))
        speak(window, language)
        window.resize(PHONE)
        for place in places:
            wrong += looks(window, place, place.path_in(firm), language)
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_way_in_fits_a_phone_in_each_language(language: str, enter: Enter) -> None:
    window = enter(None)
    speak(window, language)
    window.resize(PHONE)
    assert looks(window, Place("sign-in", "", ""), "sign-in?ended=1", language) == []


def speak(window: Window, language: str) -> None:
    """Let a window show all pages in a language, as somebody who chose it before."""
    window.page.add_init_script(f"localStorage.setItem('farebox-language', {json.dumps(language)})")


def looks(window: Window, place: Place, path: str, language: str) -> list[str]:
    """Return what is wrong with a page on a phone."""
    page = window.page
    window.open(path)
    page.get_by_role("heading", level=1).wait_for()
    window.settle()
    window.must_fit()
    window.be_still()
    said: list[Any] = [
        *(f"cut: {text}" for text in page.evaluate(CUT)),
        *(f"unwritten: {text}" for text in page.evaluate(UNWRITTEN)),
    ]
    if page.locator("html").get_attribute("lang") != LANGUAGES[language]:
        said.append("lang")
    pictures(window, place, language)
    return [f"{place.name} {language}: {one}" for one in said]


def pictures(window: Window, place: Place, language: str) -> None:
    """Take a picture of a page at both widths, where pictures are wanted."""
    if not WANTED:
        return
    for width in (PHONE, WIDE):
        window.resize(width)
        window.settle()
        window.be_still()
        take(window, f"{place.name}-{width}-{language}")
    window.resize(PHONE)
