"""The transport runs on both event loops: production's, and the one that is always there."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from config.settings import UpstreamSettings
from providers.transport import Transport

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    del config, item
    return LOOPS


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    """Patient with a slow machine, but not with a test that hangs."""
    transport = Transport(UpstreamSettings(idle_seconds_max=5.0, connect_seconds_max=5.0), environ={})
    yield transport
    await transport.close()


@pytest.fixture
async def hasty() -> AsyncIterator[Transport]:
    """A transport of one connection that gives up quickly."""
    settings = UpstreamSettings(
        idle_seconds_max=0.2, connect_seconds_max=0.2, connections_per_origin_max=1, header_bytes_max=2048
    )
    transport = Transport(settings, environ={})
    yield transport
    await transport.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    names = "subjectAltName=DNS:localhost,DNS:upstream.test,IP:127.0.0.1"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", names, "-keyout", f"{path}", "-out", f"{path}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def client_tls(certificate: Path) -> ssl.SSLContext:
    """Trusts the certificate and nothing else."""
    return ssl.create_default_context(cafile=f"{certificate}.crt")
