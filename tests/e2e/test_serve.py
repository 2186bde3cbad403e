"""``farebox serve`` as a user starts it: what it prints, what it leaves, what it refuses."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.farebox import COMMAND, Farebox, free_port
from tests.waiting import eventually_now

NO_DEMO = "[demo]\nenabled = false\n[meter]\nsweep_seconds = 0.2\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place that the embedded servers can reach when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="farebox-serve-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def refused(*arguments: str, **environ: str) -> str:
    """Run a start that must fail, and return what it says."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
    done = subprocess.run(
        [str(COMMAND), "serve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=clean | environ,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def children_of(folder: Path) -> list[int]:
    """Return the servers that run on a state directory."""
    found = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split() if int(pid) != os.getpid()]


def test_first_start_prints_a_curl_line_that_answers_and_the_second_prints_it_again(folder: Path) -> None:
    farebox = Farebox(folder, "")
    for _ in range(2):
        farebox.start()
        try:
            line = eventually_now(lambda: re.findall(r"^curl .*$", farebox.log(), re.MULTILINE))[-1]
            answer = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True, timeout=30)
            assert answer.stdout.rstrip().endswith("data: [DONE]")
            assert ": farebox charged=" in answer.stdout
            assert "dashboard" in farebox.log()
            assert "admin key: fbx_admin_" in farebox.log()
        finally:
            farebox.stop()
    assert children_of(folder) == []


def test_a_second_start_needs_no_demo_and_keeps_the_ledger(folder: Path) -> None:
    farebox = Farebox(folder, NO_DEMO)
    farebox.start()
    account = farebox.account(1000)
    farebox.stop()
    farebox.start()
    try:
        assert account.balance()["balance"] == 1000
    finally:
        farebox.stop()


def test_a_killed_gateway_leaves_no_server_behind(folder: Path) -> None:
    farebox = Farebox(folder, NO_DEMO)
    farebox.start()
    farebox.kill()
    if sys.platform == "linux":  # elsewhere nothing tells a process that its parent is gone
        eventually_now(lambda: not children_of(folder))
    farebox.start()
    farebox.stop()


def test_a_port_in_use_is_one_line_and_nothing_is_started(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused("--port", str(taken.getsockname()[1]), "--state-dir", str(folder / "state"))
    assert len(said.splitlines()) == 1
    assert "choose another with --port" in said
    assert not (folder / "state").exists()


def test_a_bad_configuration_names_every_problem(folder: Path) -> None:
    bad = folder / "bad.toml"
    bad.write_text('[server]\nport = "eighty"\n[meter]\nflor = "keep"\n')
    said = refused("--config", str(bad), "--state-dir", str(folder / "state"))
    assert "server.port" in said
    assert "meter.flor" in said
    assert "floor" in said
    assert not (folder / "state").exists()


def test_a_state_directory_that_is_a_file_is_one_line(folder: Path) -> None:
    (folder / "state").write_text("")
    said = refused("--port", str(free_port()), "--state-dir", str(folder / "state"))
    assert len([line for line in said.splitlines() if line.startswith("Error")]) == 1
    assert "--state-dir" in said
    assert children_of(folder) == []


def test_a_store_that_does_not_answer_is_one_line(folder: Path) -> None:
    said = refused(
        "--port",
        str(free_port()),
        "--state-dir",
        str(folder / "state"),
        FAREBOX_DATABASE_URL=f"postgresql://x@127.0.0.1:{free_port()}/x",
        FAREBOX_REDIS_URL="redis://127.0.0.1:1",
    )
    assert "Postgres does not answer" in said
    assert children_of(folder) == []


def test_workers_share_the_port_the_metrics_and_each_others_journals(folder: Path) -> None:
    farebox = Farebox(folder, f"workers = 2\n{NO_DEMO}")
    farebox.start()
    try:
        account = farebox.account(1_000_000)
        for _ in range(20):  # each on a connection of its own, so that both workers get some
            with account.client() as client:
                client.chat.completions.create(
                    model="simulated", max_tokens=3, messages=[{"role": "user", "content": "hi"}]
                )
        assert account.at_rest()["balance"] == 1_000_000 - 20 * 11
        eventually_now(lambda: farebox.metric("farebox_tokens_total", kind="completion") == 60)
        assert farebox.metric("farebox_balance", account=account.id) == 1_000_000 - 220

        victim = eventually_now(lambda: farebox.workers()[0] if len(farebox.workers()) == 2 else None)
        os.kill(victim, signal.SIGKILL)
        eventually_now(lambda: len(farebox.workers()) == 2 and victim not in farebox.workers())
        eventually_now(lambda: farebox.metric("farebox_holds_open") == 0)
        status, report = farebox.audit()
        assert status == 0, report
    finally:
        farebox.stop()
    assert children_of(folder) == []


def test_the_command_line_manages_accounts_keys_and_packs(folder: Path) -> None:
    farebox = Farebox(folder, NO_DEMO)
    farebox.start()
    try:
        account = farebox.run("account", "create", "Shop")
        key = farebox.run("key", "create", account["id"], "--name", "till", "--user", "u1")
        assert key["key"].startswith("fbx_")
        pack = farebox.run("pack", "grant", account["id"], "500", "--note", "hello", "--model", "simulated")
        assert pack["remaining"] == 500
        assert pack["models"] == ["simulated"]
        assert farebox.run("account", "balance", account["id"])["balance"] == 500
        assert farebox.run("pack", "revoke", pack["id"], "--yes")["status"] == "revoked"
        assert farebox.run("key", "revoke", key["id"], "--yes")["revoked_at"]
        assert [found["id"] for found in farebox.run("account", "list")["data"]] == [account["id"]]
    finally:
        farebox.stop()
