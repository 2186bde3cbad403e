"""Screenshots, in a folder that git ignores: set FAREBOX_SCREENSHOTS=1 to have them taken."""

import os
from pathlib import Path

from tests.browser.window import Window

FOLDER = Path(__file__).parent / "screenshots"
WANTED = "FAREBOX_SCREENSHOTS" in os.environ


def take(window: Window, name: str, *, whole: bool = True) -> None:
    """Take a picture of the page as it is; ``whole``: also of what is below the window's edge."""
    if WANTED:
        FOLDER.mkdir(exist_ok=True)
        window.page.screenshot(path=FOLDER / f"{name}.png", full_page=whole)
