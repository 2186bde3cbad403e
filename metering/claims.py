"""SHELL: who has an Idempotency-Key (DESIGN 3.3 and 3.5).

A key is taken by ``reserve.lua`` in the step that takes the hold, and stands on the charge from then on: in the
facts of hold and journal, in the event. Its scope is the account: that is whose wallet must not pay twice for a
retry, which may come with an API key that was rotated meanwhile.

A key that is taken, and whose request has no hold (Redis) and no charge (Postgres), is free: the request was
released. They are looked at in this order, since a charge is in Postgres before its hold is dropped.

Redis answers alone as soon as its epoch is older than keys are remembered; until then it may have forgotten one, and
Postgres is asked first. Owners of running requests state their keys again before the epoch's barrier opens.
"""

import asyncio

from asyncpg import Record

from config.settings import MeterSettings
from metering.ask import Ask, Claim
from metering.errors import MeterUnavailableError, Repeat, RepeatedError
from metering.keys import AccountKeys, bucket_of, claim_key
from metering.ledger import Ledger
from metering.order import Order
from metering.stores import Store

REPEATED = 3  # reserve.lua: another request has the key
OPEN, SETTLING = b"R", b"S"


class Claims:
    """The Idempotency-Keys of requests to models."""

    def __init__(self, store: Store, ledger: Ledger, settings: MeterSettings) -> None:
        self._store = store
        self._ledger = ledger
        self._seconds = settings.idempotency_seconds
        # Bucket: its epoch, and since when (in the loop's time) that is old enough for Redis to answer alone.
        self._sure: dict[int, tuple[bytes, float]] = {}

    async def arguments(
        self, ask: Ask, claim: Claim, keys: AccountKeys, token: bytes, free: str
    ) -> tuple[tuple[bytes, ...], tuple[str | int, ...]]:
        """Return the keys of reserve.lua, and the arguments that it is given besides.

        Raises RepeatedError: Postgres knows the key; LedgerDownError.
        """
        if not self._redis_is_sure(keys.bucket, token):
            await self._ask_postgres(ask, claim, keys.bucket, token)
        names = (*keys[1:], claim_key(ask.account_id, claim.key))
        return names, (_entry(ask.request_id, claim), self._seconds, free)

    async def freed(self, ask: Ask, claim: Claim, reply: list[bytes]) -> str:
        """Return what stands under the key, if it holds it no longer.

        Raises RepeatedError: the key is taken; LedgerDownError.
        """
        taken, state, amount = reply[1].decode(), reply[2], int(reply[3])
        request_id, _, digest = taken.partition(" ")
        if state and digest != claim.digest:
            raise RepeatedError(Repeat.MISMATCH, request_id, account_id=ask.account_id)
        if state == OPEN or (state == SETTLING and claim.replay):  # its answer is being stored
            raise RepeatedError(Repeat.IN_PROGRESS, request_id, account_id=ask.account_id)
        if state:
            raise _used(ask, request_id, amount)
        await self._ask_postgres(ask, claim, bucket_of(ask.account_id), None)
        return taken

    async def state_again(self, order: Order) -> None:
        """State the key of a running request, after Redis lost its memory. Raises MeterUnavailableError."""
        if order.claim is None:
            return
        key = claim_key(order.account_id, order.claim.key)
        reply = await self._store.call(b"SET", key, _entry(order.request_id, order.claim), b"EX", self._seconds)
        if isinstance(reply, Exception):
            raise MeterUnavailableError(str(reply))

    def _redis_is_sure(self, bucket: int, token: bytes) -> bool:
        epoch, since = self._sure.get(bucket, (b"", 0.0))
        return epoch == token and asyncio.get_running_loop().time() >= since

    async def _ask_postgres(self, ask: Ask, claim: Claim, bucket: int, token: bytes | None) -> None:
        (row,) = await self._ledger.rows("claim_used", ask.account_id, claim.key, float(self._seconds), bucket)
        if token is not None:
            now = asyncio.get_running_loop().time()
            self._sure[bucket] = token, now + self._seconds - row["epoch_seconds"]
        if row["request_id"] in {None, ask.request_id}:
            return
        if row["body_digest"] != claim.digest:
            raise RepeatedError(Repeat.MISMATCH, row["request_id"], account_id=ask.account_id)
        raise _used(ask, row["request_id"], row["charge"], replay=claim.replay and _same_caller(ask, claim, row))


def _entry(request_id: str, claim: Claim) -> str:
    return f"{request_id} {claim.digest}"


def _used(ask: Ask, request_id: str, charge: int, *, replay: bool = False) -> RepeatedError:
    return RepeatedError(
        Repeat.USED, request_id, account_id=ask.account_id, charge=charge, unit=ask.resource, replay=replay
    )


def _same_caller(ask: Ask, claim: Claim, row: Record) -> bool:
    """Return whether the first request was the same member's: nobody reads the answers of others."""
    return bool(row["key_id"] == claim.key_id or (ask.user_id and row["user_id"] == ask.user_id))
