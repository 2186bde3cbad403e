"""Real parts: one embedded Postgres and Valkey for the whole run, a database of its own for each test."""

import asyncio
import hashlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg
import pytest
import uvloop
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from config.loader import load_settings
from config.settings import Settings
from gateway.app import build_app
from gateway.deps import DEPS, Deps
from gateway.embedded import EmbeddedServers
from gateway.embedded.servers import Endpoints
from gateway.server import GatewayRunner
from metering.ids import new_id
from metering.migrate import migrate
from tests.servers.choice import KINDS, Chosen, program_of, running
from tests.servers.debian import Program

ADMIN_KEY = "fbx_admin_for_tests_only_0123456789"
TEMPLATE = "farebox_template"
NOT_BUILT = Path("no-such-folder")  # whether the dashboard was built here matters to no test that does not say so


def pytest_addoption(parser: pytest.Parser) -> None:
    """``./test --redis=redis7``: run everything that uses the chosen Redis on another one (tests/README.md)."""
    parser.addoption("--redis", choices=KINDS, default=KINDS[0], help="the Redis that tests run on (valkey)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep together what shares servers of its own, where two processes run the tests (./test).

    On another Redis, leave out what would do the same on all: tests that no fixture leads to the chosen one.
    """
    if config.getoption("--redis") != KINDS[0]:
        led = [(item, "redis_kind" in getattr(item, "fixturenames", ())) for item in items]
        config.hook.pytest_deselected(items=[item for item, leads in led if not leads])
        items[:] = [item for item, leads in led if leads]
    for item in items:
        path = item.path.relative_to(Path(__file__).parent)
        folder = path.parts[0]
        item.add_marker(pytest.mark.xdist_group(folder if folder in {"browser", "e2e"} else str(path)))


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, object]:  # noqa: ARG001 - a hook
    """Run on what production runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def servers() -> Iterator[Endpoints]:
    """Embedded Postgres and Valkey, once for the run."""
    # Not in pytest's own folder: another run closes that to the user whom the servers run as.
    with tempfile.TemporaryDirectory(prefix="farebox-tests-") as folder:
        Path(folder).chmod(0o711)
        state_dir = Path(folder) / "state"
        with EmbeddedServers(state_dir=state_dir, database_url=None, redis_url=None) as endpoints:
            asyncio.run(_make_template(endpoints.database_url))
            yield endpoints


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    head, _, tail = url.rpartition("/")
    _, mark, query = tail.partition("?")
    return f"{head}/{name}{mark}{query}"


async def _make_template(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    await connection.close()
    await migrate(with_database(url, TEMPLATE))


@pytest.fixture
async def database_url(servers: Endpoints) -> AsyncIterator[str]:
    """A migrated, empty database."""
    name = f"test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield with_database(servers.database_url, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture(scope="session")
def redis_kind(request: pytest.FixtureRequest) -> str:
    """Which Redis the run is about."""
    return str(request.config.getoption("--redis"))


@pytest.fixture(scope="session")
def chosen_redis(redis_kind: str, servers: Endpoints) -> Iterator[Chosen]:
    """That Redis, once for the run."""
    with running(redis_kind, lambda: servers.redis_url) as chosen:
        yield chosen


@pytest.fixture(scope="session")
def single_redis(redis_kind: str) -> None:
    """For tests with one address of Redis only."""
    if redis_kind.endswith("cluster"):
        pytest.skip("a wire leads to one server; test_cluster.py kills masters instead")


@pytest.fixture
def redis_program(redis_kind: str, tmp_path: Path) -> Program:
    """The program of that Redis, for tests that kill one of their own."""
    return program_of(redis_kind, tmp_path / "copies")


@pytest.fixture
def redis_url(chosen_redis: Chosen) -> str:
    """An empty Redis."""
    chosen_redis.flush()
    return chosen_redis.url


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """The packaged settings on the test's own stores, with short times."""
    return load_settings(
        None,
        MappingProxyType(
            {
                "FAREBOX_STATE_DIR": str(tmp_path / "state"),
                "FAREBOX_DATABASE_URL": database_url,
                "FAREBOX_REDIS_URL": redis_url,
                "FAREBOX_ADMIN_KEY": ADMIN_KEY,
                "FAREBOX_METER_SWEEP_SECONDS": "0.2",
                "FAREBOX_METER_EXPIRY_SECONDS": "0.2",
            }
        ),
    )


class GatewayServer(TestServer):
    """A gateway in this process, run as ``farebox serve`` runs it."""

    def __init__(self, settings: Settings, static: Path) -> None:
        super().__init__(build_app(settings, static))
        self._settings = settings

    async def _make_runner(self, **_: Any) -> GatewayRunner:
        return GatewayRunner(self.app, self._settings.server)


Start = Callable[..., Awaitable["TestClient[web.Request, web.Application]"]]


@pytest.fixture
async def start(settings: Settings) -> AsyncIterator[Start]:
    """A function that starts a gateway in this process, with other settings if given, and returns its client."""
    clients: list[TestClient[web.Request, web.Application]] = []

    async def begin(
        changed: Settings = settings, static: Path = NOT_BUILT
    ) -> "TestClient[web.Request, web.Application]":
        server = GatewayServer(changed, static)
        await server.start_server()
        client = TestClient(server, cookie_jar=DummyCookieJar())  # cookies are sent where a test says so
        clients.append(client)
        return client

    yield begin
    for client in clients:
        await client.close()


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account with one key, ready to spend; the ledger is looked at directly."""

    account_id: str
    key: str
    connection: "asyncpg.Connection[asyncpg.Record]"

    @property
    def auth(self) -> dict[str, str]:
        """The headers of its key."""
        return {"Authorization": f"Bearer {self.key}"}

    async def grant(self, size: int | None, **scope: Any) -> str:
        """Grant a pack directly in the ledger, before the gateway has seen the account."""
        pack_id = new_id()
        await self.connection.fetch(
            "SELECT * FROM grant_pack($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'grant')",
            pack_id,
            self.account_id,
            scope.get("resource", "tokens"),
            size,
            size is None,
            scope.get("priority", 50),
            scope.get("user_id"),
            scope.get("models"),
            scope.get("note", ""),
            scope.get("expires_at"),
        )
        return pack_id

    async def rows(self, table: str, order: str = "version") -> list[dict[str, Any]]:
        """Return all rows of this account in a table."""
        found = await self.connection.fetch(
            f"SELECT * FROM {table} WHERE account_id = $1 ORDER BY {order}",  # noqa: S608 - a test's own names
            self.account_id,
        )
        return [dict(row) for row in found]

    async def events(self) -> list[dict[str, Any]]:
        """Return the usage events."""
        return await self.rows("events", "version, request_id")

    async def entries(self) -> list[dict[str, Any]]:
        """Return the ledger entries."""
        return await self.rows("entries", "version, seq")


@pytest.fixture
async def wallet(database_url: str) -> AsyncIterator[Wallet]:
    """An account with a member's key and no pack."""
    connection = await asyncpg.connect(database_url)
    account_id, key = new_id(), "fbx_" + secrets.token_urlsafe(32)
    await connection.execute("INSERT INTO accounts (account_id, name) VALUES ($1, 'test')", account_id)
    await connection.execute(
        "INSERT INTO api_keys (key_id, account_id, user_id, name, digest, prefix) VALUES ($1, $2, 'u1', 'k', $3, $4)",
        new_id(),
        account_id,
        hashlib.sha256(key.encode()).digest(),
        key[:12],
    )
    yield Wallet(account_id, key, connection)
    await connection.close()


def deps_of(client: "TestClient[web.Request, web.Application]") -> Deps:
    """Return the parts of a gateway started by ``start``."""
    return client.app[DEPS].now


async def settled(client: "TestClient[web.Request, web.Application]") -> None:
    """Wait until everything that the gateway has finished is booked and applied."""
    await deps_of(client).meter.drain(10)


def with_models(settings: Settings, base_url: str, **changes: Any) -> Settings:
    """Return settings in which the provider "up" at ``base_url`` serves the model "m"."""
    provider = replace(settings.providers["simulated"], name="up", kind="openai", base_url=base_url)
    model = replace(settings.models["simulated"], name="m", provider="up", upstream_model="m", **changes)
    return replace(settings, providers={**settings.providers, "up": provider}, models={**settings.models, "m": model})
