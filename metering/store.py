"""SHELL: Redis, connected again whenever it was lost.

redis-py sets the connection up (address, password, scripts, facts about the server); the calls themselves go
over ``RedisLink``.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import hiredis
import redis.asyncio as redis
import structlog
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

from config.settings import RedisSettings
from metering.errors import RedisDownError
from metering.ids import new_id
from metering.link import RedisLink, Reply
from metering.scripts import load_scripts

log = structlog.get_logger()
RETRY_SECONDS = 0.2
IDENTITY = b"{farebox}identity"
NAMELESS = "?"  # begins the identity of a server that does not tell its run_id
CANCEL_SECONDS = 0.1


class RedisStore:
    """The scripts, callable; down means every call answers ``RedisDownError`` at once."""

    def __init__(self, url: str, settings: RedisSettings, on_connected: Callable[[str], Awaitable[None]]) -> None:
        """Prepare; ``on_connected`` is awaited with the server's run_id before the first call goes through."""
        self._url = url
        self._settings = settings
        self._on_connected = on_connected
        self._scripts = load_scripts()
        self._digests = {name: script.digest for name, script in self._scripts.items()}
        self._link: RedisLink | None = None
        self._task: asyncio.Task[None] | None = None
        self.weak: str | None = None

    @property
    def connected(self) -> bool:
        """Whether calls go through now."""
        return self._link is not None

    @property
    def alive(self) -> bool:
        """Whether any call goes through now; one server answers for all accounts or for none."""
        return self._link is not None

    async def start(self) -> None:
        """Connect once (raises ``RedisDownError``), then keep connected in the background."""
        link = await self._connect()
        self._task = asyncio.create_task(self._keep(link), name="redis-store")

    async def stop(self) -> None:
        """Close the connection."""
        while self._task and not self._task.done():
            # Again and again: redis-py, while it connects, may take a cancellation for a time-out and go on.
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CANCEL_SECONDS)
        if self._link:
            self._link.abort()
            self._link = None

    def script(self, name: str, keys: tuple[bytes, ...], *arguments: bytes | str | int) -> asyncio.Future[Reply]:
        """Call a script by name; see ``RedisLink.call`` for what the future holds."""
        return self._send((b"EVALSHA", self._digests[name], len(keys), *keys, *arguments))

    def write(self, bucket: int, command: bytes) -> asyncio.Future[Reply]:
        """Send one command on a bucket's keys that is packed already (metering/packing.py)."""
        del bucket
        if self._link is not None:
            return self._link.write(command)
        return _not_connected()

    def call(self, *command: bytes | str | int) -> asyncio.Future[Reply]:
        """Send one command."""
        return self._send(command)

    def _send(self, command: tuple[bytes | str | int, ...]) -> asyncio.Future[Reply]:
        if self._link is not None:
            return self._link.send(command)
        return _not_connected()

    async def reload(self, reply: Reply) -> bool:
        """Load the scripts again if ``reply`` says that they are gone; True: call once more."""
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT"):
            for script in self._scripts.values():
                await self.call(b"SCRIPT", b"LOAD", script.text)
            return True
        return False

    async def ping(self) -> None:
        """Raise unless Redis answers."""
        reply = await self.call(b"PING")
        if isinstance(reply, Exception):
            raise RedisDownError(str(reply))

    async def _connect(self) -> RedisLink:
        seconds = self._settings.timeout_seconds
        client = redis.Redis.from_url(self._url, protocol=2, socket_timeout=seconds, socket_connect_timeout=seconds)
        try:
            await self._judge(client)
            for script in self._scripts.values():
                await client.script_load(script.text)
            if self.weak and self._settings.durability == "strict":
                raise RedisDownError(f"{self.weak}, which durability = strict refuses")
        except (RedisError, OSError, TimeoutError) as error:
            raise RedisDownError(f"Redis at {self._where()} does not answer: {error}") from error
        finally:
            await client.aclose()
        link = await self._open_link()
        self._link = link
        try:
            await self._on_connected(await self._identity(link))
        except BaseException:
            self._link = None
            link.abort()
            raise
        return link

    async def _identity(self, link: RedisLink) -> str:
        """Return the server's run_id, asked on this very connection: behind one address there may be another by now.

        Where it can't be read (INFO is not for everybody), a name that all gateways share: "?" and a random part.
        """
        found = re.search(r"run_id:(\w+)", str(await link.call(b"INFO", b"server")))
        if found:
            return found[1]
        await link.call(b"SET", IDENTITY, new_id(), b"NX")
        shared = await link.call(b"GET", IDENTITY)
        if not isinstance(shared, bytes):
            raise RedisDownError(f"Redis at {self._where()} does not say who it is: {shared}")
        return NAMELESS + shared.decode()

    async def _open_link(self) -> RedisLink:
        parts: dict[str, Any] = dict(parse_url(self._url))
        loop = asyncio.get_running_loop()
        seconds = self._settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                if "path" in parts:
                    _, link = await loop.create_unix_connection(
                        lambda: RedisLink(timeout_seconds=seconds), parts["path"]
                    )
                else:
                    _, link = await loop.create_connection(
                        lambda: RedisLink(timeout_seconds=seconds),
                        parts.get("host", "127.0.0.1"),
                        parts.get("port", 6379),
                        ssl=True if self._url.startswith("rediss") else None,
                    )
        except (OSError, TimeoutError) as error:
            raise RedisDownError(f"Redis at {self._where()} does not answer: {error}") from error
        if parts.get("password"):
            await link.call("AUTH", *([parts["username"]] if parts.get("username") else []), parts["password"])
        if parts.get("db"):
            await link.call("SELECT", parts["db"])
        return link

    async def _judge(self, client: "redis.Redis") -> None:
        """Remember why this Redis may forget, or None when its persistence keeps every answered write."""
        try:
            found = await client.config_get("append*")
        except RedisError:
            self.weak = "its persistence can't be read"
            return
        texts = {_text(name): _text(value) for name, value in found.items() if value}
        always = texts.get("appendonly") == "yes" and texts.get("appendfsync") == "always"
        self.weak = None if always else "its persistence is not appendfsync always"

    def _where(self) -> str:
        parts: dict[str, Any] = dict(parse_url(self._url))
        return str(parts.get("path") or f"{parts.get('host', '127.0.0.1')}:{parts.get('port', 6379)}")

    async def _keep(self, link: RedisLink) -> None:
        while True:
            await link.lost
            self._link = None
            log.warning("redis_lost", address=self._where())
            while True:
                try:
                    link = await self._connect()
                    break
                except Exception as error:  # noqa: BLE001 - whatever it was, the next attempt follows
                    log.warning("redis_unreachable", error=str(error))
                    await asyncio.sleep(RETRY_SECONDS)
            log.info("redis_connected", address=self._where())


def _not_connected() -> asyncio.Future[Reply]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(RedisDownError("Redis is not connected"))
    return future


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
