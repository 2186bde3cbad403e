"""Limits in the model: how many requests may be open at once, by whom; what else is limited stands in nobody's way.

It counts all the same: after each step Redis compares its counters with its holds, and at the end of an example what it
believes to be spent is what the ledger has summed.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st

from metering.core.limits import TAGS, Limited, LimitSet, parse_limits
from metering.keys import keys_of

Rules = Mapping[str, int]
FAR = 10**12
COUNTED = {"requests_per_minute": FAR, "tokens_per_minute": FAR, "spend_per_day": FAR, "spend_per_month": FAR}
RULES: st.SearchStrategy[Rules] = st.sampled_from(
    [{}, {"a": 3, "u:u1": 2, "m:n": 1}, {"u:u1": 1, "u:u2": 4}, {"a": 100, "m:m": 2}]
)
"""Requests at once, by tag."""
_LIMITED = """
    INSERT INTO limits (account_id, scope, subject, limits) VALUES ($1, $2, $3, $4::text::jsonb)"""
_TERMS = "SELECT limits_of($1, 'UTC', $2, NULL, '{}')"
_SUMMED = """
    SELECT coalesce(sum(amount), 0)::bigint FROM spend_sums
     WHERE account_id = $1 AND scope = $2 AND subject = $3 AND day >= to_timestamp($4::bigint / 1000)::date"""


def tags_of(user: str, model: str) -> set[str]:
    """Return whom a request counts for."""
    return {"a", f"m:{model}"} | ({f"u:{user}"} if user else set())


def scope_of(tag: str) -> tuple[str, str]:
    """Return the scope and the subject of a tag."""
    return next(scope for scope, head in TAGS.items() if head[0] == tag[0]).value, tag[2:]


async def set_limits(connection: Any, account_id: str, rules: Rules) -> dict[str, LimitSet | None]:
    """Limit an account; return what requests have to obey, by their member."""
    for tag, at_once in rules.items():
        limits = msgspec.json.encode({**COUNTED, "concurrent_requests": at_once}).decode()
        await connection.execute(_LIMITED, account_id, *scope_of(tag), limits)
    texts = {user: await connection.fetchval(_TERMS, account_id, user) for user in ("u1", "u2", "")}
    return {user: text and parse_limits(text, "tokens") for user, text in texts.items()}


def limited(terms: LimitSet | None, scope: Mapping[str, str], want: int, least: int) -> Limited | None:
    """Return the limits of a request that counts a token for each token of its hold."""
    if terms is None:
        return None
    user = scope["user"] or None
    return Limited(limits=terms, model=scope["model"], user_id=user, want_tokens=want, least_tokens=least)


async def check_spend(store: Any, connection: Any, account_id: str) -> int:
    """Fail where Redis believes another sum to be spent than the ledger has; return how many it believes."""
    flat = await store.call(b"HGETALL", keys_of(account_id).limits)
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    believed = 0
    for name, packed in fields.items():
        tag = name.decode()
        if tag[0] != "$":
            continue
        version, *_, month, _, used = msgspec.msgpack.decode(packed)
        if version >= int(fields.get(b"v", 0)):
            assert used == await connection.fetchval(_SUMMED, account_id, *scope_of(tag[1:]), int(month)), tag
            believed += 1
    return believed
