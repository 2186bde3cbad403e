"""axe-core, as the dashboard's development dependencies bring it: the rules of WCAG 2.2 AA, and the best practices."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.window import Window

AXE = Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
RUN = "runOnly => axe.run(document, { preload: false, resultTypes: ['violations'], runOnly })"


def findings(window: Window, *, colours_only: bool = False) -> list[str]:
    """Return what axe finds wrong: the rule, and each place with the reason."""
    found: dict[str, Any] = window.page.evaluate(RUN, COLOURS if colours_only else RULES)
    return [
        f"{rule['id']}: {node['html'][:160]} {' '.join(node['failureSummary'].split())[:240]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def need_axe() -> None:
    """Skip where the build came without the packages that it is made with."""
    if not AXE.is_file():
        pytest.skip("axe-core is not here: ./test installs it, where npm can be reached")
