"""Queries of lists: filters, order, limit and cursor. What is unknown or malformed is a 400 naming it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from aiohttp import web
from multidict import MultiMapping

from gateway.admin.cursors import IdPlace, RowPlace, SealPlace, decode_cursor, encode_cursor, row_place, values_of
from gateway.errors import invalid, not_found
from metering.books.filters import Filters
from metering.books.order import ENTRY_LIST, EVENT_LIST, IO_LIST, List
from metering.books.records import TYPES, Page
from metering.core.rates import AMOUNT_MAX
from metering.core.statement import parse_month

LIMIT_DEFAULT = 25
LIMIT_MAX = 1000
TEXT_CHARS_MAX = 1000
KINDS = tuple(TYPES)
KINDS_OF = {name: tuple(kind for kind, of in TYPES.items() if of == name) for name in sorted(set(TYPES.values()))}
POOLS = ("allocated", "surplus", "hybrid")
IO_TYPES = ("input", "output")
LEDGER, EVENTS, IO_EVENTS = "ledger", "events", "io"
LISTS: Mapping[str, List] = {LEDGER: ENTRY_LIST, EVENTS: EVENT_LIST, IO_EVENTS: IO_LIST}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,16}")

Read = Callable[[str, str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsQuery:
    """What a page of the ledger or of the events is asked for; ``of`` is one of LISTS."""

    of: str
    filters: Filters
    limit: int
    sort: str
    after: tuple[Any, ...] | None
    total: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What a page of accounts, keys or packs is asked for; ``before`` is the id to go on from."""

    limit: int
    before: str | None
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealsQuery:
    """What a page of seals is asked for; ``before`` is the position to go on from."""

    limit: int
    before: int | None
    account_id: str | None


class HasId(Protocol):
    """A record with an id of its own."""

    @property
    def id(self) -> str:
        """The id, which the list is ordered by."""


R = TypeVar("R", bound=HasId)


def path_id(request: web.Request, what: str, name: str = "id") -> str:
    """Return an id of the path. Raises ApiError (404) for what can be none."""
    text = request.match_info[name]
    if not _UUID.fullmatch(text):
        raise not_found(what)
    return text.lower()


def rows_query(query: MultiMapping[str], of: str, *, paged: bool = True) -> RowsQuery:
    """Return what a query asks of the ledger or of the events; a file is not ``paged``. Raises ApiError (400)."""
    known = [*FILTERS, "rows"] if of == EVENTS else [*ROW_FILTERS]
    refuse_unknown(query, [*known, "sort", *(["limit", "cursor", "total"] if paged else [])])
    if of == EVENTS and (choice(("whole", "io"))(one_of(query, "rows", "whole"), "rows") == "io"):
        of = IO_EVENTS
    filters = filters_of(query)
    if filters.io_type is not None and of != IO_EVENTS:
        raise invalid("io_type is for rows of input and output; ask for /events?rows=io.", "io_type")
    sort = choice(LISTS[of].sorts)(one_of(query, "sort", "-at"), "sort")
    return RowsQuery(
        of=of,
        filters=filters,
        limit=limit_of(query),
        sort=sort,
        after=place_in(query, of, sort, LISTS[of].order(sort).casts),
        total=choice(("true", "false"))(one_of(query, "total", "false"), "total") == "true",
    )


def filters_of(query: MultiMapping[str]) -> Filters:
    """Return the filters that a query names. Raises ApiError (400)."""
    values: dict[str, Any] = {}
    for name, (field, read) in FILTERS.items():
        if name == "user_id" and name in query:
            values[field] = tuple(_text(one, name) for one in query.getall(name))
        elif name in query:
            value = read(one_of(query, name), name)
            if field == "kinds":  # kind and type may both be given
                value = tuple(kind for kind in value if kind in values.get(field, KINDS))
            values[field] = value
    return Filters(**values)


def place_in(query: MultiMapping[str], of: str, sort: str, casts: Sequence[str]) -> tuple[Any, ...] | None:
    """Return where a list goes on. Raises ApiError (400): not in this list, or not in this order."""
    if "cursor" not in query:
        return None
    place = decode_cursor(one_of(query, "cursor"), RowPlace)
    if (place.of, place.sort) != (of, sort):
        raise invalid("This cursor was made for another list or sort; keep the query as it was.", "cursor")
    return values_of(place, casts)


def list_query(query: MultiMapping[str], **others: Sequence[str]) -> ListQuery:
    """Return what a query asks of a plain list. ``others``: more parameters and their choices."""
    refuse_unknown(query, [*others, "limit", "cursor"])
    found = {name: choice(choices)(one_of(query, name), name) for name, choices in others.items() if name in query}
    place = decode_cursor(one_of(query, "cursor"), IdPlace) if "cursor" in query else None
    return ListQuery(limit=limit_of(query), before=str(place.id) if place else None, others=found)


def seals_query(query: MultiMapping[str]) -> SealsQuery:
    """Return what a query asks of the seals. Raises ApiError (400)."""
    refuse_unknown(query, ["account_id", "limit", "cursor"])
    account_id = _uuid(one_of(query, "account_id"), "account_id") if "account_id" in query else None
    place = decode_cursor(one_of(query, "cursor"), SealPlace) if "cursor" in query else None
    return SealsQuery(limit=limit_of(query), before=place.position if place else None, account_id=account_id)


def statement_query(query: MultiMapping[str]) -> tuple[date, str | None]:
    """Return the month of a statement, by its first day, and its resource (None: all). Raises ApiError (400)."""
    refuse_unknown(query, ["month", "resource"])
    try:
        month = parse_month(one_of(query, "month", ""))
    except ValueError as error:
        raise invalid(f"month is missing or not right; {error}.", "month") from error
    return month, _text(one_of(query, "resource"), "resource") if "resource" in query else None


def resource_of(query: MultiMapping[str]) -> str | None:
    """Return the resource that a balance is asked in, None for the account's own. Raises ApiError (400)."""
    refuse_unknown(query, ["resource"])
    return _text(one_of(query, "resource"), "resource") if "resource" in query else None


def rows_page(page: Page, asked: RowsQuery) -> dict[str, Any]:
    """Return a page of entries or events as it is answered."""
    cursor = encode_cursor(row_place(asked.of, asked.sort, page.after)) if page.after is not None else None
    answer = {"data": page.rows, "next_cursor": cursor}
    return answer if page.total is None else {**answer, "total": page.total, "total_is_exact": page.total_is_exact}


def list_page(records: Sequence[R], asked: ListQuery) -> dict[str, Any]:
    """Return a page of a plain list, of which one record more than asked for was read."""
    shown = records[: asked.limit]
    more = len(records) > asked.limit
    return {"data": shown, "next_cursor": encode_cursor(IdPlace(UUID(shown[-1].id))) if more else None}


def refuse_unknown(query: MultiMapping[str], known: Sequence[str]) -> None:
    """Raise ApiError (400) for a parameter that is not known."""
    for name in query:
        if name not in known:
            raise invalid(f"There is no parameter {name} here; there are {', '.join(known)}.", name)


def one_of(query: MultiMapping[str], name: str, default: str | None = None) -> str:
    """Return a parameter that stands once, or its default. Raises ApiError (400)."""
    values = query.getall(name, [default] if default is not None else [])
    if len(values) != 1:
        raise invalid(f"{name} stands here {len(values)} times; write it once.", name)
    return values[0]


def read_moment(text: str, name: str) -> datetime:
    """Return a time with its zone. Raises ApiError (400)."""
    return _moment(text, name)


def read_text(text: str, name: str) -> str:
    """Return a text that is neither empty nor too long. Raises ApiError (400)."""
    return _text(text, name)


def limit_of(query: MultiMapping[str], default: int = LIMIT_DEFAULT) -> int:
    """Return how many rows are asked for. Raises ApiError (400)."""
    text = one_of(query, "limit", str(default))
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= LIMIT_MAX:
        raise invalid(f"limit is not right; write an integer from 1 to {LIMIT_MAX}.", "limit")
    return int(text)


def _text(text: str, name: str) -> str:
    if not 1 <= len(text) <= TEXT_CHARS_MAX or "\0" in text:
        raise invalid(f"{name} is not right; write a text of 1 to {TEXT_CHARS_MAX} characters.", name)
    return text


def _uuid(text: str, name: str) -> str:
    if not _UUID.fullmatch(text):
        raise invalid(f"{name} is not right; write an id such as 0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3c.", name)
    return text.lower()


def _amount(text: str, name: str) -> int:
    if not _DIGITS.fullmatch(text) or int(text) > AMOUNT_MAX:
        raise invalid(f"{name} is not right; write an integer from 0 to {AMOUNT_MAX}.", name)
    return int(text)


def _moment(text: str, name: str) -> datetime:
    try:
        # A plus that was not encoded arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+")).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not re.search(r"T.*(Z|[+-]\d\d:?\d\d| \d\d:?\d\d)$", text, re.IGNORECASE):
        raise invalid(f"{name} is not right; write a time with its zone, such as 2027-01-31T00:00:00Z.", name)
    return moment


def choice(choices: Sequence[str]) -> Read:
    """Return what reads one of these words. It raises ApiError (400)."""

    def read(text: str, name: str) -> str:
        if text not in choices:
            raise invalid(f"{name} is not right; write one of {', '.join(choices)}.", name)
        return text

    return read


# The parameters of /ledger and /events: the filter each one is, and how its text is read.
FILTERS: Mapping[str, tuple[str, Read]] = {
    "account_id": ("account_id", _uuid),
    "user_id": ("user_ids", _text),
    "from": ("since", _moment),
    "to": ("until", _moment),
    "model": ("model", _text),
    "key_id": ("key_id", _uuid),
    "session_id": ("session_id", _text),
    "request_id": ("request_id", _uuid),
    "pack_id": ("pack_id", _uuid),
    "kind": ("kinds", lambda text, name: (choice(KINDS)(text, name),)),
    "type": ("kinds", lambda text, name: KINDS_OF[choice(tuple(KINDS_OF))(text, name)]),
    "resource": ("resource", _text),
    "pool": ("pool", choice(POOLS)),
    "io_type": ("io_type", choice(IO_TYPES)),
    "feature": ("feature", _text),
    "endpoint": ("endpoint", _text),
    "min_amount": ("min_amount", _amount),
    "max_amount": ("max_amount", _amount),
}
# Those of lists that have no rows of input and output.
ROW_FILTERS = tuple(name for name in FILTERS if name != "io_type")
