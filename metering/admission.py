"""SHELL: the moves of a hold on Redis.

Each method is one script call; replies are read here and nowhere else. A script that answers "another epoch" starts
the epoch's refresh; one that answers "load" loads the account from Postgres, once, however many wait.
"""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import hiredis
import msgspec

from config.settings import MeterSettings, ResourceSettings
from metering.ask import AccountView, Ask, Granted
from metering.claims import REPEATED, Claims
from metering.core.limits import shown_of
from metering.core.settlement import Reservation
from metering.epochs import Epochs
from metering.errors import BarrierError, MeterUnavailableError, RedisDownError
from metering.keys import deadlines_key, epoch_key, keys_of, packed_keys_of
from metering.ledger import AccountState, Ledger
from metering.packing import PackedScript, packed
from metering.refusals import SHOWN, refusal_of
from metering.reserve_call import ReserveCalls
from metering.scripts import load_scripts
from metering.spends import Spends
from metering.stores import Store

EPOCH, LOAD, SPEND = -1, -2, -7
LOAD_ATTEMPTS = 5
RENEW_MAX = 64


class Admission:
    """Reserve, extend, renew, finish, apply, release, announce."""

    def __init__(  # noqa: PLR0913, PLR0917 - what admission rests on
        self,
        store: Store,
        epochs: Epochs,
        ledger: Ledger,
        settings: MeterSettings,
        instance_id: str,
        resources: Mapping[str, ResourceSettings] = MappingProxyType({}),
    ) -> None:
        self._store = store
        self._epochs = epochs
        self._ledger = ledger
        self._settings = settings
        self._instance_id = instance_id
        self._lease_ms = int(settings.lease_seconds * 1000)
        self._loading: dict[str, asyncio.Task[None]] = {}
        # The two calls that every request makes, in the order of their ARGV.
        self._reserve = ReserveCalls(settings, instance_id, resources)
        self._finish_call = PackedScript(
            load_scripts()["finish"].digest, keys=5, layout=(4, packed(self._lease_ms), 1), constants=1
        )
        self.claims = Claims(store, ledger, settings)
        self.spends = Spends(ledger, store, epochs)

    def follow(self, settings: MeterSettings, resources: Mapping[str, ResourceSettings]) -> None:
        """Admit by other defaults of accounts from now on."""
        self._settings = settings
        self._reserve = ReserveCalls(settings, self._instance_id, resources)

    async def reserve(self, ask: Ask) -> Granted:
        """Hold what a request may cost. Raises RefusedError, RepeatedError, MeterUnavailableError.

        After MeterUnavailableError or a cancellation the outcome is unknown: the caller releases the id.
        """
        keys = keys_of(ask.account_id)
        free = ""  # what stands under the Idempotency-Key, and holds it no longer
        for _ in range(LOAD_ATTEMPTS):
            token = self._epochs.open_token(keys.bucket) or await self._epochs.wait_open(keys.bucket)
            if ask.claim is None:
                reply = await self._store.write(keys.bucket, self._reserve.command(token, ask))
            else:
                names, claimed = await self.claims.arguments(ask, ask.claim, keys, token, free)
                reply = await self._store.script("reserve", names, *self._reserve.arguments(token, ask), *claimed)
            if type(reply) is list:
                code = reply[0]
                if code == 1:
                    reservation = Reservation(reply[1], reply[4], _split(reply[7]))
                    shown = shown_of(reply[9]) if ask.limited is not None and len(reply) > SHOWN else None
                    return Granted(reservation, reply[2] - reply[3], shown)
                if code == REPEATED and ask.claim is not None:
                    free = await self.claims.freed(ask, ask.claim, reply)
                    continue
                if code == SPEND:
                    await self.spends.supply(ask, reply[1])
                    continue
                if code not in {EPOCH, LOAD}:
                    raise refusal_of(ask, reply)
            await self._again(reply, ask.account_id)
        raise MeterUnavailableError("the account could not be loaded")

    async def extend(
        self, account_id: str, request_id: str, *, want: int, least: int, tokens: int = 0
    ) -> Reservation | None:
        """Grow a hold to ``want``, or down to ``least``; None when refused. Raises MeterUnavailableError.

        ``tokens``: those of ``want``, where they count for limits.
        """
        keys = keys_of(account_id)
        for _ in range(LOAD_ATTEMPTS):
            token = self._epochs.open_token(keys.bucket) or await self._epochs.wait_open(keys.bucket)
            reply = await self._store.script(
                "extend",
                keys[1:],
                token,
                request_id,
                want,
                least,
                self._settings.min_reserve,
                self._settings.floor,
                tokens,
            )
            if type(reply) is list and reply[0] not in {EPOCH, LOAD}:
                return Reservation(reply[1], 0, _split(reply[2])) if reply[0] == 1 else None
            await self._again(reply, account_id)
        raise MeterUnavailableError("the account could not be loaded")

    def renew(self, bucket: int, holds: Sequence[tuple[str, str, int]]) -> "asyncio.Future[Any]":
        """Prolong holds of one bucket: (account id, request id, progress), at most 64.

        The future's result is a list: 1 and the places (from 1) of holds that are gone; anything else changed nothing.
        """
        keys = (
            epoch_key(bucket),
            deadlines_key(bucket),
            *(keys_of(account).holds for account, _, _ in holds),
        )
        arguments = [part for hold in holds for part in hold]
        return self._store.script("renew", keys, self._epochs.token(bucket), self._lease_ms, *arguments)

    def finish(self, account_id: str, request_id: str, *, charge: int, settlement: bytes) -> "asyncio.Future[Any]":
        """Turn a hold into the outbox of its settlement. The outcome changes nothing that the ledger decides."""
        bucket = keys_of(account_id).bucket
        token = self._epochs.token(bucket)
        account, request, amount = account_id.encode(), request_id.encode(), b"%d" % charge
        return self._store.write(
            bucket,
            self._finish_call(
                packed_keys_of(account_id),
                *(len(token), token, len(account), account, len(request), request, len(amount), amount),
                *(len(settlement), settlement),
            ),
        )

    async def apply(self, state: AccountState, request_ids: Sequence[str], *, sure: bool = False) -> None:
        """Drop holds that are booked and hand the snapshot over. Raises MeterUnavailableError: call again.

        ``sure``: each was booked in this version, once and for the first time.
        """
        keys = keys_of(state.account_id)
        reply = await self._store.script(
            "apply",
            keys[1:],
            self._epochs.token(keys.bucket),
            state.account_id,
            state.version,
            state.snapshot,
            int(sure),
            *request_ids,
        )
        if type(reply) is not list or reply[0] != 1:
            await self._again(reply, state.account_id)
            raise MeterUnavailableError("apply must be called again")

    async def release(self, account_id: str, request_id: str) -> bool:
        """Give a hold back that was never forwarded; return whether there was one.

        Raises MeterUnavailableError: call again.
        """
        keys = keys_of(account_id)
        reply = await self._store.script(
            "release", keys[1:], self._epochs.token(keys.bucket), account_id, request_id, self._lease_ms
        )
        if type(reply) is not list or reply[0] == EPOCH:
            await self._again(reply, account_id)
            raise MeterUnavailableError("release must be called again")
        return bool(reply[0])

    async def announce(  # noqa: PLR0913 - a hold has that many fields
        self,
        ask: Ask,
        reservation: Reservation,
        *,
        state: str,
        amount: int,
        progress: int,
        facts: bytes,
    ) -> None:
        """State a hold again after Redis lost its memory. Raises MeterUnavailableError."""
        keys = keys_of(ask.account_id)
        reply = await self._store.script(
            "announce",
            keys[1:],
            self._epochs.token(keys.bucket),
            ask.account_id,
            ask.request_id,
            self._lease_ms,
            state,
            amount,
            reservation.reserved_at,
            self._instance_id,
            ask.resource,
            ask.user_id,
            ask.model,
            msgspec.json.encode(reservation.split),
            progress,
            facts,
        )
        if type(reply) is not list:
            raise RedisDownError(str(reply))
        if reply[0] == EPOCH:
            self._epochs.doubt(keys.bucket)
            raise BarrierError("announce must be called again")

    async def view(self, account_id: str, resource: str, *, compare: bool = False) -> AccountView:
        """Return an account as Redis sees it. Raises MeterUnavailableError."""
        keys = keys_of(account_id)
        for _ in range(LOAD_ATTEMPTS):
            reply = await self._store.script(
                "state", keys[1:], self._epochs.token(keys.bucket), account_id, resource, int(compare)
            )
            if type(reply) is list and reply[0] == 1:
                _, version, balance, reserved, holds, unsettled, wrong = reply
                differences = [text.decode() for text in wrong]
                return AccountView(version, balance, reserved, holds, unsettled, differences)
            await self._again(reply, account_id)
        raise MeterUnavailableError("the account could not be loaded")

    async def load(self, account_id: str) -> None:
        """Take an account's newest state into Redis; one load at a time, however many wait."""
        task = self._loading.get(account_id)
        if task is None:
            task = asyncio.create_task(self._load(account_id), name=f"load-{account_id}")
            self._loading[account_id] = task
            task.add_done_callback(lambda _: self._loading.pop(account_id, None))
        await asyncio.shield(task)

    async def _load(self, account_id: str) -> None:
        keys = keys_of(account_id)
        for _ in range(LOAD_ATTEMPTS):
            state = await self._ledger.state(account_id)
            if state is None:
                raise MeterUnavailableError(f"no account {account_id}")
            reply = await self._store.script(
                "load", keys[1:], self._epochs.token(keys.bucket), state.version, state.snapshot
            )
            if type(reply) is list and reply[0] in {0, 1}:
                return
            if type(reply) is not list or reply[0] != LOAD:
                await self._again(reply, account_id)
        raise MeterUnavailableError("the account could not be loaded")

    async def _again(self, reply: Any, account_id: str) -> None:  # noqa: ANN401 - any reply
        """Make ready to call again, or raise MeterUnavailableError."""
        if type(reply) is list:
            if reply[0] == EPOCH:
                await self._epochs.lost()
            elif reply[0] == LOAD:
                await self.load(account_id)
        elif isinstance(reply, MeterUnavailableError):
            raise reply
        elif not await self._store.reload(reply):
            message = str(reply) if isinstance(reply, hiredis.ReplyError) else f"unexpected reply {reply!r}"
            raise RedisDownError(message)


def _split(flat: list[Any]) -> list[str | int]:
    return [part.decode() if type(part) is bytes else part for part in flat]
