"""How long the first page takes: ``python -m tests.browser.first_page [TIMES]``, a figure and no test.

From the navigation of somebody who is signed in to the overview's figures, each time with an empty cache, from a real
gateway with its embedded servers; and until all of the page is there, charts included.
"""

import statistics
import sys

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import ARGUMENTS, started
from tests.browser.people import Firm
from tests.browser.window import opened
from tests.servers.debian import find_chromium

TIMES = 9
FIGURES = "() => /\\d/.test(document.querySelector('main dd')?.innerText ?? '') && performance.now()"
WHOLE = """() => document.querySelector('main figure svg') && !document.querySelector('[aria-busy=true]')
    && performance.now()"""


def main(times: int) -> None:
    """Print both in milliseconds: the median, and the longest."""
    with started("") as farebox, sync_playwright() as playwright:
        firm = Firm(farebox)
        browser = playwright.chromium.launch(executable_path=find_chromium().path, args=ARGUMENTS)
        shown = [first_page(browser, firm) for _ in range(times)]
        browser.close()
    for name, milliseconds in zip(("figures shown", "whole page"), zip(*shown, strict=True), strict=True):
        told = f"median {statistics.median(milliseconds):.0f} ms, at most {max(milliseconds):.0f} ms"
        sys.stdout.write(f"{name}: {told} of {times}\n")


def first_page(browser: Browser, firm: Firm) -> tuple[float, float]:
    """Return when the figures were there, and when all was, in milliseconds of the page's own clock."""
    with opened(browser, firm.guest("ada"), firm.farebox.url) as window:
        window.page.goto(f"{window.url}/dashboard/", wait_until="commit")
        figures, whole = (window.page.wait_for_function(script).json_value() for script in (FIGURES, WHOLE))
        return float(figures), float(whole)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TIMES)
