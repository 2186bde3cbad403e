"""SHELL: one request from its hold to the ledger: the event, how it was reserved, every entry, the packs that paid."""

import asyncio
from typing import Any

import msgspec

from metering.books.filters import Filters, Scope
from metering.books.packs import Packs
from metering.books.pages import Pages
from metering.books.records import Entry, Event, Pack
from metering.keys import BUCKETS, deadlines_key, keys_of
from metering.ledger import Ledger
from metering.queries import query
from metering.stores import Store

ENTRIES_MAX = 1000
# Places in a hold (lua/prelude.lua).
STATE, AMOUNT, RESERVED_AT, INSTANCE, RESOURCE, USER, MODEL, SPLIT, OVER, PROGRESS = range(10)
STATES = {"R": "open", "S": "settling"}


class Part(msgspec.Struct, frozen=True, gc=False):
    """What a hold laid on one pack."""

    pack_id: str
    amount: int


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold as Redis has it. ``state``: open (``amount`` is an upper bound) or settling (it is exact)."""

    state: str
    amount: int
    reserved_at_ms: int
    instance_id: str
    resource: str
    user_id: str | None
    model: str
    split: list[Part]
    over: int
    progress: int


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One request. ``event`` and all about its booking are null while it is open; ``hold`` is null once it is settled.

    ``packs`` are those that entries name, ``split`` how the hold was laid on them; rates are micro-units.
    """

    request_id: str
    account_id: str
    event: Event | None
    reserved_at: str | None
    reserved: int | None
    split: list[Part] | None
    rates: list[int] | None
    rate_version: str | None
    debt_amount: int | None
    refunded: int | None
    idempotency_key: str | None
    version: int | None
    entries: list[Entry]
    packs: list[Pack]
    hold: Hold | None


class Traces:
    """Traces of requests."""

    def __init__(self, ledger: Ledger, pages: Pages, packs: Packs) -> None:
        self._ledger = ledger
        self._pages = pages
        self._packs = packs

    async def of_request(self, store: Store, request_id: str, scope: Scope | None = None) -> Trace | None:
        """Return what is known of a request within a scope, None: nothing."""
        account_id = scope.account_id if scope else None
        async with self._ledger.connection() as connection:
            facts = await connection.fetchrow(
                query("trace_facts"), request_id, account_id, scope is not None and scope.member,
                scope.user_id if scope else None,
            )  # fmt: skip
        if facts is None:
            account_id = account_id or await _account_of(store, request_id)
            hold = await _hold_of(store, account_id, request_id, scope) if account_id else None
            return _open(request_id, account_id, hold) if account_id and hold else None
        account_id = str(facts["account_id"])
        filters = Filters(account_id=account_id, request_id=request_id)
        events = await self._pages.events(filters, limit=1)
        entries = await self._pages.entries(filters, limit=ENTRIES_MAX, sort="at")
        booked = [row for row in entries.rows if isinstance(row, Entry)]
        ids = dict.fromkeys(row.pack_id for row in booked if row.pack_id)
        packs = [await self._packs.get(pack_id) for pack_id in ids]
        return Trace(
            request_id=request_id,
            account_id=account_id,
            event=next(row for row in events.rows if isinstance(row, Event)),
            reserved_at=facts["reserved_at"],
            reserved=facts["reserved"],
            split=None if facts["split"] is None else parts_of(msgspec.json.decode(facts["split"])),
            rates=facts["rates"],
            rate_version=facts["rate_version"],
            debt_amount=facts["debt_amount"],
            refunded=facts["refunded"],
            idempotency_key=facts["idempotency_key"],
            version=facts["version"],
            entries=booked,
            packs=[pack for pack in packs if pack],
            hold=await _hold_of(store, account_id, request_id, scope),
        )


def parts_of(flat: list[Any]) -> list[Part]:
    """Return [pack id, amount, pack id, amount, …] as parts."""
    return [Part(str(pack), int(amount)) for pack, amount in zip(flat[::2], flat[1::2], strict=True)]


def _open(request_id: str, account_id: str, hold: Hold) -> Trace:
    return Trace(
        request_id=request_id,
        account_id=account_id,
        event=None,
        reserved_at=None,
        reserved=None,
        split=None,
        rates=None,
        rate_version=None,
        debt_amount=None,
        refunded=None,
        idempotency_key=None,
        version=None,
        entries=[],
        packs=[],
        hold=hold,
    )


async def _account_of(store: Store, request_id: str) -> str | None:
    """Return whose hold this is. Every hold has its deadline in one of the buckets."""
    sizes = await asyncio.gather(*(store.call(b"ZCARD", deadlines_key(bucket)) for bucket in range(BUCKETS)))
    for bucket in (bucket for bucket, size in enumerate(sizes) if isinstance(size, int) and size):
        cursor: Any = b"0"
        while cursor is not None:
            reply = await store.call(
                b"ZSCAN", deadlines_key(bucket), cursor, b"MATCH", f"*:{request_id}", b"COUNT", 1000
            )
            if not isinstance(reply, list):
                return None
            if reply[1]:
                return str(reply[1][0].decode().rpartition(":")[0])
            cursor = None if reply[0] == b"0" else reply[0]
    return None


async def _hold_of(store: Store, account_id: str, request_id: str, scope: Scope | None) -> Hold | None:
    """Return a hold that is open or settling; None too while Redis does not answer."""
    packed = await store.call(b"HGET", keys_of(account_id).holds, request_id)
    if not isinstance(packed, bytes):
        return None
    fields: list[Any] = msgspec.msgpack.decode(packed)
    if fields[STATE] not in STATES:
        return None
    hold = Hold(
        state=STATES[fields[STATE]],
        amount=int(fields[AMOUNT]),
        reserved_at_ms=int(fields[RESERVED_AT]),
        instance_id=fields[INSTANCE],
        resource=fields[RESOURCE],
        user_id=fields[USER] or None,
        model=fields[MODEL],
        split=parts_of(list(fields[SPLIT])),
        over=int(fields[OVER]),
        progress=int(fields[PROGRESS]),
    )
    hidden = scope is not None and scope.member and scope.user_id != hold.user_id
    return None if hidden else hold
