"""Metrics of several workers."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[3]
COUNT = """
from gateway.metrics import OVERHEAD, REQUESTS
from metering.metrics import METRICS
REQUESTS.labels("chat/completions", "m", "p", "200").inc()
OVERHEAD.observe(0.001)
METRICS.holds_open.set(2)
METRICS.audit_broken.set({broken})
{then}
"""
SCRAPE = """
import sys
from prometheus_client import CollectorRegistry
from gateway.account_metrics import AccountMetrics
from gateway.metrics import render
accounts = CollectorRegistry(auto_describe=False)
accounts.register(AccountMetrics({}, holds_known=True))
sys.stdout.buffer.write(render(accounts))
"""


def run(code: str, folder: Path) -> bytes:
    """Run code as another process that shares its metrics with its neighbours."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, capture_output=True
    ).stdout


def test_counters_are_summed_over_workers_and_what_is_said_of_all_is_not(tmp_path: Path) -> None:
    for broken in (7, 1):
        run(COUNT.format(broken=broken, then=""), tmp_path)
    text = run(COUNT.format(broken=3, then=SCRAPE), tmp_path).decode()
    samples = {
        sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }
    assert samples["farebox_requests_total"] == 3
    assert samples["farebox_overhead_seconds_count"] == 3
    assert samples["farebox_audit_broken"] == 3
    assert "farebox_balance" in text
    assert "_created" not in text
