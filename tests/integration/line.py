"""A gateway in front of a scripted upstream, an account with a pack, and the questions that tests ask of them."""

import asyncio
import io
import json
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from config.settings import MeterSettings, ModelSettings, Settings
from gateway.deps import Deps
from metering.admission import AccountView
from tests.conftest import ADMIN_KEY, Start, Wallet, deps_of, settled, with_models
from tests.fakes.upstream import ScriptedUpstream
from tests.waiting import eventually

PATH = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
PROMPT = 8  # tokens of HELLO: reference vector C9
ON = " on"  # one token, however often it is repeated
SIZE = 1_000_000
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
Client = TestClient[web.Request, web.Application]


def on(tokens: int) -> str:
    """Return a text of so many tokens."""
    return ON * tokens


def fields(**changes: Any) -> dict[str, Any]:
    """Return a request's body."""
    return {"model": "m", "messages": HELLO, **changes}


@dataclass
class Reply:
    """What the client got."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The OpenAI error object, which always has its four members."""
        error: dict[str, Any] = self.json["error"]
        assert {"message", "type", "param", "code"} <= error.keys()
        return error

    @property
    def request_id(self) -> str:
        """Our id of the request."""
        return self.headers["x-request-id"]


@dataclass
class Line:
    """See the module."""

    upstream: ScriptedUpstream
    wallet: Wallet
    settings: Settings
    begin: Start
    clients: list[Client] = field(default_factory=list)

    async def start(
        self,
        *,
        size: int | None = SIZE,
        meter: dict[str, Any] | None = None,
        models: dict[str, ModelSettings] | None = None,
        sections: dict[str, Any] | None = None,
        **model: Any,
    ) -> None:
        """Start the gateway; ``size`` None grants no pack, ``model`` changes the model "m"."""
        if size is not None:
            await self.wallet.grant(size)
        settings = with_models(self.settings, self.upstream.url, **model)
        settings = replace(
            settings,
            meter=replace(settings.meter, **(meter or {})),
            models={**settings.models, **(models or {})},
            **(sections or {}),
        )
        self.settings = settings
        self.clients.append(await self.begin(settings))

    @property
    def client(self) -> Client:
        """A client of the gateway."""
        return self.clients[-1]

    @property
    def deps(self) -> Deps:
        """The gateway's parts."""
        return deps_of(self.client)

    @property
    def serving(self) -> int:
        """How many chat requests the gateway is busy with."""
        runner = self.client.server.runner
        assert runner is not None
        server: Any = runner.server
        return sum(door.exchange is not None for door in server.doors)

    @property
    def meter_settings(self) -> MeterSettings:
        """The settings in force."""
        return self.settings.meter

    async def open(self, *, headers: dict[str, str] | None = None, **changes: Any) -> ClientResponse:
        """Send a request; return when its head has come."""
        sent = {**self.wallet.auth, "Content-Type": "application/json", **(headers or {})}
        body = io.BytesIO(json.dumps(fields(**changes)).encode())  # aiohttp's client warns of large plain bytes
        return await self.client.post(PATH, data=body, headers=sent)

    async def ask(self, *, headers: dict[str, str] | None = None, **changes: Any) -> Reply:
        """Send a request; return the whole reply."""
        return await reply_of(await self.open(headers=headers, **changes))

    async def post(self, body: Any, **headers: str) -> Reply:
        """Send any bytes."""
        sent = {**self.wallet.auth, "Content-Type": "application/json", **headers}
        return await reply_of(await self.client.post(PATH, data=body, headers=sent))

    async def view(self) -> AccountView:
        """Return the account as Redis sees it."""
        return await self.deps.admission.view(self.wallet.account_id, "tokens", compare=True)

    async def at_rest(self) -> AccountView:
        """Wait until nothing is held or waits to be booked; return what Redis then says, which Postgres confirms."""
        await eventually(lambda: not self.serving)  # it may not have heard yet that a client is gone
        await asyncio.sleep(0)  # whoever was cancelled just now is told first
        await eventually(lambda: not (self.deps.meter.holds or self.deps.meter._tasks))  # some are being given back
        await settled(self.client)
        view = await self.view()
        assert (view.holds, view.reserved, view.unsettled, view.differences) == (0, 0, 0, [])
        assert view.balance == await self.balance()
        return view

    async def balance(self) -> int:
        """Return the balance that the ledger says."""
        found: int = await self.wallet.connection.fetchval(
            "SELECT posted_balance($1, 'tokens')", self.wallet.account_id
        )
        return found

    async def event(self) -> dict[str, Any]:
        """Return the only usage event, when all is booked."""
        await self.at_rest()
        events = await self.wallet.events()
        assert len(events) == 1, f"{len(events)} events"
        return events[0]

    async def uncharged(self) -> None:
        """Wait for rest; fail if anything was charged."""
        await self.at_rest()
        assert await self.wallet.events() == []

    async def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the entries of these kinds."""
        return [entry for entry in await self.wallet.entries() if entry["kind"] in kinds]

    async def change_account(self, **values: Any) -> None:
        """Change the account's row before the gateway has seen it."""
        for name, value in values.items():
            await self.wallet.connection.execute(
                f"UPDATE accounts SET {name} = $2, version = version + 1 WHERE account_id = $1",  # noqa: S608 - a test's own names
                self.wallet.account_id,
                value,
            )
            await self.wallet.connection.execute(
                "INSERT INTO account_changes (account_id, version) "
                "SELECT account_id, version FROM accounts WHERE account_id = $1",
                self.wallet.account_id,
            )


async def reply_of(response: ClientResponse) -> Reply:
    """Read a response to its end."""
    async with response:
        body = await response.read()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, body, headers)


def texts_of(body: bytes) -> dict[int, str]:
    """Return the text of each choice in a stream, as a client would read it."""
    texts: dict[int, str] = {}
    for value in events_of(body):
        for choice in value.get("choices", []):
            text = choice["delta"].get("content") or ""
            texts[choice["index"]] = texts.get(choice["index"], "") + text
    return texts


def events_of(body: bytes) -> list[dict[str, Any]]:
    """Return the JSON events of a stream whose lines end with LF."""
    lines = body.split(b"\n")
    datas = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    return [json.loads(data) for data in datas if data != b"[DONE]"]
