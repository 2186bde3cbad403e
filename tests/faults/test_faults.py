"""Five fixed seeds of the fault harness: at least five hundred processes killed, and every token charged once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = (1, 2, 3, 4, 5)
KILLS_MIN = 100  # of each seed
SECONDS_MAX = 300  # of a machine that has other things to do


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_killed_every_token_is_charged_once(seed: int, tmp_path: Path) -> None:
    """What it found, and how to do it again, is in the output of the failure."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.faults.run", "--seed", f"{seed}", "--kills", f"{KILLS_MIN}"]
    done = subprocess.run(
        [*command, "--minutes", "0.5", "--json", report],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr[-5000:]}"
    found = json.loads(report.read_text())
    counts = found["counts"]
    assert sum(count for kind, count in found["faults"].items() if kind.startswith("kill")) >= KILLS_MIN
    assert counts["charged exactly"] > KILLS_MIN
    assert counts["charged by the orphan rule"] > KILLS_MIN / 2
    assert [counts.get(name, 0) for name in ("tokens lost", "tokens charged twice", "tokens over")] == [0, 0, 0]
