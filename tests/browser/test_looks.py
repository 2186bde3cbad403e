"""Each page on a phone and on a desk, light and dark: nothing runs out of the window, and axe finds nothing."""

from typing import Literal

import pytest
from playwright.sync_api import expect

from tests.browser.axe import AXE, findings, need_axe
from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.pictures import take
from tests.browser.places import NAMES, PLACES, Place
from tests.browser.window import PHONE, WIDE, Window

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
pytestmark = pytest.mark.usefixtures("axe_is_here")


@pytest.fixture(scope="module")
def axe_is_here() -> None:
    need_axe()


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_a_page_fits_and_axe_finds_nothing(place: Place, enter: Enter, firm: Firm, platform: Guest) -> None:
    window = enter(place.guest(firm, platform), script=AXE)
    assert looks(window, place, place.path_in(firm)) == []


def test_the_way_in_fits_and_axe_finds_nothing(enter: Enter) -> None:
    assert looks(enter(None, script=AXE), Place("sign-in", "", "Sign in"), "sign-in?ended=1") == []


def looks(window: Window, place: Place, path: str) -> list[str]:
    """Return what is wrong with a page, in the light and in the dark, on a desk and on a phone."""
    wrong = []
    for scheme in SCHEMES:
        window.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        window.resize(WIDE)
        window.show(path, place.title)
        for width in (WIDE, PHONE):
            window.resize(width)
            window.settle()
            expect(window.main.locator("figure:not(:has(svg))")).to_have_count(0)  # every chart is drawn
            window.be_still()
            window.must_fit()
            take(window, f"{place.name}-{width}-{scheme}")
            # The dark changes colours alone.
            found = findings(window, colours_only=scheme == "dark")
            wrong += [f"{width} {scheme}: {one}" for one in found]
    return wrong
