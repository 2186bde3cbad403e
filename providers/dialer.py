"""SHELL: how a connection is made: directly or through a proxy, in the clear or with TLS.

The only mapper of what can go wrong there: everything is an UpstreamUnreachableError,
since nothing of a request has been sent.
"""

import asyncio
import contextlib
import socket
import ssl
from typing import Final

from providers.connection import Connection
from providers.errors import UpstreamUnreachableError
from providers.proxy import Origin, Proxy

_TUNNEL_HEAD_BYTES_MAX: Final = 16 * 1024
# A model may think for minutes without a byte, longer than many a firewall remembers a silent connection.
_PROBE_SECONDS: Final = 60


def client_tls() -> ssl.SSLContext:
    """Return the context for upstreams: certificates and names are verified, HTTP/1.1 is asked for.

    It reads the system's certificates: some 10 ms, so once, at the start.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def dial(connection: Connection, origin: Origin, *, proxy: Proxy | None, tls: ssl.SSLContext) -> None:
    """Connect ``connection``. The caller limits the time and aborts the connection if this raises.

    Raises:
        UpstreamUnreachableError: the name, the network, the proxy or the certificate is at fault.
    """
    try:
        if proxy is not None and origin.scheme == "https":
            transport = await _tunnel(connection, origin, proxy, tls)
        else:
            transport = await _connect(connection, proxy.origin if proxy else origin, tls)
    except (OSError, UnicodeError) as error:
        # TLS errors are OSErrors; a name that IDNA can't encode is a UnicodeError.
        raise UpstreamUnreachableError(f"{origin}: {str(error) or type(error).__name__}") from error
    if connection.closed:
        raise UpstreamUnreachableError(f"{origin}: the connection was closed as soon as it was made")
    _keep_alive(transport)


async def _connect(protocol: asyncio.Protocol, origin: Origin, tls: ssl.SSLContext) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    context = tls if origin.scheme == "https" else None
    transport, _ = await loop.create_connection(lambda: protocol, origin.host, origin.port, ssl=context)
    return transport


async def _tunnel(connection: Connection, origin: Origin, proxy: Proxy, tls: ssl.SSLContext) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    tunnel = _Tunnel(loop)
    outer = await _connect(tunnel, proxy.origin, tls)
    try:
        outer.write(proxy.connect(origin))
        _check_tunnel(await tunnel.head)
        inner = _made(await loop.start_tls(outer, connection, tls, server_hostname=origin.host))
    except BaseException:
        outer.abort()
        raise
    connection.connection_made(inner)
    return inner


def _check_tunnel(head: bytes) -> None:
    # A byte behind the head would be of the upstream, which has to wait for our hello.
    if not head.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")) or not head.endswith(b"\r\n\r\n"):
        status = head[:64].partition(b"\r\n")[0].decode("latin-1")
        raise ConnectionRefusedError(f"the proxy opened no tunnel: {status or 'no answer'!r}")


def _made(transport: asyncio.Transport | None) -> asyncio.Transport:
    if transport is None:  # It was lost in the same turn of the event loop.
        raise ConnectionAbortedError("closed as soon as TLS was agreed on")
    return transport


def _keep_alive(transport: asyncio.Transport) -> None:
    """Let the kernel probe a silent connection, so that nobody forgets it and a dead peer is noticed."""
    raw = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # It is gone already; the pool sees that itself.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_SECONDS)


class _Tunnel(asyncio.Protocol):
    """Speaks to the proxy until it has answered CONNECT; then TLS takes the connection over."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.head: asyncio.Future[bytes] = loop.create_future()
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" in self._received or len(self._received) > _TUNNEL_HEAD_BYTES_MAX:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # What matters is that there was no answer.
        self._end()

    def _end(self) -> None:
        if not self.head.done():
            self.head.set_result(self._received)
