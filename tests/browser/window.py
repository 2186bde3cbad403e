"""A window of a real browser, and all that went wrong in it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.people import Guest
from tests.waiting import eventually_now

PATIENCE_MS = 15_000
PHONE, WIDE = 360, 1440
HEIGHTS = {PHONE: 740, WIDE: 900}
OVERFLOW = """() => {
    const edge = window.innerWidth;
    if (document.documentElement.scrollWidth <= edge) return [];
    const beyond = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > edge);
    return beyond.map((one) => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 60)}`);
}"""
STILL = """() => {
    const ending = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < Infinity);
    return Promise.allSettled(ending.map((one) => one.finished));
}"""
PAIRS = "terms => terms.map((one) => [one.innerText, one.parentElement.querySelector('dd').innerText])"
LAYOUT_SECONDS = 3.0
RETRY_MS = 1_100  # after which a read that failed is tried again


@dataclass(slots=True)
class Window:
    """A window of its own session: errors, refusals of the policy and outside hosts fail its test."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=lambda: ["status of 401"])
    """What the browser may complain of: who is not signed in is told so."""

    def open(self, path: str = "") -> None:
        """Go to a page of the dashboard."""
        self.page.goto(f"{self.url}/dashboard/{path.removeprefix('/')}")

    def show(self, path: str, title: str) -> None:
        """Go to a page, and wait until all of it is there."""
        self.open(path)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)
        self.settle()

    def settle(self) -> None:
        """Wait until nothing on the page is still being read."""
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    @contextmanager
    def reading(self, part: str) -> Iterator[None]:
        """Wait until what was done has been read from an address with ``part`` in it, and is shown."""
        with self.page.expect_response(lambda answer: part in answer.url):
            yield
        self.settle()

    def be_still(self) -> None:
        """Wait until nothing moves or changes its colour any more."""
        self.page.evaluate(STILL)

    def sign_in(self, key: str) -> None:
        """Sign in as a person does."""
        self.open("sign-in")
        self.type_key(key)
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def type_key(self, key: str) -> None:
        """Fill in the form, and send it."""
        self.page.locator("input[name=key]").fill(key)
        self.page.get_by_role("button", name="Sign in").click()

    def resize(self, width: int) -> None:
        """Make it as wide as a phone, or a desk's screen."""
        self.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})

    @property
    def overflow(self) -> list[str]:
        """What makes the page wider than the window: the elements, the innermost last."""
        found: list[str] = self.page.evaluate(OVERFLOW)
        return found

    def must_fit(self) -> None:
        """Fail unless the page fits into the window, as soon as it is laid out anew."""
        with suppress(AssertionError):
            eventually_now(lambda: not self.overflow, seconds=LAYOUT_SECONDS)
        assert self.overflow == []

    @property
    def main(self) -> Locator:
        """The page itself, without what surrounds it."""
        return self.page.get_by_role("main")

    def figure(self, name: str) -> Locator:
        """What stands beside or below a name."""
        term = self.main.locator("dt").filter(has=self.page.get_by_text(name, exact=True))
        bare = self.main.locator("dt").get_by_text(name, exact=True)
        return term.or_(bare).first.locator("xpath=following-sibling::dd[1]")

    def region(self, name: str) -> Locator:
        """A part of the page, by its heading."""
        return self.main.get_by_role("region", name=name, exact=True)

    def facts(self, within: Locator) -> dict[str, str]:
        """All names within a part of the page, with what stands beside or below each."""
        pairs = within.locator("dt").evaluate_all(PAIRS)
        return {" ".join(name.split()): " ".join(value.split()) for name, value in pairs}

    @property
    def dialog(self) -> Locator:
        """The dialog that is open."""
        return self.page.get_by_role("dialog")

    def press(self, name: str) -> None:
        """Press a button of the dialog that is open, or else of the page."""
        place = self.dialog if self.dialog.count() else self.main
        place.get_by_role("button", name=name, exact=True).click()

    def must_say(self, text: str) -> None:
        """Fail unless it is told in a corner of the window; it is closed then."""
        told = self.page.get_by_role("alert").filter(has_text=text)
        expect(told).to_be_visible()
        told.get_by_role("button").click()
        expect(told).to_have_count(0)

    def table(self, caption: str, within: Locator | None = None) -> "Table":
        """A table of the page, or of a part of it, by its caption."""
        return Table(
            self, (within or self.main).locator("table").filter(has=self.page.locator("caption", has_text=caption))
        )

    def choose(self, label: str, option: str) -> None:
        """Choose from a list that opens."""
        self.page.get_by_role("combobox", name=label, exact=True).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def pass_until(self, shown: Locator) -> None:
        """Let the time of the page pass until something is shown; what failed is tried again meanwhile."""

        def visible() -> bool:
            self.page.clock.fast_forward(RETRY_MS)
            return shown.first.is_visible()

        eventually_now(visible)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its rows."""

    window: Window
    locator: Locator

    @property
    def rows(self) -> Locator:
        """All of its rows, without the head."""
        return self.locator.locator("tbody tr")

    def cells(self, column: str) -> list[str]:
        """What stands in a column, from the top, each on one line."""
        names = self.locator.locator("thead th").all_inner_texts()
        place = [name.strip() for name in names].index(column) + 1
        cells = self.locator.locator(f"tbody tr > *:nth-child({place})")
        return [" ".join(text.split()) for text in cells.all_inner_texts()]

    def records(self, *columns: str) -> list[tuple[str, ...]]:
        """What stands in some columns, row by row."""
        return list(zip(*(self.cells(column) for column in columns), strict=True))

    def sort(self, column: str) -> str:
        """Press a column's head; return the order that comes of it: falling first, then rising."""
        head = self.locator.get_by_role("columnheader", name=column, exact=True)
        order = "ascending" if head.get_attribute("aria-sort") == "descending" else "descending"
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", order)
        self.window.settle()
        return order


Mode = Literal["open", "held", "failing"]


class Gate:
    """Stands between a page and the API: lets its reads through, holds them, or fails them."""

    def __init__(self, window: Window) -> None:
        self._mode: Mode = "open"
        self._held: list[Any] = []
        window.expected.append("status of 503")
        window.page.route("**/*v1/**", self._pass)

    def set(self, mode: Mode) -> None:
        """Change what happens with reads, also those that are held."""
        self._mode = mode
        held, self._held = self._held, []
        for route in held:
            self._pass(route)

    def _pass(self, route: Any) -> None:
        if self._mode == "open" or route.request.url.endswith("/session"):
            route.continue_()
        elif self._mode == "held":
            self._held.append(route)
        else:
            error = {"message": "The meter is away.", "type": "server_error", "code": "meter_unavailable"}
            route.fulfill(status=503, json={"error": error})


@contextmanager
def opened(browser: Browser, guest: Guest | None, url: str, script: Path | None = None) -> Iterator[Window]:
    """A window, signed in as somebody or nobody; fails for what went wrong in it. ``script``: run in each page."""
    context = browser.new_context(
        locale="en-US",
        timezone_id="UTC",
        reduced_motion="reduce",
        viewport={"width": WIDE, "height": HEIGHTS[WIDE]},
    )
    if script is not None:
        context.add_init_script(path=script)
    context.set_default_timeout(PATIENCE_MS)
    if guest is not None:
        context.add_cookies([guest.cookie()])
    window = Window(context.new_page(), url)
    _watch(window)
    try:
        yield window
    finally:
        context.close()
    assert window.wrong == [], window.wrong


def _watch(window: Window) -> None:
    def complain(text: str) -> None:
        if not any(part in text for part in window.expected):
            window.wrong.append(text)

    page = window.page
    page.on("pageerror", lambda error: complain(f"error: {error}"))
    page.on("console", lambda line: complain(line.text) if line.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith((window.url, "data:")) else complain(asked.url))
