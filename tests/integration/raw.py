"""Requests as bytes, to a gateway that listens as in production."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from config.settings import Settings
from gateway.reloading import Reloader
from gateway.serve import bind, run_gateway
from tests.integration.line import Reply
from tests.waiting import eventually

SECONDS_MAX = 15


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[str, int]]:
    """Serve as ``farebox serve`` does, on a free port; yield the address."""
    server = replace(settings.server, port=0, drain_seconds=5.0)
    settings = replace(settings, server=server, state_dir=settings.state_dir / "second")
    bound = bind(settings)
    task = asyncio.create_task(run_gateway(Reloader(settings, started=settings, reread=lambda: settings), bound))
    try:
        address: tuple[str, int] = bound.getsockname()[:2]
        await eventually(lambda: accepts(address))
        yield address
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        bound.close()


async def accepts(address: tuple[str, int]) -> bool:
    """Return whether somebody listens."""
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.transport.abort()
    return True


def request_of(key: str, body: bytes, *, length: int | None = None, chunked: bool = False, **headers: str) -> bytes:
    """Return a request for a chat; ``length`` is what it says of its body."""
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: farebox",
        "Connection: close",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body) if length is None else length}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + (b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body)


async def call(address: tuple[str, int], data: bytes) -> bytes:
    """Send bytes; return the reply, or what comes of it until the end."""
    async with asyncio.timeout(SECONDS_MAX):
        reader, writer = await asyncio.open_connection(*address)
        found = b""
        try:
            writer.write(data)
            with contextlib.suppress(ConnectionError):
                while piece := await reader.read(65_536):
                    found += piece
                    if is_whole(found):
                        break
        finally:
            writer.transport.abort()
        return found


def is_whole(data: bytes) -> bool:
    """Return whether a reply of a known length is there."""
    head, mark, body = data.partition(b"\r\n\r\n")
    _, known, rest = head.lower().partition(b"content-length: ")
    return bool(mark and known) and len(body) >= int(rest.split(b"\r\n")[0])


def split_reply(data: bytes) -> Reply:
    """Return a reply that was read as bytes."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Reply(int(first.split()[1]), body, headers)
