"""Each page on a phone and on a desk, light and dark: nothing runs out of the window, and axe finds nothing."""

from typing import Literal

import pytest

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
    window.show(place.path_in(firm), place.title)
    wrong = {name: found for width in (WIDE, PHONE) for name, found in in_both_schemes(window, place, width) if found}
    assert wrong == {}


def in_both_schemes(window: Window, place: Place, width: int) -> list[tuple[str, list[str]]]:
    """Return what is wrong at a width, in the light and in the dark."""
    looks = []
    window.resize(width)
    for scheme in SCHEMES:
        window.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        window.page.locator(f"html[data-mantine-color-scheme={scheme}]").wait_for()
        window.settle()
        window.be_still()
        window.must_fit()
        take(window, f"{place.name}-{width}-{scheme}")
        # The dark changes colours alone.
        looks.append((f"{width} {scheme}", findings(window, colours_only=scheme == "dark")))
    return looks


def test_the_way_in_fits_and_axe_finds_nothing(enter: Enter) -> None:
    window = enter(None, script=AXE)
    window.open("sign-in?ended=1")
    window.page.get_by_role("heading", level=1).wait_for()
    place = Place("sign-in", "sign-in", "Sign in")
    assert [found for width in (WIDE, PHONE) for _, found in in_both_schemes(window, place, width) if found] == []
