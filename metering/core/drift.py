"""Where Redis differs from what it should be, field by field."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

REMAINING = 1  # place in a pack of a snapshot (metering/sql/functions/20_snapshot.sql)
PACK_FIELDS = ("remaining", "expires_ms", "user_id", "models", "resource")
COUNTER = re.compile(r"(\S+) is (\S+), holds say (-?\d+)")  # metering/lua/state.lua
WHOLE = "snapshot"

Value = str | int | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field; ``tokens`` is by how much an amount is wrong, 0 where it is no amount."""

    field: str
    redis: Value
    postgres: Value
    tokens: int = 0


def snapshot_differences(redis: bytes, postgres: str) -> list[Difference]:
    """Compare a snapshot that Redis has with the one of Postgres at the same version."""
    right: dict[str, Any] = msgspec.json.decode(postgres)
    try:
        wrong = msgspec.json.decode(redis, type=dict[str, Any])
        return [*_settings(wrong, right), *_debts(wrong["rs"], right["rs"]), *_packs(wrong["pk"], right["pk"])]
    except (msgspec.MsgspecError, LookupError, TypeError, AttributeError):
        return [Difference(field=WHOLE, redis=redis.decode(errors="replace"), postgres=postgres)]


def counter_differences(texts: Iterable[str]) -> list[Difference]:
    """Return what ``state.lua`` said of counters that are not what the holds say (the postgres side is theirs)."""
    found = []
    for text in texts:
        match = COUNTER.fullmatch(text)
        if match is None:
            found.append(Difference(field=text, redis=None, postgres=None))
            continue
        field, now, should = match[1], match[2], int(match[3])
        amount = abs(int(now) - should) if now.lstrip("-").isdigit() and field != "n" else 0
        found.append(Difference(field=field, redis=now, postgres=should, tokens=amount))
    return found


def _settings(wrong: dict[str, Any], right: dict[str, Any]) -> list[Difference]:
    names = {"st": "status", "fl": "floor", "mr": "min_reserve"}
    return [
        Difference(field=name, redis=wrong.get(short), postgres=right[short])
        for short, name in names.items()
        if wrong.get(short) != right[short]
    ]


def _debts(wrong: dict[str, int], right: dict[str, int]) -> list[Difference]:
    return [_amount(f"debt.{name}", wrong.get(name, 0), right.get(name, 0)) for name in _keys_that_differ(wrong, right)]


def _packs(wrong: list[list[Any]], right: list[list[Any]]) -> list[Difference]:
    here, there = ({pack[0]: pack for pack in packs} for packs in (wrong, right))
    found = []
    for pack_id in _keys_that_differ(here, there):
        if pack_id not in here or pack_id not in there:
            amounts = [packs[pack_id][REMAINING] if pack_id in packs else None for packs in (here, there)]
            size = max(0, *(amount or 0 for amount in amounts))
            found.append(Difference(field=f"pack.{pack_id}", redis=amounts[0], postgres=amounts[1], tokens=size))
            continue
        for place, name in enumerate(PACK_FIELDS, 1):
            one, other = here[pack_id][place], there[pack_id][place]
            if one != other:
                field = f"pack.{pack_id}.{name}"
                if name == "remaining":
                    found.append(_amount(field, one, other))
                else:
                    found.append(Difference(field=field, redis=str(one), postgres=str(other)))
    if not found and [pack[0] for pack in wrong] != [pack[0] for pack in right]:
        order = [" ".join(str(pack[0]) for pack in packs) for packs in (wrong, right)]
        found.append(Difference(field="packs.order", redis=order[0], postgres=order[1]))
    return found


def _amount(field: str, redis: int, postgres: int) -> Difference:
    return Difference(field=field, redis=redis, postgres=postgres, tokens=abs(redis - postgres))


def _keys_that_differ(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
