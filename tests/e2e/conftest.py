"""A real model server, and Farebox in front of it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiktoken

from metering.counter import TokenCounter
from tests.e2e import oracle
from tests.e2e.farebox import CLIENTS, TINY, Farebox, free_port

ROOT = Path(__file__).parents[2]
CONFIG = (
    """
[meter]
sweep_seconds = 0.2

[demo]
enabled = false
"""
    + TINY
)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tiktoken.Encoding:
    """tiktoken itself, to count without any code of ours; only its vocabulary is laid where it looks."""
    TokenCounter(tmp_path_factory.mktemp("tokenizer"), 0).warm("cl100k_base")
    return tiktoken.get_encoding("cl100k_base")


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the model server."""
    model = tmp_path_factory.mktemp("model") / "tiny.gguf"
    oracle.write_model(model)
    process = subprocess.Popen(
        [sys.executable, oracle.__file__, model, str(free_port())], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().decode().strip()
        assert address.startswith("http://"), "the model server did not start"
        yield address
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def farebox(llama: str) -> Iterator[Farebox]:
    """Farebox, running; what a test leaves behind is there for the next one, and for the audit."""
    with tempfile.TemporaryDirectory(prefix="farebox-e2e-") as folder:
        Path(folder).chmod(0o711)  # as root the servers run as another user, who must get there
        running = Farebox(Path(folder), CONFIG.format(url=llama))
        try:
            running.start()
            yield running
        finally:
            running.clean_up()


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    """Close the clients of a test."""
    yield
    while CLIENTS:
        CLIENTS.pop().close()
