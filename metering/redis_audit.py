"""SHELL: what Redis must be: equal to its own holds, and to Postgres at equal version (DESIGN 3.4).

Requests go on meanwhile. So each look at Redis is one script or one command, which sees one moment; and an account
whose version moves between the looks is compared again, then left to the next audit: a settlement is on its way.
"""

import asyncio
import itertools
from typing import Any, TypeAlias

import msgspec

from config.settings import MeterSettings
from metering.admission import Admission
from metering.books.balances import Balances
from metering.errors import RedisDownError
from metering.keys import BUCKETS, deadlines_key, keys_of
from metering.ledger import Ledger
from metering.stores import Store
from metering.use import ttl_ms_of

Row: TypeAlias = dict[str, str | int]

COUNTERS = "held_counters_equal_holds"
DEADLINES = "holds_have_deadlines"
ORPHANED = "deadlines_have_holds"
EQUAL = "redis_equals_postgres"
AHEAD = "redis_not_ahead_of_postgres"
LIFE = "no_hold_beyond_its_life"
RESERVED = "open_reservations_are_held"
ACCOUNTS_AT_ONCE = 200
ROUNDS = 5
ROUND_SECONDS = 0.02
STATE, RESERVED_AT, FACTS = 0, 2, 10  # places in a hold (lua/prelude.lua)
OPEN = "R"


class RedisAudit:
    """One comparison of Redis with itself and with Postgres."""

    def __init__(
        self, ledger: Ledger, admission: Admission, store: Store, balances: Balances, settings: MeterSettings
    ) -> None:
        self._ledger = ledger
        self._admission = admission
        self._store = store
        self._balances = balances
        self._lease_seconds = settings.lease_seconds
        self._life_ms = int((settings.request_seconds_max + 2 * settings.lease_seconds) * 1000)
        self._found: dict[str, list[Row]] = {}

    async def check(self) -> dict[str, list[Row]]:
        """Return the rows that break each invariant. Raises MeterUnavailableError."""
        self._found = {name: [] for name in (COUNTERS, DEADLINES, ORPHANED, EQUAL, AHEAD, LIFE, RESERVED)}
        last = None
        while rows := await self._ledger.rows("audit_accounts", last, ACCOUNTS_AT_ONCE):
            last = rows[-1]["account_id"]
            known = await asyncio.gather(*(self._knows(row["account_id"]) for row in rows))
            accounts = itertools.compress(rows, known)
            await asyncio.gather(*(self._check_account(row["account_id"], row["unit"]) for row in accounts))
        await self._check_deadlines()
        await self._check_reservations()
        return self._found

    async def _call(self, *command: bytes | str | int) -> Any:  # noqa: ANN401 - any reply
        reply = await self._store.call(*command)
        if isinstance(reply, Exception):
            raise RedisDownError(str(reply))
        return reply

    async def _knows(self, account_id: str) -> bool:
        return bool(await self._call(b"HEXISTS", keys_of(account_id).account, b"ep"))

    async def _check_account(self, account_id: str, unit: str) -> None:
        await self._compare(account_id, unit)
        view = await self._admission.view(account_id, unit, compare=True)
        for text in view.differences:
            self._found[DEADLINES if text.startswith("no deadline") else COUNTERS].append(
                {"account_id": account_id, "difference": text}
            )
        if view.holds:
            await self._check_lives(account_id)

    async def _compare(self, account_id: str, unit: str) -> None:
        """Compare an account with Postgres, at a version that stood still meanwhile."""
        for _ in range(ROUNDS):
            before = (await self._balances.posted([account_id], unit))[account_id]
            view = await self._admission.view(account_id, unit)
            version, snapshot = await self._call(b"HMGET", keys_of(account_id).account, b"ver", b"snap")
            state = await self._ledger.state(account_id)
            after = (await self._balances.posted([account_id], unit))[account_id]
            assert state
            if int(version or 0) > state.version:
                self._found[AHEAD].append(
                    {"account_id": account_id, "redis_version": int(version), "version": state.version}
                )
                return
            if before.version == view.version == int(version or 0) == state.version == after.version:
                break
            await asyncio.sleep(ROUND_SECONDS)
        else:
            return
        row: Row = {"account_id": account_id, "version": state.version}
        if msgspec.json.decode(snapshot) != msgspec.json.decode(state.snapshot):
            self._found[EQUAL].append({**row, "redis": snapshot.decode(), "postgres": state.snapshot})
        # A pack may have expired between two looks: then Redis has the balance of before or of after.
        elif view.balance not in {before.balance, after.balance}:
            self._found[EQUAL].append({**row, "redis_balance": view.balance, "balance": after.balance})

    async def _check_lives(self, account_id: str) -> None:
        seconds, _ = await self._call(b"TIME")
        holds = await self._call(b"HGETALL", keys_of(account_id).holds)
        for request_id, packed in zip(holds[::2], holds[1::2], strict=True):
            hold: list[Any] = msgspec.msgpack.decode(packed)
            age_ms = int(seconds) * 1000 - hold[RESERVED_AT]
            if hold[STATE] == OPEN and age_ms > self._life_ms + ttl_ms_of(hold[FACTS]):
                self._found[LIFE].append(
                    {"account_id": account_id, "request_id": request_id.decode(), "age_ms": age_ms}
                )

    async def _check_deadlines(self) -> None:
        """Find deadlines of holds that do not exist."""
        sizes = await asyncio.gather(*(self._call(b"ZCARD", deadlines_key(bucket)) for bucket in range(BUCKETS)))
        for bucket in itertools.compress(range(BUCKETS), sizes):
            for member in await self._call(b"ZRANGE", deadlines_key(bucket), 0, -1):
                account_id, _, request_id = member.decode().rpartition(":")
                if not await self._has_hold(account_id, request_id, member):
                    self._found[ORPHANED].append({"account_id": account_id, "request_id": request_id})

    async def _check_reservations(self) -> None:
        """Find reservations that Postgres has open, and for longer than a moment, and that hold nothing."""
        older_seconds = 2 * self._lease_seconds
        missing = [
            row
            for row in await self._ledger.rows("reservations_older", older_seconds)
            if not await self._call(b"HEXISTS", keys_of(row["account_id"]).holds, row["reservation_id"])
        ]
        ids = [row["reservation_id"] for row in missing]
        still = await self._ledger.rows("reservations_status", ids) if ids else []
        are_open = {row["reservation_id"] for row in still if row["status"] == "open"}
        self._found[RESERVED] += [
            {"account_id": row["account_id"], "request_id": row["reservation_id"]}
            for row in missing
            if row["reservation_id"] in are_open
        ]

    async def _has_hold(self, account_id: str, request_id: str, member: bytes) -> bool:
        """Return whether a deadline has a hold, or is gone itself: both come and go in one step."""
        keys = keys_of(account_id)
        return bool(
            await self._call(b"HEXISTS", keys.holds, request_id)
            or await self._call(b"ZSCORE", keys.deadlines, member) is None
            or await self._call(b"HEXISTS", keys.holds, request_id)
        )
