"""Farebox as a user starts it, and Debian's chromium in front of it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from gateway.site import INDEX, STATIC
from tests.browser.books import Books
from tests.browser.people import Firm, Guest
from tests.browser.provider import Provider
from tests.browser.window import PATIENCE_MS, Window, opened
from tests.e2e.farebox import Farebox
from tests.e2e.organisation import Organisation
from tests.servers.debian import MissingError, Program, find_chromium

expect.set_options(timeout=PATIENCE_MS)
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
# What else takes minutes happens at once; sessions and keys are believed for no time at all, so that an end shows.
CONFIG = """
[meter]
sweep_seconds = 0.2
expiry_seconds = 0.2
seal_seconds = 1.0
reconcile_seconds = 0.5
reservation_grace_seconds = 0.0

[auth]
cache_seconds = 0.0
"""


@pytest.fixture(scope="session")
def chromium() -> Program:
    """The browser's program; without it, or without a build, the tests are skipped, with the reason."""
    if not (STATIC / INDEX).is_file():
        pytest.skip("the dashboard is not built here: ./test builds it, where npm can be reached")
    try:
        return find_chromium()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="package")
def provider(chromium: Program) -> Iterator[Provider]:
    """A provider beside the simulated one, for what has to wait or to fail."""
    del chromium  # without it nothing need be started
    found = Provider()
    yield found
    found.close()


@pytest.fixture(scope="package")
def farebox(provider: Provider) -> Iterator[Farebox]:
    """Farebox after its first start, with its demo account."""
    with started(CONFIG + provider.config) as running:
        yield running


@pytest.fixture(scope="package")
def untouched(farebox: Farebox) -> Iterator[Farebox]:
    """Another Farebox, in demo mode, where nobody does anything."""
    del farebox  # it may not start while this one does: both would take the same free port
    with started("[dashboard]\ndemo = true\n") as running:
        yield running


@contextmanager
def started(config: str) -> Iterator[Farebox]:
    """Farebox, running, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="farebox-browser-") as folder:
        Path(folder).chmod(0o711)  # as root the servers run as another user, who must get there
        running = Farebox(Path(folder), config)
        try:
            running.start()
            yield running
        finally:
            running.clean_up()


@pytest.fixture(scope="package")
def browser(chromium: Program) -> Iterator[Browser]:
    """A browser. While it is open, no other event loop may run in this thread."""
    with sync_playwright() as playwright:
        shown = playwright.chromium.launch(executable_path=chromium.path, args=ARGUMENTS)
        yield shown
        shown.close()


@pytest.fixture(scope="package")
def books(farebox: Farebox) -> Iterator[Books]:
    """Farebox's own Postgres."""
    found = Books(farebox.database_url)
    yield found
    found.close()


@pytest.fixture(scope="package")
def firm(farebox: Farebox) -> Firm:
    """An account that is lived in. Tests read it; those that change something make an account of their own."""
    return Firm(farebox)


@pytest.fixture(scope="package")
def platform(farebox: Farebox) -> Guest:
    """The platform's admin."""
    return Guest(farebox.url, farebox.admin_key)


@pytest.fixture
def shop(farebox: Farebox) -> Organisation:
    """A small account of one's own, to change: an admin, a member, and 10,000 tokens."""
    founded = Organisation.founded(farebox, resources=("tokens",), name="Bookshop", email="till@books.example")
    founded.welcome("boss", role="admin")
    founded.welcome("mia")
    founded.grant("Spring", 10_000)
    return founded


@pytest.fixture
def window(browser: Browser, farebox: Farebox) -> Iterator[Window]:
    """An empty window of nobody."""
    with opened(browser, None, farebox.url) as shown:
        yield shown


Enter = Callable[..., Window]


@pytest.fixture
def enter(browser: Browser, farebox: Farebox) -> Iterator[Enter]:
    """A function that opens a window for somebody who has signed in."""
    with ExitStack() as stack:

        def one(guest: Guest | None, script: Path | None = None) -> Window:
            return stack.enter_context(opened(browser, guest, guest.url if guest else farebox.url, script))

        yield one
