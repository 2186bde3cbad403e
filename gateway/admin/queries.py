"""The parameters of each list and read, as they are described; gateway/admin/paging.py reads them.

tests/integration/api/test_matrix.py asks the gateway: each route takes exactly the names that stand here.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.admin.forms import NO_NUL, Model, Moment
from gateway.admin.paging import IO_TYPES, KINDS, KINDS_OF, LIMIT_DEFAULT, LIMIT_MAX, POOLS, TEXT_CHARS_MAX
from metering.books.order import ENTRY_LIST, EVENT_LIST
from metering.books.packs import STATUSES
from metering.books.series import GROUPS, INTERVALS, MEASURES
from metering.core.rates import AMOUNT_MAX

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many rows a page has at most.")]
Cursor = Annotated[str, Meta(description="The next_cursor of the page before; the other parameters stay as they were.")]
Id = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX, pattern=NO_NUL)]
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
Month = Annotated[str, Meta(pattern=r"\A(?!9999)[1-9][0-9]{3}-(0[1-9]|1[0-2])\Z", description="Such as 2026-11.")]
Anchor = Annotated[str, Meta(pattern=r"\A[1-9][0-9]{0,17}:[0-9a-fA-F]{64}\Z", description="A seal, as position:hash.")]
Total = Annotated[Literal["true", "false"], Meta(description="Whether to count all rows too.")]
# What points of usage may be grouped by, and how many there are at once by default.
USAGE_GROUPS = {"member": "user_id", "key": "key_id", "session": "session_id", **{name: name for name in GROUPS}}
USAGE_SORTS = tuple(sign + name for name in ("at", *MEASURES) for sign in ("-", ""))
POINTS_DEFAULT = 1000


def _sort(sorts: Sequence[str]) -> Meta:
    return Meta(description="The field to sort by; with - in front: descending.", extra_json_schema={"enum": [*sorts]})


EntrySort = Annotated[str, _sort(ENTRY_LIST.sorts)]
EventSort = Annotated[str, _sort(EVENT_LIST.sorts)]
UsageSort = Annotated[str, _sort(USAGE_SORTS)]
UsageGroup = Annotated[str, Meta(extra_json_schema={"enum": [*USAGE_GROUPS]})]
Interval = Annotated[str, Meta(extra_json_schema={"enum": [*INTERVALS]})]
IoType = Annotated[str, Meta(extra_json_schema={"enum": [*IO_TYPES]})]
Type = Annotated[str, Meta(extra_json_schema={"enum": [*KINDS_OF]})]
Status = Annotated[str, Meta(extra_json_schema={"enum": [*STATUSES]})]
Kind = Annotated[str, Meta(extra_json_schema={"enum": [*KINDS]})]
Pool = Annotated[str, Meta(extra_json_schema={"enum": [*POOLS]})]


class ListQuery(msgspec.Struct, kw_only=True):
    """Any list."""

    limit: Limit = LIMIT_DEFAULT
    cursor: Cursor | UnsetType = UNSET


class AccountsQuery(ListQuery, kw_only=True):
    """Accounts."""

    search: Annotated[Text, Meta(description="In the name or e-mail, or at the beginning of the id.")] | UnsetType = (
        UNSET
    )
    standing: Annotated[Literal["true", "false"], Meta(description="Whether to say how each stands.")] = "false"


class PacksQuery(ListQuery, kw_only=True):
    """Packs."""

    status: Status | UnsetType = UNSET


class PricesQuery(ListQuery, kw_only=True):
    """Prices."""

    model: Model | UnsetType = UNSET
    current: Annotated[Literal["true", "false"], Meta(description="Those in force only.")] = "false"


class LimitsQuery(ListQuery, kw_only=True):
    """Limits."""

    scope: Annotated[Literal["account", "member", "key", "model"], Meta(description="Of this kind.")] | UnsetType = (
        UNSET
    )
    subject: Annotated[str, Meta(description="A user_id, the id of a key, or the name of a model.")] | UnsetType = UNSET


class ModelQuery(msgspec.Struct, kw_only=True):
    """A rate."""

    model: Annotated[str, Meta(description="For this model; without it the rate of any.")] | UnsetType = UNSET


class SealsQuery(ListQuery, kw_only=True):
    """Seals."""

    account_id: Id | UnsetType = UNSET


class Filters(msgspec.Struct, kw_only=True, rename={"since": "from", "until": "to"}):
    """Which rows of the ledger, or events."""

    account_id: Id | UnsetType = UNSET
    user_id: list[Text] | UnsetType = UNSET
    since: Annotated[Moment, Meta(description="Inclusive.")] | UnsetType = UNSET
    until: Annotated[Moment, Meta(description="Exclusive.")] | UnsetType = UNSET
    model: Text | UnsetType = UNSET
    key_id: Id | UnsetType = UNSET
    session_id: Text | UnsetType = UNSET
    request_id: Id | UnsetType = UNSET
    pack_id: Id | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    type: Annotated[Type, Meta(description="The kind as people call it.")] | UnsetType = UNSET
    resource: Text | UnsetType = UNSET
    pool: Pool | UnsetType = UNSET
    feature: Text | UnsetType = UNSET
    endpoint: Text | UnsetType = UNSET
    min_amount: Amount | UnsetType = UNSET
    max_amount: Amount | UnsetType = UNSET


class EntriesFileQuery(Filters, kw_only=True, rename={"since": "from", "until": "to"}):
    """All entries of the ledger."""

    sort: EntrySort = "-at"


class EntriesQuery(EntriesFileQuery, kw_only=True, rename={"since": "from", "until": "to"}):
    """Entries of the ledger."""

    limit: Limit = LIMIT_DEFAULT
    cursor: Cursor | UnsetType = UNSET
    total: Total = "false"


class EventsFileQuery(Filters, kw_only=True, rename={"since": "from", "until": "to"}):
    """All events."""

    sort: EventSort = "-at"
    rows: Annotated[Literal["whole", "io"], Meta(description="io: a row of input and one of output each.")] = "whole"
    io_type: Annotated[IoType, Meta(description="With rows=io.")] | UnsetType = UNSET


class EventsQuery(EventsFileQuery, kw_only=True, rename={"since": "from", "until": "to"}):
    """Events."""

    limit: Limit = LIMIT_DEFAULT
    cursor: Cursor | UnsetType = UNSET
    total: Total = "false"


class UsageFileQuery(Filters, kw_only=True, rename={"since": "from", "until": "to"}):
    """All points of a series of usage."""

    interval: Interval = "day"
    group_by: Annotated[list[UsageGroup], Meta(description="Repeated, or with commas.")] | UnsetType = UNSET
    sort: UsageSort = "-at"


class UsageQuery(UsageFileQuery, kw_only=True, rename={"since": "from", "until": "to"}):
    """A series of usage."""

    limit: Limit = POINTS_DEFAULT
    cursor: Cursor | UnsetType = UNSET


class AccountUsageFileQuery(UsageFileQuery, kw_only=True, rename={"since": "from", "until": "to"}):
    """All points of a series of usage of an account."""

    account_id: Id


class AccountUsageQuery(UsageQuery, kw_only=True, rename={"since": "from", "until": "to"}):
    """A series of usage of an account."""

    account_id: Id


class TrailQuery(ListQuery, kw_only=True, rename={"since": "from", "until": "to"}):
    """Lines of the trail."""

    account_id: Id | UnsetType = UNSET
    since: Annotated[Moment, Meta(description="Inclusive.")] | UnsetType = UNSET
    until: Annotated[Moment, Meta(description="Exclusive.")] | UnsetType = UNSET
    actor: Annotated[Text, Meta(description="A fingerprint, a key's id, a user_id or a kind.")] | UnsetType = UNSET
    action: Text | UnsetType = UNSET
    object: Annotated[Text, Meta(description="A kind of object, or an id.")] | UnsetType = UNSET


class ResourceQuery(msgspec.Struct, kw_only=True):
    """A balance."""

    resource: Annotated[Text, Meta(description="Without it: the account's own unit.")] | UnsetType = UNSET


class AllocationsQuery(ResourceQuery, kw_only=True):
    """Allocations."""

    user_id: (
        Annotated[Text, Meta(description="Of this member; without it all that the caller may see.")] | UnsetType
    ) = UNSET


class SurplusQuery(ResourceQuery, kw_only=True, rename={"since": "from", "until": "to"}):
    """A series."""

    since: Annotated[Moment, Meta(description="Inclusive; seven days before the end.")] | UnsetType = UNSET
    until: Annotated[Moment, Meta(description="Exclusive; now.")] | UnsetType = UNSET
    step: Literal["hour", "day", "month"] = "day"


class MonthQuery(msgspec.Struct, kw_only=True):
    """Statements."""

    month: Month
    resource: Annotated[Text, Meta(description="Without it: each that the account ever had.")] | UnsetType = UNSET


class VerifyQuery(msgspec.Struct, kw_only=True):
    """A verification."""

    anchor: Annotated[list[Anchor], Meta(description="Seals that must still be there.")] | UnsetType = UNSET
    since: Annotated[Anchor, Meta(description="A seal that is believed, with all before it.")] | UnsetType = UNSET
