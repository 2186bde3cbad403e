"""SHELL: limits beside their counting: what Postgres knows of spend, and looks and resets of people.

What was spent in a day and a month is in Postgres (sql/functions/35_limits.sql). Redis adds up what is booked from
holds that it has; whatever else changes a sum, or turns a window, it asks for again: once, by the next request.
"""

from typing import NamedTuple

from asyncpg import Record

from metering.ask import Ask
from metering.core.limits import Limit, Scope, Windows, tag_of, whose
from metering.epochs import Epochs
from metering.errors import MeterUnavailableError
from metering.keys import AccountKeys, keys_of
from metering.ledger import Ledger
from metering.link import Reply
from metering.queries import query
from metering.stores import Store


class Counts(NamedTuple):
    """What counts for somebody now: of this minute, open, and spent or set aside in the day and the month."""

    requests: int
    tokens: int
    concurrent: int
    day: int
    month: int

    def of(self, limit: Limit) -> int:
        """Return what counts for a limit."""
        return self[list(Limit).index(limit)]


class Spends:
    """Supplies spend to Redis; reads and resets counters."""

    def __init__(self, ledger: Ledger, store: Store, epochs: Epochs) -> None:
        self._ledger = ledger
        self._store = store
        self._epochs = epochs

    async def supply(self, ask: Ask, now_ms: int) -> None:
        """Tell Redis what was spent by those whose limits the request must obey. Raises MeterUnavailableError.

        ``now_ms`` is Redis's clock, which decides in which day a request is.
        """
        assert ask.limited
        limits = ask.limited.limits
        tags = limits.spenders(ask.model, ask.user_id)
        if not tags:
            return
        # The lock keeps settlements away until Redis has it: what is booked next is added to it, and nothing twice.
        async with self._ledger.connection() as connection, connection.transaction():
            await connection.execute(query("spend_lock"), ask.account_id)
            rows = await connection.fetch(query("spend_used"), ask.account_id, now_ms, *_columns(tags))
            if not rows:
                raise MeterUnavailableError(f"no account {ask.account_id}")
            reply = await self._tell(keys_of(ask.account_id), tags, rows)
        limits.turn(Windows(*rows[0]["windows"]))
        if isinstance(reply, Exception) and not await self._store.reload(reply):
            raise MeterUnavailableError(str(reply))

    async def _tell(self, keys: AccountKeys, tags: list[str], rows: list[Record]) -> Reply:
        told = [part for tag, row in zip(tags, rows, strict=True) for part in (tag, row["day_used"], row["month_used"])]
        token = self._epochs.token(keys.bucket)
        return await self._store.script("spend", keys[1:], token, rows[0]["version"], *rows[0]["windows"], *told)

    async def counts(self, account_id: str, unit: str, tags: list[str], now_ms: int) -> tuple[Windows, list[Counts]]:
        """Return what counts for each tag, and the windows it is of. Raises MeterUnavailableError."""
        rows = await self._ledger.rows("spend_used", account_id, now_ms, *_columns(tags))
        keys, windows = keys_of(account_id), Windows(*rows[0]["windows"])
        for _ in range(2):
            token = self._epochs.token(keys.bucket)
            reply = await self._store.script("limits_state", keys[1:], token, unit, *windows, *tags)
            if type(reply) is list and reply[0] == 1:
                return windows, [
                    Counts(requests, tokens, at_once, row["day_used"] + day, row["month_used"] + month)
                    for (requests, tokens, at_once, day, month), row in zip(reply[2:], rows, strict=True)
                ]
            if not await self._store.reload(reply):
                break
        raise MeterUnavailableError("Redis can't say what counts for limits now")

    async def begin_again(self, account_id: str, tag: str, names: frozenset[Limit]) -> None:
        """Let the minute of a tag begin again; a Redis that does not answer has it end by itself."""
        keys = keys_of(account_id)
        flags = int(Limit.REQUESTS in names), int(Limit.TOKENS in names)
        for _ in range(2):
            reply = await self._store.script("limits_reset", keys[1:], self._epochs.token(keys.bucket), tag, *flags)
            if not await self._store.reload(reply):
                return


def _columns(tags: list[str]) -> tuple[list[str], list[str]]:
    """Return the scopes and the subjects of tags."""
    pairs = [whose(tag) for tag in tags]
    return [scope.value for scope, _ in pairs], [subject for _, subject in pairs]


def tags_for(pairs: list[tuple[str, str]]) -> list[str]:
    """Return the tags of scopes and subjects."""
    return [tag_of(Scope(scope), subject) for scope, subject in pairs]
