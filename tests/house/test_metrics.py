"""docs/metrics.md lists every metric with its labels, and no other."""

import re
from pathlib import Path

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from gateway import account_metrics, metrics
from metering.metrics import METRICS, MeterMetrics

TEXT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def declared() -> dict[str, set[str]]:
    """Return every metric of ours with its label names."""
    families = [getattr(METRICS, name) for name in MeterMetrics.__slots__] + list(vars(metrics).values())
    found: dict[str, set[str]] = {
        family._name + ("_total" if isinstance(family, Counter) else ""): set(family._labelnames)
        for family in families
        if isinstance(family, Counter | Gauge | Histogram)
    }
    for name in (*account_metrics.ALWAYS, *account_metrics.WITH_HOLDS):
        found[name] = {"account"}
    return {**found, "farebox_account_state": {"account", "state"}}


def test_every_metric_is_documented_with_its_labels() -> None:
    rows = re.findall(r"^\| `(farebox_\w+)` \| (.*?) \|", TEXT, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == declared()
    assert len(rows) == len({name for name, _ in rows})


def test_every_metric_of_ours_has_the_prefix_and_an_ending_that_says_what_it_is() -> None:
    ours = {family.name for family in REGISTRY.collect() if not family.name.startswith(("python_", "process_"))}
    assert all(name.startswith("farebox_") for name in ours)
    for name in declared():
        kind = next((family.type for family in REGISTRY.collect() if family.name == name), "")
        assert kind != "histogram" or name.endswith(("_seconds", "_ratio")), name


def test_metrics_that_are_named_anywhere_in_the_page_exist() -> None:
    named = {re.sub(r"_(sum|count|bucket)$", "", name) for name in re.findall(r"\bfarebox_\w+", TEXT)}
    assert named == set(declared())
