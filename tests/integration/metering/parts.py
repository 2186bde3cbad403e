"""The metering half of a gateway, and the ledger beside it, for tests that need no HTTP."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any

import msgspec

from config.catalog import ModelSpec, Rates
from config.settings import Settings
from metering.admission import Admission
from metering.ask import AccountView, Ask
from metering.cluster import ClusterStore
from metering.core.settlement import Outcome, Reservation, Source, Status
from metering.epochs import Epochs
from metering.errors import MeterUnavailableError
from metering.ids import new_id
from metering.journal import Journal
from metering.keys import keys_of
from metering.ledger import Ledger
from metering.meter import Meter
from metering.order import Order
from metering.recovery import Recovery
from metering.settler import Settler
from metering.store import RedisStore
from metering.stores import Store, open_store

ONE = Rates(prompt=1_000_000, cached=1_000_000, completion=1_000_000)
NOW_MS = 1_700_000_000_000


def spec_of(**changes: Any) -> ModelSpec:
    """A model at one token a token, with a context of 100,000."""
    values = {field.name: "" for field in fields(ModelSpec)} | {
        "name": "m",
        "label": "m",
        "provider": "p",
        "rates": ONE,
        "card": None,
        "rate_version": "v1",
        "max_completion_tokens": 1000,
        "context_tokens": 100_000,
        "default_hold_tokens": 200,
        "safety_factor": 1_000_000,
    }
    return ModelSpec(**(values | changes))


def order_of(account_id: str, **changes: Any) -> Order:
    """A request of 100 prompt tokens and at most 100 completion tokens."""
    values: dict[str, Any] = {
        "request_id": new_id(),
        "account_id": account_id,
        "user_id": "u1",
        "key_id": None,
        "resource": "tokens",
        "endpoint": "chat.completions",
        "model": "m",
        "candidates": (spec_of(),),
        "stream": True,
        "prompt_tokens": 100,
        "limit": 100,
        "choices": 1,
        "clamp": "unset",
        "min_completion_tokens": 16,
        "orphan": "bounded",
        "session_id": None,
        "reason": "",
        "feature": None,
    }
    return Order(**(values | changes))


def used(completion: int, *, prompt: int = 100, source: Source = Source.UPSTREAM) -> Outcome:
    """What a request used."""
    return Outcome(
        prompt_tokens=prompt,
        completion_tokens=completion,
        source=source,
        status=Status.COMPLETED,
        counted_completion_tokens=completion,
    )


def ask_of(account_id: str, want: int, least: int | None = None, **changes: Any) -> Ask:
    """Ask for a hold."""
    values: dict[str, Any] = {
        "request_id": new_id(),
        "account_id": account_id,
        "resource": "tokens",
        "user_id": "u1",
        "model": "m",
        "want": want,
        "least": want if least is None else least,
        "facts": b"{}",
    }
    return Ask(**(values | changes))


def row_of(account_id: str, charge: int, **changes: Any) -> dict[str, Any]:
    """A settlement of ``charge`` tokens."""
    values: dict[str, Any] = {
        "request_id": new_id(),
        "account_id": account_id,
        "reserved_at": NOW_MS,
        "user_id": "u1",
        "key_id": None,
        "endpoint": "chat.completions",
        "model": "m",
        "provider": "p",
        "resource": "tokens",
        "reserved": charge,
        "split": [],
        "charge": charge,
        "prompt_tokens": charge,
        "cached_tokens": 0,
        "completion_tokens": 0,
        "reasoning_tokens": 0,
        "counted_prompt_tokens": charge,
        "counted_completion_tokens": 0,
        "source": "upstream",
        "status": "completed",
        "rates": [1_000_000, 1_000_000, 1_000_000],
        "rate_version": "v1",
        "session_id": None,
        "reason": "",
        "feature": None,
        "duration_ms": 1,
    }
    return values | changes


class Gateway:
    """All shells of the meter, as gateway/app.py puts them together."""

    def __init__(self, settings: Settings) -> None:
        assert settings.postgres.url
        assert settings.redis.url
        self.settings = settings
        self.instance_id = new_id()
        self.ledger = Ledger(settings.postgres.url, settings.postgres)
        self.epochs = Epochs(self.ledger, self.instance_id, settings.meter, settings.redis)
        self.store = open_store(settings.redis.url, settings.redis, self.epochs.served, self.epochs.parted)
        self.epochs.store = self.store
        self.admission = Admission(self.store, self.epochs, self.ledger, settings.meter, self.instance_id)
        journals = settings.state_dir / "journal"
        self.journal = Journal(journals, self.instance_id, settings.journal)
        self.settler = Settler(self.ledger, self.admission, settings.meter)
        self.meter = Meter(self.admission, self.settler, self.journal, settings.meter)
        self.epochs.announce = self.meter.announce
        self.recovery = Recovery(
            ledger=self.ledger,
            store=self.store,
            epochs=self.epochs,
            admission=self.admission,
            settler=self.settler,
            settings=settings.meter,
            journals=journals,
            instance_id=self.instance_id,
        )
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and start the lanes."""
        await self.ledger.start()
        await self.ledger.beat(self.instance_id)
        await self.store.start()
        self.settler.start()
        self.meter.start()

    def keep_beating(self) -> None:
        """Say so often that this gateway lives, and hear of new epochs, as its upkeep does."""

        async def beat() -> None:
            while True:
                with suppress(MeterUnavailableError):  # the next beat goes on from there
                    if self.store.connected:
                        await self.epochs.beat()
                await asyncio.sleep(0.05)

        self._beating = asyncio.create_task(beat(), name="beat")

    async def stop(self) -> None:
        """Drain and close."""
        await self.meter.drain(10)
        await self._end()
        self.journal.close()

    async def kill(self) -> None:
        """End as a killed process does: nothing is drained or tidied up, and the kernel frees the lock."""
        await self._end()
        os.close(self.journal._lock)

    async def _end(self) -> None:
        if self._beating:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        await self.meter.stop()
        await self.settler.stop()
        for opening in tuple(self.epochs._openings):
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        await self.store.stop()
        await self.ledger.stop()

    def cut(self) -> None:
        """Lose every connection to Redis."""
        for server in servers_of(self.store):
            assert server._link
            server._link.abort()

    async def view(self, account_id: str, resource: str = "tokens") -> AccountView:
        """Return an account as Redis sees it, of which every counter and index must match the holds."""
        view = await self.admission.view(account_id, resource, compare=True)
        assert view.differences == []
        return view

    async def hold_of(self, account_id: str, request_id: str) -> list[Any] | None:
        """Return a hold as it is in Redis."""
        packed = await self.store.call(b"HGET", keys_of(account_id).holds, request_id)
        return None if packed is None else msgspec.msgpack.decode(packed)

    async def due(self, account_id: str, request_id: str) -> None:
        """Let a hold's deadline pass."""
        await self.store.call(b"ZADD", keys_of(account_id).deadlines, 1, f"{account_id}:{request_id}")


def servers_of(store: Store) -> list[RedisStore]:
    """Return the servers that a store is connected to: one, or the masters of a cluster."""
    if isinstance(store, ClusterStore):
        return list(store._masters.values())
    assert isinstance(store, RedisStore)
    return [store]


async def keys_like(store: Store, pattern: str) -> list[bytes]:
    """Return the keys that look like a pattern, on every server."""
    return [key for server in servers_of(store) for key in await server.call(b"KEYS", pattern)]


Launch = Callable[..., Awaitable[Gateway]]
"""Starts a gateway; its arguments change the settings of the meter, ``redis`` those of Redis."""


async def until(condition: Any, seconds: float = 5) -> None:
    """Wait until a condition (a function, or one that is awaited) holds."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


def reservation(amount: int, *split: str | int) -> Reservation:
    """A hold on packs."""
    return Reservation(amount, NOW_MS, list(split))
