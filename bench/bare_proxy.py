"""The opponent: a reverse proxy of bare aiohttp, without any meter, as lean as its API allows.

python bench/bare_proxy.py --port 9001 --upstream http://127.0.0.1:9000    the proxy
python bench/bare_proxy.py --port 9001                                     only a server that reads and answers

Low-level ``web.Server`` (no router, no middlewares), no access log, connections kept in both directions, no
decompression, no cookies, no timeouts, only the headers that the answer needs.
"""

import argparse
import asyncio

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

from bench import chat

FORWARDED = ("Authorization", "Content-Type")
BACKLOG = 1024


class BareProxy:
    """Forwards every request to one upstream."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session = ClientSession(
            connector=TCPConnector(limit=0, keepalive_timeout=60),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Forward a request, and relay its answer, whole or as it comes."""
        body = await request.read()
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        async with self._session.post(self._upstream + request.path, data=body, headers=headers) as answer:
            content_type = answer.headers["Content-Type"]
            if not content_type.startswith("text/event-stream"):
                return web.Response(
                    body=await answer.read(), status=answer.status, headers={"Content-Type": content_type}
                )
            out = web.StreamResponse(status=answer.status, headers={"Content-Type": content_type})
            await out.prepare(request)
            async for chunk in answer.content.iter_any():
                await out.write(chunk)
            await out.write_eof()
            return out


class BareServer:
    """Reads the body and answers: what aiohttp's server alone costs."""

    def __init__(self) -> None:
        self._body = chat.whole_answer()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        await request.read()
        return web.Response(body=self._body, headers={"Content-Type": "application/json"})


async def serve(port: int, upstream: str | None) -> None:
    """Serve until killed."""
    handle = BareProxy(upstream).handle if upstream else BareServer().handle
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=BACKLOG).start()
    await asyncio.Event().wait()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", help="its address; without one, only a server")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.upstream))


if __name__ == "__main__":
    main()
