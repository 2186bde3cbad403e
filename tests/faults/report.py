"""The result of a run: a table for people, JSON for the record."""

import json
from pathlib import Path

from tests.faults.auditor import SHOWN_MAX, Findings

ALWAYS = (
    "requests",
    "tokens produced",
    "tokens received",
    "charged",
    "tokens lost",
    "tokens charged twice",
    "tokens over",
    "excess by the orphan rule",
    "largest debt",
)


def rows_of(found: Findings) -> list[tuple[str, str]]:
    """Return the lines of the table."""
    faults = found.facts["faults"]
    kills = sum(count for kind, count in faults.items() if kind.startswith("kill"))
    rows = [("seed", str(found.facts["seed"])), ("seconds", str(found.facts["seconds"])), ("kills", str(kills))]
    rows += [(f"  {kind}", str(faults[kind])) for kind in sorted(faults)]
    rows += [(name, f"{found.counts[name]:,}") for name in ALWAYS]
    rows += [(name, f"{found.counts[name]:,}") for name in sorted(found.counts) if name not in ALWAYS]
    rows += [("farebox audit", "clean" if not found.broken else f"{len(found.broken)} invariants broken")]
    rows += [("violations", str(len(found.violations)))]
    return rows


def text_of(found: Findings) -> str:
    """Return the table, with what is wrong below."""
    rows = rows_of(found)
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value:>14}" for name, value in rows]
    wrong = found.broken + found.violations
    return "\n".join([*lines, *(f"- {text}" for text in wrong[:SHOWN_MAX])])


def show(found: Findings) -> None:
    """Print it."""
    print(text_of(found))  # noqa: T201 - that is what the command is for


def write(found: Findings, path: Path) -> None:
    """Write it as JSON."""
    report = {
        **found.facts,
        "counts": dict(sorted(found.counts.items())),
        "broken": found.broken,
        "violations": found.violations,
        "clean": found.clean,
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
