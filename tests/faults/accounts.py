"""The accounts of a run, and the admin who grants and revokes while everything breaks."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from tests.faults.terms import Log
from tests.faults.world import World

PLENTY = 100_000_000
MEMBER = "u1"


@dataclass(slots=True, kw_only=True)
class Account:
    """One account, with a key of a member."""

    kind: str
    id: str
    key: str
    orphan: str
    packs: list[str] = field(default_factory=list)


KINDS: dict[str, dict[str, Any]] = {
    "rich": {},
    "many": {},
    "dry": {},
    "expiring": {},
    "revoked": {},
    "kept": {"floor": "keep", "min_reserve": 500},
    "free": {},
    "upper": {"orphan": "upper_bound"},
    "checked": {"orphan": "checkpoint"},
}


class Admin:
    """Calls the admin API of any gateway; an answer that is lost leaves open whether it was done."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._log = Log(world.folder / "admin.jsonl")
        self.accounts: list[Account] = []

    async def make_accounts(self) -> None:
        """Make one account of each kind, with its first packs; nothing is broken yet."""
        for kind, settings in KINDS.items():
            made = await self._call("POST", "/accounts", {"name": kind, **settings})
            key = await self._call("POST", f"/accounts/{made['id']}/keys", {"name": "k", "user_id": MEMBER})
            orphan = settings.get("orphan", "bounded")
            self.accounts.append(Account(kind=kind, id=made["id"], key=key["key"], orphan=orphan))
        for account in self.accounts:
            for terms in self._first_packs(account.kind):
                await self.grant(account, **terms)

    def _first_packs(self, kind: str) -> list[dict[str, Any]]:
        if kind == "many":
            return [
                {"size": 3000, "user_id": MEMBER},
                {"size": 5000, "models": ["plain"]},
                {"size": 4000, "models": ["dear", "growing"], "priority": 10},
                {"size": 2000, "user_id": MEMBER, "models": ["growing"]},
                {"size": PLENTY},
            ]
        if kind == "free":
            return [{"unlimited": True, "models": ["plain", "growing"]}, {"size": 20_000}]
        small = {"dry": 3000, "expiring": 4000, "revoked": 20_000, "kept": 30_000}
        return [{"size": small.get(kind, PLENTY)}]

    async def work(self) -> None:
        """Grant and revoke until cancelled."""
        by_kind = {account.kind: account for account in self.accounts}
        while True:
            await asyncio.sleep(self._rng.uniform(0.2, 0.8))
            kind = self._rng.choice(("dry", "many", "expiring", "expiring", "revoked", "revoked", "kept", "free"))
            account = by_kind[kind]
            size = self._rng.randrange(500, 8000)
            try:
                if kind == "revoked" and account.packs and self._rng.random() < 0.5:
                    await self.revoke(account, account.packs.pop(0))
                elif kind == "expiring":
                    lives = timedelta(seconds=self._rng.uniform(1.5, 5))
                    await self.grant(account, size=2 * size, expires_at=(datetime.now(UTC) + lives).isoformat())
                elif kind == "many":
                    await self.grant(account, size=size, user_id=self._rng.choice((MEMBER, None)), priority=20)
                else:
                    await self.grant(account, size=size)
            except (aiohttp.ClientError, TimeoutError, OSError, AssertionError):
                continue

    async def grant(self, account: Account, **terms: Any) -> None:
        """Grant a pack."""
        pack = await self._call("POST", f"/accounts/{account.id}/packs", terms)
        account.packs.append(pack["id"])
        self._log.add(e="granted", account=account.id, pack=pack["id"], size=terms.get("size"))

    async def revoke(self, account: Account, pack_id: str) -> None:
        """Revoke a pack."""
        pack = await self._call("POST", f"/packs/{pack_id}/revoke", None)
        self._log.add(e="revoked", account=account.id, pack=pack["id"], t=time.time())

    async def _call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        gateway = self._rng.choice(self._world.gateways)
        url = f"{gateway.url}/admin/v1{path}"
        async with self._world.http() as http, http.request(method, url, json=body) as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
            assert answer.status < 300, found
            return found
