"""The real thing beside the model: the scripts, the settle statement and the ledger's functions, a call each."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import asyncpg
import msgspec

from metering.ask import Ask, Granted
from metering.core.settlement import Facts
from metering.epochs import Announce
from metering.errors import MeterUnavailableError, Refusal, RefusedError
from metering.ids import new_id
from metering.keys import bucket_of, deadlines_key, epoch_key, keys_of
from metering.ledger import AccountState
from metering.queries import load_invariants, query
from tests.integration.metering.parts import Gateway
from tests.model.ledger import Entry, Pack, Snapshot

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
TABLES = (
    "accounts",
    "account_changes",
    "account_resources",
    "corrections",
    "debts",
    "entries",
    "events",
    "packs",
)
NOT_OF_ROWS = {"append_only", "largest_debt"}  # one looks at the tables themselves, one only reports
RESOURCES = ("tokens", "images")
BUCKET = 17
_ENTRIES = """
    SELECT version, kind, resource, amount, delta, book_from, book_to, pack_id::text, request_id::text, balance_after
      FROM entries WHERE account_id = $1 AND version > $2 ORDER BY version, seq"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def ids_of_bucket() -> Iterator[str]:
    """Yield account ids that share one bucket: its epoch and its deadlines are theirs together."""
    while True:
        account_id = new_id()
        if bucket_of(account_id) == BUCKET:
            yield account_id


class Real:
    """One gateway's parts, and one connection to the ledger."""

    def __init__(self, gateway: Gateway, connection: Connection, invariants: Connection) -> None:
        self.gateway = gateway
        self.connection = connection
        self.invariants = invariants
        self.lane = gateway.ledger.lane()
        self.ids = ids_of_bucket()

    async def see_own_rows_only(self) -> None:
        """Let the connection for the invariants see the accounts of one example, as if there were no others."""
        await self.invariants.execute("CREATE SCHEMA mine")
        for table in TABLES:
            await self.invariants.execute(
                f"CREATE VIEW mine.{table} AS SELECT * FROM public.{table} "  # noqa: S608 - our own names
                "WHERE account_id = ANY(current_setting('model.accounts')::uuid[])"
            )
        await self.invariants.execute("SET search_path = mine, public")

    async def broken(self, account_ids: list[str]) -> dict[str, list[Any]]:
        """Return the rows of these accounts that break an invariant of the ledger."""
        await self.invariants.execute("SELECT set_config('model.accounts', $1, false)", f"{{{','.join(account_ids)}}}")
        found = {name: await self.invariants.fetch(text) for name, text in load_invariants().items()}
        return {name: list(map(dict, rows)) for name, rows in found.items() if rows and name not in NOT_OF_ROWS}

    # The ledger.

    async def open_account(self, min_reserve: int | None, floor: str | None) -> str:
        account_id = next(self.ids)
        await self.connection.execute(
            "INSERT INTO accounts (account_id, name, min_reserve, floor) VALUES ($1, 'model', $2, $3)",
            account_id,
            min_reserve,
            floor,
        )
        return account_id

    async def change(self, name: str, *arguments: Any) -> list[AccountState]:
        """Call a statement that answers the newest states of the accounts it changed."""
        return [AccountState(*row[-3:]) for row in map(tuple, await self.connection.fetch(query(name), *arguments))]

    async def grant(self, account_id: str, pack: Pack) -> AccountState:
        (state,) = await self.change(
            "pack_grant",
            pack.pack_id,
            account_id,
            pack.resource,
            pack.size,
            pack.unlimited,
            pack.priority,
            pack.user,
            pack.models,
            "",
            moment(pack.expires),
            "grant",
        )
        return state

    async def change_account(self, account_id: str, min_reserve: int | None, floor: str | None) -> AccountState:
        async with self.connection.transaction():
            await self.connection.execute(
                "UPDATE accounts SET min_reserve = $2, floor = $3 WHERE account_id = $1", account_id, min_reserve, floor
            )
            await self.connection.execute(query("account_touch"), account_id)
        (state,) = await self.change("snapshots", [account_id])
        return state

    async def entries(self, account_id: str, after: int) -> list[Entry]:
        rows = await self.connection.fetch(_ENTRIES, account_id, after)
        return [Entry(*row) for row in rows]

    # Redis.

    async def reserve(self, ask: Ask) -> Granted | Refusal | None:
        """Return what was granted, the refusal, or None for an id that is taken."""
        try:
            return await self.gateway.admission.reserve(ask)
        except RefusedError as refused:
            return refused.refusal
        except MeterUnavailableError as error:
            assert "refused" in str(error)  # noqa: PT017 - the other outcomes are answers too
            return None

    async def load(self, state: AccountState) -> int:
        """Load this very state, however old."""
        keys = keys_of(state.account_id)
        reply = await self.gateway.store.script(
            "load", keys[1:], self.gateway.epochs.token(keys.bucket), state.version, state.snapshot
        )
        return int(reply[0])

    async def sweep(self) -> set[str]:
        """Claim what is due in the bucket; return the request ids."""
        keys, token = (epoch_key(BUCKET), deadlines_key(BUCKET)), self.gateway.epochs.token(BUCKET)
        code, _, *members = await self.gateway.store.script("sweep", keys, token, 100, 60_000)
        assert code == 1
        return {member.decode().rpartition(":")[2] for member in members}

    async def new_epoch(self, announce: Announce) -> None:
        """Start a new epoch for the bucket: its owners announce, then it opens."""
        epochs = self.gateway.epochs
        epochs.announce = announce
        epochs._tokens[BUCKET] = None
        epochs._lost[BUCKET] = epochs._known[BUCKET]
        await epochs.refresh()
        await epochs.wait_open(BUCKET)

    async def look(self, account_id: str) -> tuple[list[Any], dict[str, list[Any]]]:
        """Return what the state script says of each resource, and the holds as they are stored."""
        keys, store = keys_of(account_id), self.gateway.store
        token = self.gateway.epochs.token(keys.bucket)
        views = [store.script("state", keys[1:], token, account_id, resource, 1) for resource in RESOURCES]
        flat = await store.call(b"HGETALL", keys.holds)
        holds = {
            name.decode(): msgspec.msgpack.decode(packed) for name, packed in zip(flat[::2], flat[1::2], strict=True)
        }
        return [await view for view in views], holds


def moment(expires: int | None) -> datetime | None:
    return None if expires is None else datetime.fromtimestamp(expires / 1000, UTC)


def seen(snapshot: Snapshot) -> dict[str, Any]:
    """Return the JSON of a snapshot, as the ledger should write it."""
    return {
        "st": "active",
        "fl": snapshot.floor,
        "mr": snapshot.min_reserve,
        "rs": snapshot.debts,
        "pk": [
            [
                p.pack_id,
                -1 if p.unlimited else p.left,
                p.expires or 0,
                p.user or "",
                list(p.models or []) or "",
                p.resource,
            ]
            for p in snapshot.packs
        ],
    }


def split_of(flat: Sequence[str | int] | dict[str, int]) -> dict[str, int]:
    """Return a split by pack, in its order; Lua packs an empty one as a map."""
    parts = list(flat) if isinstance(flat, list) else []
    return dict(zip(map(str, parts[::2]), map(int, parts[1::2]), strict=True))


def facts_of(request_id: str, account_id: str, ask: dict[str, Any], *, stream: bool, orphan: str) -> Facts:
    """Return the facts of a request of ten prompt tokens, at one token a token."""
    return Facts(
        request_id=request_id,
        account_id=account_id,
        user_id=ask["user"] or None,
        key_id=None,
        endpoint="chat.completions",
        model=ask["model"],
        provider="p",
        resource=ask["resource"],
        stream=stream,
        counted_prompt_tokens=10,
        rates=(1_000_000, 1_000_000, 1_000_000),
        rate_version="1",
        session_id=None,
        reason="",
        feature=None,
        orphan=orphan,
        started_at_ms=1,
    )
