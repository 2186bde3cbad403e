"""Answers about limits, as gateway/admin/limits.py puts them together."""

import msgspec

from metering.core.limits import Limit, Scope


class LimitUse(msgspec.Struct, kw_only=True):
    """How much of a limit is used; ``resets_at`` is null for requests at once, which end by themselves."""

    used: int
    remaining: int
    resets_at: str | None


class LimitSet(msgspec.Struct, kw_only=True):
    """The limits of an account, a member, a key or a model; ``usage`` is null while Redis can't tell."""

    scope: Scope
    subject: str | None
    limits: dict[Limit, int]
    usage: dict[Limit, LimitUse] | None


class LimitsReset(msgspec.Struct, kw_only=True):
    """The limits that begin to count anew."""

    scope: Scope
    subject: str | None
    reset: list[Limit]
