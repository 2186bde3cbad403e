"""TLS with verification, and the ways through a proxy."""

import asyncio
import contextlib
import ssl

import pytest

from config.settings import UpstreamSettings
from providers.errors import UpstreamGoneError, UpstreamUnreachableError
from providers.proxy import Origin
from providers.transport import Transport
from tests.fakes.raw_upstream import (
    Peer,
    RawUpstream,
    Script,
    answers,
    chunked,
    keeps_answering,
    raw_upstream,
    response,
)
from tests.integration.providers.asking import BODY, counts, fetch, head, open_upstream

SETTINGS = UpstreamSettings(connect_seconds_max=5.0, idle_seconds_max=5.0)


def tunnels(upstream: RawUpstream, asked: list[bytes], answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Script:
    """Be a proxy: note the request, answer it, and carry bytes both ways."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def script(peer: Peer) -> None:
        asked.append(await peer.head())
        await peer.send(answer)
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.origin.port)
        async with asyncio.TaskGroup() as both:
            both.create_task(carry(peer.reader, writer))
            both.create_task(carry(reader, peer.writer))

    return script


def through(proxy: RawUpstream, tls: ssl.SSLContext, credentials: str = "") -> Transport:
    url = f"{proxy.origin.scheme}://{credentials}127.0.0.1:{proxy.origin.port}"
    settings = UpstreamSettings(connect_seconds_max=5.0, idle_seconds_max=5.0, proxy=url)
    return Transport(settings, tls=tls, environ={"HTTP_PROXY": url})


async def test_tls_connection_is_kept(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    transport = Transport(SETTINGS, tls=client_tls, environ={})
    async with raw_upstream(keeps_answering(chunked(b"sec", b"ret")), tls=server_tls) as upstream:
        for _ in range(3):
            assert await fetch(transport, upstream.origin) == b"secret"
        assert upstream.connections == 1
        await transport.close()


async def test_large_bodies_both_ways_through_tls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    transport = Transport(SETTINGS, tls=client_tls, environ={})
    body = bytes(range(256)) * 20_000
    async with raw_upstream(keeps_answering(response(body)), tls=server_tls) as upstream:
        one = await open_upstream(transport, upstream.origin, body)
        assert await one.read(len(body)) == body
        one.close()
        assert counts(transport) == "0/1/0/0"
        await transport.close()


async def test_certificate_of_an_unknown_authority_is_refused(server_tls: ssl.SSLContext) -> None:
    transport = Transport(SETTINGS, environ={})
    async with raw_upstream(answers(), tls=server_tls) as upstream:
        with pytest.raises(UpstreamUnreachableError, match="CERTIFICATE_VERIFY_FAILED") as raised:
            await fetch(transport, upstream.origin)
        assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)
        assert counts(transport) == "0/0/0/0"


async def test_server_that_speaks_no_tls_is_unreachable(client_tls: ssl.SSLContext) -> None:
    async def plain(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    transport = Transport(SETTINGS, tls=client_tls, environ={})
    async with raw_upstream(plain) as upstream:
        with pytest.raises(UpstreamUnreachableError):
            await fetch(transport, upstream.origin._replace(scheme="https"))
        assert counts(transport) == "0/0/0/0"
        upstream.forget()


async def test_body_until_the_end_of_tls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    transport = Transport(SETTINGS, tls=client_tls, environ={})
    async with raw_upstream(answers(b"HTTP/1.1 200 OK\r\n\r\nall of it"), tls=server_tls) as upstream:
        assert await fetch(transport, upstream.origin) == b"all of it"


async def test_body_that_is_cut_within_tls_is_gone(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    transport = Transport(SETTINGS, tls=client_tls, environ={})
    async with raw_upstream(answers(response()[:-1]), tls=server_tls) as upstream:
        with pytest.raises(UpstreamGoneError) as raised:
            await fetch(transport, upstream.origin)
        assert raised.value.received == b"hell"


@pytest.mark.parametrize("is_secure", [False, True], ids=["http proxy", "https proxy"])
async def test_tunnel_through_a_proxy(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, *, is_secure: bool
) -> None:
    asked: list[bytes] = []
    async with (
        raw_upstream(keeps_answering(response(b"through")), tls=server_tls) as upstream,
        raw_upstream(tunnels(upstream, asked), tls=server_tls if is_secure else None) as proxy,
    ):
        transport = through(proxy, client_tls, "user:pa%20ss@")
        origin = Origin("https", "upstream.test", 443)
        for _ in range(2):
            assert await fetch(transport, origin) == b"through"
        connect = b"CONNECT upstream.test:443 HTTP/1.1\r\nHost: upstream.test:443\r\n"
        assert asked == [connect + b"Proxy-Authorization: Basic dXNlcjpwYSBzcw==\r\n\r\n"]
        assert proxy.connections == upstream.connections == 1
        assert counts(transport) == "0/1/0/0"
        await transport.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nunasked for",
        b"x" * 20_000,
        b"",
    ],
    ids=["407", "surplus", "garbage", "nothing"],
)
async def test_proxy_that_opens_no_tunnel(client_tls: ssl.SSLContext, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)

    sent: list[int] = []
    async with raw_upstream(script) as proxy:
        transport = through(proxy, client_tls)
        with pytest.raises(UpstreamUnreachableError, match="the proxy opened no tunnel"):
            await transport.open(Origin("https", "upstream.test", 443), head(), BODY, on_send=lambda: sent.append(1))
        assert sent == []
        assert counts(transport) == "0/0/0/0"


async def test_certificate_is_verified_through_the_tunnel(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async with raw_upstream(answers(), tls=server_tls) as upstream, raw_upstream(tunnels(upstream, [])) as proxy:
        transport = through(proxy, client_tls)
        with pytest.raises(UpstreamUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch(transport, Origin("https", "other.test", 443))
        assert counts(transport) == "0/0/0/0"


async def test_http_origin_is_asked_for_by_its_whole_url(client_tls: ssl.SSLContext) -> None:
    asked: list[bytes] = []

    async def script(peer: Peer) -> None:
        asked.append(await peer.request())
        await peer.send(response())

    async with raw_upstream(script) as proxy:
        transport = through(proxy, client_tls, "user:pass@")
        assert await fetch(transport, Origin("http", "upstream.test", 8000)) == b"hello"
        await transport.close()
    request_line, authorization, rest = asked[0].split(b"\r\n", 2)
    assert request_line == b"POST http://upstream.test:8000/v1/x HTTP/1.1"
    assert authorization == b"Proxy-Authorization: Basic dXNlcjpwYXNz"
    assert rest == head().partition(b"\r\n")[2] + BODY


async def test_cancelled_while_the_proxy_thinks(client_tls: ssl.SSLContext) -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.gone()

    async with raw_upstream(script) as proxy:
        transport = through(proxy, client_tls)
        task = asyncio.create_task(fetch(transport, Origin("https", "upstream.test", 443)))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert counts(transport) == "0/0/0/0"
        await proxy.played()
