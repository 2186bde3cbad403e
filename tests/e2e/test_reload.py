"""SIGHUP, as an operator sends it: what changes, what goes on, and what a mistake in the file does."""

import json
import os
import pty
import signal
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import tiktoken

from tests.e2e.farebox import Account, Farebox
from tests.e2e.organisation import Person, RefusedError
from tests.waiting import eventually_now

BEFORE = """
workers = {workers}
log_requests = false
[meter]
sweep_seconds = 0.2
{meter}
[demo]
enabled = false
[models.simulated]
provider = "simulated"
rates = {{ prompt = {rate}, completion = {rate} }}
"""
LLAMA = """
[providers.llama]
kind = "openai"
base_url = "{url}/v1"
api_key_env = ""
[models.real]
provider = "llama"
encoding = "cl100k_base"
context_tokens = 4096
max_completion_tokens = 4000
"""
SECOND = """
[models.second]
provider = "simulated"
"""
LONG = 3500  # tokens of a stream that takes some seconds


def config(*, workers: int = 1, rate: int = 1, meter: str = "", more: str = "") -> str:
    """Return a configuration."""
    return BEFORE.format(workers=workers, rate=rate, meter=meter) + more


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two workers"])
def workers(request: pytest.FixtureRequest) -> int:
    """How many processes serve."""
    return int(request.param)


@pytest.fixture(scope="module")
def running(workers: int) -> Iterator[Farebox]:
    """Farebox, running."""
    with tempfile.TemporaryDirectory(prefix="farebox-reload-") as folder:
        Path(folder).chmod(0o711)  # as root the servers run as another user, who must get there
        farebox = Farebox(Path(folder), config(workers=workers))
        try:
            farebox.start()
            eventually_now(lambda: len(farebox.told("gateway_started")) == workers)
            yield farebox
        finally:
            farebox.clean_up()


@pytest.fixture
def farebox(running: Farebox, workers: int) -> Farebox:
    """The same, with the configuration that it was started with."""
    reload(running, config(workers=workers))
    return running


def reload(farebox: Farebox, text: str) -> list[dict[str, object]]:
    """Reload; return the lines of the processes that have."""
    before = len(farebox.told("configuration_reloaded"))
    processes = len(farebox.workers()) + 1  # the parent, which serves alone where it has no workers
    farebox.reload(text)
    return eventually_now(
        lambda: lines if len(lines := farebox.told("configuration_reloaded")[before:]) == processes else []
    )


def charges(farebox: Farebox, account: Account, model: str = "simulated", *, tokens: int = 4) -> set[int]:
    """Return what each of many requests is charged, each on a connection of its own, so that all processes serve."""
    person = Person(farebox.url, account.key)
    return {account.event(person.chat(model, tokens))["charge"] for _ in range(12)}


def test_the_next_requests_are_charged_anew_and_a_stream_goes_on_as_it_began(
    farebox: Farebox, workers: int, llama: str, tokenizer: tiktoken.Encoding
) -> None:
    account = farebox.account(1_000_000)
    (word,) = tokenizer.encode_ordinary(" on")
    reload(farebox, config(workers=workers, more=LLAMA.format(url=llama)))
    with account.client() as client:
        stream = client.chat.completions.with_raw_response.create(
            model="real",
            messages=[{"role": "user", "content": "hello"}],
            max_tokens=LONG,
            stream=True,
            logit_bias={str(word): 100},
        )
        chunks = iter(stream.parse())
        next(chunks)
        reload(farebox, config(workers=workers, rate=3, more=SECOND))
        assert not account.rows("/events"), "the stream still runs"
        for _ in chunks:
            pass
    assert account.event(stream.headers["x-request-id"])["charge"] == 8 + LONG
    assert charges(farebox, account) == {3 * (8 + 4)}
    assert charges(farebox, account, "second") == {8 + 4}
    assert farebox.audit()[1]["clean"]


def test_the_line_says_what_changed_and_what_waits_for_a_restart(farebox: Farebox, workers: int) -> None:
    account = farebox.account(1000)
    text = config(workers=workers, more=SECOND, meter="min_reserve = 2000\nlease_seconds = 50")
    for line in reload(farebox, text):
        assert line["changed"] == ["meter.min_reserve", "models.second"]
        assert line["needs_restart"] == ["meter.lease_seconds"]
    for _ in range(6):
        with pytest.raises(openai.APIStatusError) as refused:
            Person(farebox.url, account.key).chat("simulated", 4)
        assert refused.value.code == "min_reserve_reached"
    assert account.balance()["min_reserve"] == 2000
    reload(farebox, config(workers=workers))
    assert account.balance()["min_reserve"] == 0


def test_a_model_that_is_gone_is_not_found(farebox: Farebox, workers: int) -> None:
    account = farebox.account(1000)
    person = Person(farebox.url, account.key)
    reload(farebox, config(workers=workers, more=SECOND))
    assert person.get("/v1/models/second")["id"] == "second"
    reload(farebox, config(workers=workers))
    for _ in range(6):
        with pytest.raises(RefusedError, match="model_not_found"):
            person.get("/v1/models/second")


def test_a_bad_configuration_is_one_line_and_changes_nothing(farebox: Farebox, workers: int) -> None:
    account, refused = farebox.account(1_000_000), len(farebox.told("configuration_refused"))
    accepted = len(farebox.told("configuration_reloaded"))
    farebox.reload(config(workers=workers, rate=3, more="[models.broken]\nprovidr = 1\n"))
    (line,) = eventually_now(lambda: farebox.told("configuration_refused")[refused:])
    assert "models.broken.providr: is not a setting" in json.dumps(line["problems"])
    assert charges(farebox, account) == {8 + 4}
    assert len(farebox.told("configuration_reloaded")) == accepted
    assert len(farebox.told("configuration_refused")) == refused + 1


@pytest.mark.parametrize("workers", [2], indirect=True)
def test_a_worker_that_is_started_later_has_the_configuration_in_force(farebox: Farebox, workers: int) -> None:
    account = farebox.account(1_000_000)
    reload(farebox, config(workers=workers, rate=3))
    for victim in farebox.workers():
        os.kill(victim, signal.SIGKILL)
        eventually_now(lambda gone=victim: len(farebox.workers()) == workers and gone not in farebox.workers())
    eventually_now(lambda: len(farebox.told("gateway_started")) == 2 * workers)  # nobody else has killed any
    assert charges(farebox, account) == {3 * (8 + 4)}


def test_a_terminal_that_is_closed_ends_it(workers: int) -> None:
    with tempfile.TemporaryDirectory(prefix="farebox-reload-") as folder:
        Path(folder).chmod(0o711)
        farebox = Farebox(Path(folder), config(workers=workers))
        pid, terminal = pty.fork()
        if pid == 0:
            command = farebox.command("serve")
            os.execve(command[0], command, farebox.environ())  # noqa: S606 - our own command
        eventually_now(lambda: _is_ready(farebox), seconds=60)
        os.close(terminal)
        _, status = eventually_now(lambda: ended if (ended := os.waitpid(pid, os.WNOHANG))[0] else None, seconds=40)
        assert os.waitstatus_to_exitcode(status) == 0


def _is_ready(farebox: Farebox) -> bool:
    try:
        with urllib.request.urlopen(f"{farebox.url}/readyz", timeout=5) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except OSError:
        return False
