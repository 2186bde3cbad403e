"""Limits of requests, tokens and spend: what a request has to obey, and how a refusal reads.

A minute is one of the clock (UTC), a day and a month are those of the account's calendar. What counts, and which of the
limits stands in the way, is decided by ``reserve.lua`` (limits.lua says how it is kept); here is what it is asked.
"""

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

NO_WINDOWS = (0, 0, 0, 0)
UNLIMITED = b""
SECOND_MS, MINUTE_MS, HOUR_MS = 1000, 60_000, 3_600_000


class Limit(StrEnum):
    """What may be limited, in the order in which scripts are told."""

    REQUESTS = "requests_per_minute"
    TOKENS = "tokens_per_minute"
    CONCURRENT = "concurrent_requests"
    DAY = "spend_per_day"
    MONTH = "spend_per_month"


class Scope(StrEnum):
    """For whom a limit holds; the value of a tag's first letter is in TAGS."""

    ACCOUNT = "account"
    MEMBER = "member"
    KEY = "key"
    MODEL = "model"


TAGS = {Scope.ACCOUNT: "a", Scope.MEMBER: "u:", Scope.KEY: "k:", Scope.MODEL: "m:"}
SCOPES = {tag[0]: scope for scope, tag in TAGS.items()}
SPEND = frozenset({Limit.DAY, Limit.MONTH})


def tag_of(scope: Scope, subject: str) -> str:
    """Return the name under which Redis counts for somebody."""
    return TAGS[scope] + subject


def whose(tag: str) -> tuple[Scope, str]:
    """Return the scope and the subject of a tag; an account's subject is empty."""
    return SCOPES[tag[0]], tag[2:]


class Windows(NamedTuple):
    """The day and the month that a moment lies in, as the account's calendar has them: milliseconds, ends exclusive."""

    day: int
    day_end: int
    month: int
    month_end: int


class _Terms(msgspec.Struct, frozen=True):
    rules: list[tuple[str, dict[str, int]]]
    windows: Windows | None = None


class LimitSet:
    """What the requests of one key have to obey: made when the key's record is, packed once for each model."""

    __slots__ = ("_packed", "_rules", "unit", "windows")

    def __init__(self, rules: list[tuple[str, dict[str, int]]], windows: Windows | None, unit: str) -> None:
        """``rules``: limits by name, for each tag; ``unit`` is what spend is counted in."""
        self._rules = {tag: [limits.get(name, 0) for name in Limit] for tag, limits in rules}
        self._packed: dict[tuple[str, str], bytes] = {}
        self.unit = unit
        self.windows = windows

    def packed(self, model: str, user_id: str | None) -> bytes:
        """Return what ``reserve.lua`` is told for a model and a member; UNLIMITED where no limit holds."""
        place = (model if TAGS[Scope.MODEL] + model in self._rules else "", user_id or "")
        found = self._packed.get(place)
        if found is None:
            rules = self._of(*place)
            whole = (self.unit, *(self.windows or NO_WINDOWS), rules)
            found = self._packed[place] = msgspec.msgpack.encode(whole) if rules else UNLIMITED
        return found

    def spenders(self, model: str, user_id: str | None) -> list[str]:
        """Return the tags whose spend is limited."""
        return [tag for tag, *sizes in self._of(model, user_id or "") if sizes[3] or sizes[4]]

    def turn(self, windows: Windows) -> None:
        """Go on in another day or month."""
        self.windows = windows
        self._packed.clear()

    def _of(self, model: str, user_id: str) -> list[list[Any]]:
        strangers = {tag for tag in self._rules if tag[0] == "m" and tag[2:] != model}
        strangers |= {tag for tag in self._rules if tag[0] == "u" and tag[2:] != user_id}
        return [[tag, *sizes] for tag, sizes in self._rules.items() if tag not in strangers]


def parse_limits(text: str, unit: str) -> LimitSet:
    """Return limits from what ``limits_of`` says (metering/sql/functions/35_limits.sql)."""
    terms = msgspec.json.decode(text, type=_Terms)
    return LimitSet(terms.rules, terms.windows, unit)


class Limited(msgspec.Struct, frozen=True, gc=False):
    """One request under limits: the tokens of the amount that it wants held, and of the least that would do."""

    limits: LimitSet
    model: str
    user_id: str | None
    want_tokens: int
    least_tokens: int

    def packed(self) -> bytes:
        """Return the argument of ``reserve.lua``."""
        body = self.limits.packed(self.model, self.user_id)
        if not body:
            return UNLIMITED
        return b"\x93" + _pack(self.want_tokens) + _pack(self.least_tokens) + body


_pack = msgspec.msgpack.Encoder().encode


class Shown(NamedTuple):
    """What clients are shown of the tightest limits of a minute; None: there is no such limit."""

    requests: int | None
    requests_left: int
    tokens: int | None
    tokens_left: int
    reset_ms: int

    def headers(self) -> list[tuple[str, str]]:
        """Return OpenAI's headers of it."""
        reset = duration(self.reset_ms)
        found = []
        for name, size, left in (
            ("requests", self.requests, self.requests_left),
            ("tokens", self.tokens, self.tokens_left),
        ):
            if size is not None:
                found += [
                    (f"x-ratelimit-limit-{name}", str(size)),
                    (f"x-ratelimit-remaining-{name}", str(left)),
                    (f"x-ratelimit-reset-{name}", reset),
                ]
        return found


def shown_of(reply: list[int]) -> Shown:
    """Return what ``reserve.lua`` shows."""
    requests, requests_left, tokens, tokens_left, reset_ms = reply
    return Shown(
        None if requests < 0 else requests, requests_left, None if tokens < 0 else tokens, tokens_left, reset_ms
    )


class Wall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The limit that a request has met; ``resets_at_ms`` None: when something else ends, and nobody knows when."""

    scope: Scope
    subject: str
    limit: Limit
    size: int
    used: int
    requested: int
    resets_at_ms: int | None
    now_ms: int
    shown: Shown

    @property
    def hopeless(self) -> bool:
        """Whether the request alone is more than the limit: no waiting helps."""
        return self.requested > self.size

    @property
    def wait_ms(self) -> int:
        """How long until it may pass; a second where nobody knows."""
        return SECOND_MS if self.resets_at_ms is None else max(1, self.resets_at_ms - self.now_ms)

    @property
    def message(self) -> str:
        """What people are told."""
        who = "this account" if self.scope is Scope.ACCOUNT else f"this {self.scope.value}"
        if self.scope in {Scope.MODEL, Scope.MEMBER}:
            who = f"the {self.scope.value} {self.subject}"
        told = f"{self.limit.value} of {who} is {self.size}; {self.used} used, {self.requested} requested."
        if self.hopeless:
            return f"The request is too large: {told} Lower its completion limit, or send less."
        if self.resets_at_ms is None:
            return f"Too many requests at once: {told} Try again when one of them has ended."
        return f"Limit reached: {told} Try again in {duration(self.wait_ms)}."


def wall_of(reply: list[Any], now_ms: int) -> Wall:
    """Return the limit that ``reserve.lua`` says is in the way."""
    tag, name, size, used, requested, turns, shown = reply
    scope, subject = whose(tag.decode())
    return Wall(
        scope=scope,
        subject=subject,
        limit=Limit(name.decode()),
        size=size,
        used=used,
        requested=requested,
        resets_at_ms=turns or None,
        now_ms=now_ms,
        shown=shown_of(shown),
    )


def duration(milliseconds: int) -> str:
    """Return a duration as OpenAI writes it: 17ms, 8.64s, 6m0s, 31h0m5s."""
    if milliseconds < SECOND_MS:
        return f"{milliseconds}ms"
    hours, rest = divmod(milliseconds, HOUR_MS)
    minutes, rest = divmod(rest, MINUTE_MS)
    seconds = f"{rest // SECOND_MS}.{rest % SECOND_MS:03d}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
