"""SHELL: drift between Redis and Postgres: measured, exported, repaired, explained.

Redis has what it has from Postgres, with a version. At the same version both must say the same; a version that
Postgres does not have is one that it has lost; one that stays behind is a snapshot whose bearer died between its commit
and Redis. Counters must be what the open holds say. What differs is put right by ``rebuild.lua``, and told: a log line
for each field, the newest ones in Redis for ``GET /admin/v1/drift``, and gauges that are equal on every replica.

One gateway at a time takes a turn, so that a fleet reads each account no more often than a single gateway would.
"""

import asyncio
import datetime as dt
from typing import Any

import msgspec
import structlog

from config.settings import MeterSettings
from metering.core.drift import Difference, counter_differences, snapshot_differences
from metering.epochs import Epochs
from metering.errors import RedisDownError
from metering.keys import keys_of
from metering.ledger import AccountState, Ledger
from metering.metrics import METRICS
from metering.stores import Store

log = structlog.get_logger()
TURN, TOTALS, TOLD = b"{b0}drift-turn", b"{b0}drift-totals", b"{b0}drift-told"
TOLD_MAX = 1000
# Between a commit and its apply pass milliseconds; who is still at the same old version then will stay there.
BEHIND_SECONDS = 1.0
VERSION, SNAPSHOT = 1, 2  # places in what HMGET answers
DIFFERENCES = 6  # place in what state.lua answers


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one account that was found wrong in Redis, and whether it was put right."""

    at: str
    account_id: str
    version: int
    field: str
    redis: str | int | None
    postgres: str | int | None
    tokens: int
    repaired: bool


class Reconciler:
    """Compare a rotating batch of accounts."""

    def __init__(self, ledger: Ledger, store: Store, epochs: Epochs, settings: MeterSettings, instance_id: str) -> None:
        self._ledger = ledger
        self._store = store
        self._epochs = epochs
        self._settings = settings
        self._instance_id = instance_id

    async def take_turn(self) -> list[Drift]:
        """Reconcile the next batch, unless another gateway does; return what was found."""
        if not self._store.connected:
            return []
        turn_ms = int(self._settings.reconcile_seconds * 1000)
        found: list[Drift] = []
        if await self._call(b"SET", TURN, self._instance_id, b"NX", b"PX", turn_ms):
            found = await self._next_batch()
        await self._export()
        return found

    async def check(self, account_ids: list[str]) -> list[Drift]:
        """Compare these accounts, put right what differs, and return it."""
        known = dict(zip(account_ids, await asyncio.gather(*map(self._read, account_ids)), strict=True))
        asked = [account_id for account_id, read in known.items() if read is not None]
        states = {state.account_id: state for state in await self._ledger.states(asked)}
        found: list[Drift] = []
        behind: dict[str, bytes] = {}
        for account_id, state in states.items():
            read = known[account_id]
            assert read is not None
            if read[VERSION].isdigit() and int(read[VERSION]) < state.version:
                behind[account_id] = read[VERSION]
            found += await self._compare(state, read)
        if behind:
            found += await self._catch_up(behind)
        for drift in found:
            log.warning("drift_found", **msgspec.structs.asdict(drift))
        if found:
            await self._call(b"LPUSH", TOLD, *[msgspec.json.encode(drift) for drift in found])
            await self._call(b"LTRIM", TOLD, 0, TOLD_MAX - 1)
        return found

    async def told(self, limit: int) -> list[Drift]:
        """Return the newest drift that any gateway has found, newest first. Raises RedisDownError."""
        lines = await self._call(b"LRANGE", TOLD, 0, limit - 1)
        return [msgspec.json.decode(line, type=Drift) for line in lines]

    async def _next_batch(self) -> list[Drift]:
        names = (b"cursor", b"accounts", b"tokens")
        cursor, accounts, tokens = await self._call(b"HMGET", TOTALS, *names)
        last = cursor.decode() if cursor else None
        rows = await self._ledger.rows("audit_accounts", last, self._settings.reconcile_accounts)
        found = await self.check([row["account_id"] for row in rows])
        accounts = int(accounts or 0) + len({drift.account_id for drift in found})
        tokens = int(tokens or 0) + sum(drift.tokens for drift in found)
        if len(rows) < self._settings.reconcile_accounts:  # the round is over
            finished = (b"last_accounts", accounts, b"last_tokens", tokens)
            await self._call(b"HSET", TOTALS, b"cursor", b"", b"accounts", 0, b"tokens", 0, *finished)
        else:
            await self._call(
                b"HSET", TOTALS, b"cursor", rows[-1]["account_id"], b"accounts", accounts, b"tokens", tokens
            )
        METRICS.drift_repaired.inc(sum(drift.repaired for drift in found))
        return found

    async def _export(self) -> None:
        names = (b"accounts", b"last_accounts", b"tokens", b"last_tokens")
        totals = await self._call(b"HMGET", TOTALS, *names)
        accounts, last_accounts, tokens, last_tokens = (int(total or 0) for total in totals)
        METRICS.drift_accounts.set(max(accounts, last_accounts))
        METRICS.drift_tokens.set(max(tokens, last_tokens))

    async def _call(self, *command: bytes | str | int) -> Any:  # noqa: ANN401 - any reply
        reply = await self._store.call(*command)
        if isinstance(reply, Exception):
            raise RedisDownError(str(reply))
        return reply

    async def _read(self, account_id: str) -> list[bytes] | None:
        """Return epoch, version and snapshot as Redis has them, or None where it does not know the account."""
        keys = keys_of(account_id)
        read = await self._call(b"HMGET", keys.account, b"ep", b"ver", b"snap")
        if read[0] != self._epochs.token(keys.bucket):
            return None  # it is loaded anew before it is used
        return [part or b"" for part in read]

    async def _compare(self, state: AccountState, read: list[bytes]) -> list[Drift]:
        """Compare one account; what Redis read first can't be newer than what Postgres said afterwards."""
        differences: list[Difference] = []
        version = read[VERSION]
        if not version.isdigit() or int(version) > state.version:
            differences.append(Difference(field="version", redis=version.decode(), postgres=state.version))
        elif int(version) == state.version:
            differences += snapshot_differences(read[SNAPSHOT], state.snapshot)
        differences += counter_differences(await self._counters(state.account_id))
        return await self._repaired(state, version, differences)

    async def _counters(self, account_id: str) -> list[str]:
        keys = keys_of(account_id)
        reply = await self._store.script("state", keys[1:], self._epochs.token(keys.bucket), account_id, "tokens", 1)
        if type(reply) is list and reply[0] != 1:
            return []
        if type(reply) is list and len(reply) > DIFFERENCES:
            return [text.decode() for text in reply[DIFFERENCES]]
        if isinstance(reply, RedisDownError) or await self._store.reload(reply):
            return []
        return ["account can't be read"]  # the script fell over what is in it, or had no number to say

    async def _repaired(self, state: AccountState, version: bytes, differences: list[Difference]) -> list[Drift]:
        if not differences:
            return []
        keys = keys_of(state.account_id)
        reply = await self._store.script(
            "rebuild",
            keys[1:],
            self._epochs.token(keys.bucket),
            state.account_id,
            version,
            state.version,
            state.snapshot,
            int(self._settings.lease_seconds * 1000),
        )
        repaired = type(reply) is list and reply[0] == 1
        if not repaired:  # it has moved meanwhile, and is looked at again in the next round
            await self._store.reload(reply)
        now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return [
            Drift(
                at=now,
                account_id=state.account_id,
                version=state.version,
                field=difference.field,
                redis=difference.redis,
                postgres=difference.postgres,
                tokens=difference.tokens,
                repaired=repaired,
            )
            for difference in differences
        ]

    async def _catch_up(self, behind: dict[str, bytes]) -> list[Drift]:
        """Give accounts their newest state that are still at the same old version a moment later."""
        await asyncio.sleep(BEHIND_SECONDS)
        found: list[Drift] = []
        for state in await self._ledger.states(list(behind)):
            read = await self._read(state.account_id)
            if read is not None and read[VERSION] == behind[state.account_id] and int(read[VERSION]) < state.version:
                stale = Difference(field="version", redis=int(read[VERSION]), postgres=state.version)
                found += await self._repaired(state, read[VERSION], [stale])
        return found
