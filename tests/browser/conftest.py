"""Farebox as a user starts it, and Debian's chromium in front of it."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from gateway.site import INDEX, STATIC
from tests.e2e.farebox import Farebox
from tests.servers.debian import MissingError, Program, find_chromium

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--metrics-recording-only",
    "--disable-gpu",
    "--disable-dev-shm-usage",
]
CONFIG = "[meter]\nsweep_seconds = 0.2\n"
PATIENCE_MS = 15_000


@pytest.fixture(scope="session")
def chromium() -> Program:
    """The browser's program; without it, or without a build, the tests are skipped, with the reason."""
    if not (STATIC / INDEX).is_file():
        pytest.skip("the dashboard is not built here: ./test builds it, where npm can be reached")
    try:
        return find_chromium()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def farebox(chromium: Program) -> Iterator[Farebox]:
    """Farebox after its first start, with its demo account."""
    del chromium  # without it nothing need be started
    with tempfile.TemporaryDirectory(prefix="farebox-browser-") as folder:
        Path(folder).chmod(0o711)  # as root the servers run as another user, who must get there
        running = Farebox(Path(folder), CONFIG)
        try:
            running.start()
            yield running
        finally:
            running.clean_up()


@pytest.fixture(scope="module")
def browser(chromium: Program) -> Iterator[Browser]:
    """A browser. Of one module: while it is open, no other event loop may run."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium.path, args=ARGUMENTS)
        yield opened
        opened.close()


@dataclass(frozen=True, slots=True)
class Window:
    """A window of its own session, and all that went wrong in it: errors, refusals of the policy, outside hosts."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str = "") -> None:
        """Go to a page of the dashboard."""
        self.page.goto(f"{self.url}/dashboard{path}")

    def sign_in(self, key: str) -> None:
        """Sign in as a person does."""
        self.open("/sign-in")
        self.page.locator("input[name=key]").fill(key)
        self.page.locator("button[type=submit]").click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)


@pytest.fixture
def window(browser: Browser, farebox: Farebox) -> Iterator[Window]:
    """An empty window; fails the test for what went wrong in it."""
    context = browser.new_context(locale="en-US", timezone_id="UTC")
    context.set_default_timeout(PATIENCE_MS)
    shown = Window(context.new_page(), farebox.url)
    expected = "401"  # who is not signed in is asked to
    shown.page.on("pageerror", lambda error: shown.wrong.append(f"error: {error}"))
    shown.page.on(
        "console",
        lambda line: shown.wrong.append(line.text) if line.type == "error" and expected not in line.text else None,
    )
    shown.page.on(
        "request",
        lambda request: None if request.url.startswith((farebox.url, "data:")) else shown.wrong.append(request.url),
    )
    yield shown
    context.close()
    assert shown.wrong == []
