"""The ledger's records as everybody sees them: fields, names and order of DESIGN 6.

Times are text (RFC 3339, UTC, microseconds), amounts integers in the unit of their resource. A record is made from a
row by position: the columns of sql/books.sql stand in the order of these fields.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Account(msgspec.Struct, frozen=True, gc=False):
    """Who pays. Null in a setting of the meter: the configuration decides."""

    id: str
    name: str
    email: str | None
    plan: str | None
    domain: str | None
    unit: str
    time_zone: str
    min_reserve: int | None
    warning_threshold: int | None
    floor: str | None
    clamp: str | None
    orphan: str | None
    status: str
    replay: bool
    created_at: str


class ApiKey(msgspec.Struct, frozen=True, gc=False):
    """An API key without its secret. ``role`` is the one that it acts with: its member's, where there is a row."""

    id: str
    account_id: str
    user_id: str | None
    name: str
    prefix: str
    role: str
    models: list[str] | None
    limits: Raw
    ip_ranges: list[str] | None
    expires_at: str | None
    previous_valid_until: str | None
    revoked_at: str | None
    last_used_at: str | None
    created_at: str
    feature: str | None


class NewApiKey(ApiKey, frozen=True, gc=False):
    """An API key with its secret: shown once."""

    key: str


class Member(msgspec.Struct, frozen=True, gc=False):
    """A person or an app inside an account."""

    id: str
    account_id: str
    user_id: str
    name: str
    email: str | None
    role: str
    status: str
    created_at: str


class Pack(msgspec.Struct, frozen=True, gc=False):
    """A lot of prepaid amounts. ``reserved`` is null while Redis can't tell what is held."""

    id: str
    account_id: str
    status: str
    size: int | None
    remaining: int | None
    reserved: int | None
    expires_at: str | None
    granted_at: str
    note: str
    priority: int
    user_id: str | None
    models: list[str] | None
    resource: str
    unlimited: bool


class Balance(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How an account stands in one resource; thresholds are the ones in force."""

    balance: int
    reserved: int
    available: int
    debt: int
    min_reserve: int
    warning_threshold: int
    state: str
    critical: bool
    active_packs: int
    unit: str
    resource: str
    unlimited: bool
    version: int


class Entry(msgspec.Struct, frozen=True, gc=False, rename={"book_from": "from", "book_to": "to"}):
    """One transfer between two books, of a ``resource``; ``delta`` is its signed effect on that resource's balance.

    ``type`` is its kind for people.
    """

    id: str
    account_id: str
    at: str
    kind: str
    amount: int
    delta: int
    book_from: str
    book_to: str
    version: int
    seq: int
    balance_after: int
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str | None
    service: str | None
    session_id: str | None
    reason: str | None
    pack_id: str | None
    request_id: str | None
    user_id: str | None
    source: str | None
    type: str
    resource: str


class Recovered(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What was booked for a dead gateway, before the exact count came."""

    charge: int
    prompt_tokens: int
    completion_tokens: int
    allocated_amount: int
    surplus_amount: int
    source: str
    corrected_at: str


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One request; a corrected one shows its exact numbers, and what was booked first in ``recovered``.

    Where input and output have rows of their own, ``io_type`` says which it is and ``amount`` its part of the charge.
    """

    request_id: str
    account_id: str
    at: str
    user_id: str | None
    key_id: str | None
    endpoint: str
    model: str
    provider: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    charge: int
    unit: str
    pool: str
    allocated_amount: int
    surplus_amount: int
    resource: str
    source: str
    counted_prompt_tokens: int
    counted_completion_tokens: int | None
    status: str
    session_id: str | None
    reason: str
    feature: str | None
    cost: int | None
    attempts: Raw
    duration_ms: int
    recovered: Recovered | UnsetType = UNSET
    io_type: str | UnsetType = UNSET
    amount: int | UnsetType = UNSET


class Refund(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What was given back; less than asked where less was left of the charge."""

    request_id: str
    account_id: str
    refunded: int
    version: int


class Page(msgspec.Struct, frozen=True, gc=False):
    """Rows of a list; where the last one stands if more follow; how many there are in all, if that was asked.

    A total is exact up to 10,000, beyond that it is 10,000 and not exact.
    """

    rows: list[Entry] | list[Event]
    after: tuple[Any, ...] | None
    total: int | None
    total_is_exact: bool

    @property
    def more(self) -> bool:
        """Whether more follow."""
        return self.after is not None


# What people call the kinds of entries. A repayment pays for usage that was booked as debt.
TYPES = {
    "grant": "Grant",
    "auto_grant": "Grant",
    "purchase": "Purchase",
    "usage": "Usage",
    "overdraft": "Usage",
    "repay": "Usage",
    "expire": "Expiry",
    "revoke": "Revoke",
    "refund": "Refund",
    "correction": "Correction",
}
