"""Requests, as short as tests need them."""

import asyncio
from typing import Final

from providers.proxy import Origin
from providers.transport import Transport, Upstream

BODY: Final = b'{"model":"m"}'
BYTES_MAX: Final = 1 << 20


def head(body: bytes = BODY, method: bytes = b"POST") -> bytes:
    return b"%b /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (method, len(body))


def nothing() -> None:
    """Stand in for ``on_send`` where it does not matter."""


async def open_upstream(transport: Transport, origin: Origin, body: bytes = BODY) -> Upstream:
    return await transport.open(origin, head(body), body, on_send=nothing)


async def fetch(transport: Transport, origin: Origin) -> bytes:
    """Return the whole answer and give the connection back."""
    upstream = await open_upstream(transport, origin)
    try:
        return await upstream.read(BYTES_MAX)
    finally:
        upstream.close()


def counts(transport: Transport) -> str:
    """Return ``busy/idle/connecting/waiting`` of the only origin."""
    return "/".join(part.partition("=")[2] for part in repr(transport).rstrip(">").split() if "=" in part)


async def until(transport: Transport, wanted: str) -> None:
    """Let the event loop turn until the pool has noticed something."""
    async with asyncio.timeout(5):
        while counts(transport) != wanted:  # noqa: ASYNC110 - the pool tells nobody, which is what is tested
            await asyncio.sleep(0)
