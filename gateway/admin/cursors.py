"""Cursors: where a list goes on, as text that only we read."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from gateway.errors import ApiError, invalid

Moment = Annotated[datetime, Meta(tz=True)]
Number = Annotated[int, Meta(ge=-(2**62), le=2**62)]


class IdPlace(msgspec.Struct, frozen=True, array_like=True, tag="id", forbid_unknown_fields=True):
    """A place in a list by id."""

    id: UUID


class RowPlace(msgspec.Struct, frozen=True, array_like=True, tag="row", forbid_unknown_fields=True):
    """A place in the ledger, the events or a series: the list, its order, and the values that it is ordered by."""

    of: str
    sort: str
    values: list[str | Number]


class SealPlace(msgspec.Struct, frozen=True, array_like=True, tag="seal", forbid_unknown_fields=True):
    """A place in the chain of seals."""

    position: Annotated[int, Meta(ge=0, le=2**62)]


class TrailPlace(msgspec.Struct, frozen=True, array_like=True, tag="line", forbid_unknown_fields=True):
    """A place in the trail."""

    at: Moment
    id: UUID


class LimitPlace(msgspec.Struct, frozen=True, array_like=True, tag="limit", forbid_unknown_fields=True):
    """A place in the limits of an account."""

    scope: Annotated[str, Meta(max_length=16, pattern=r"\A[a-z]*\Z")]
    subject: Annotated[str, Meta(max_length=256, pattern=r"\A[^\x00]*\Z")]


Place = LimitPlace | IdPlace | RowPlace | SealPlace | TrailPlace
P = TypeVar("P", bound=Place)


def row_place(of: str, sort: str, values: Sequence[Any]) -> RowPlace:
    """Return the place of a row; ids and moments become text."""
    return RowPlace(of, sort, [value if type(value) is int else _text(value) for value in values])


def _text(value: Any) -> str:  # noqa: ANN401 - a column's value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def values_of(place: RowPlace, casts: Sequence[str]) -> tuple[Any, ...]:
    """Return what a page goes on from, in the types of its columns. Raises ApiError (400)."""
    try:
        return tuple(_READ[cast](value) for value, cast in zip(place.values, casts, strict=True))
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise _refused() from error


def _number(largest: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:  # noqa: ANN401 - JSON
        if type(value) is not int or not -largest - 1 <= value <= largest:
            raise ValueError
        return value

    return read


def _moment(value: Any) -> datetime:  # noqa: ANN401 - JSON
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


def _word(value: Any) -> str:  # noqa: ANN401 - JSON
    if type(value) is not str or "\0" in value:
        raise ValueError
    return value


_READ: Mapping[str, Callable[[Any], Any]] = {
    "bigint": _number(2**63 - 1),
    "integer": _number(2**31 - 1),
    "text": _word,
    "uuid": lambda value: str(UUID(value)),
    "timestamptz": _moment,
}


def encode_cursor(place: Place) -> str:
    """Return a place as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def decode_cursor(text: str, kind: type[P]) -> P:
    """Return the place of a cursor. Raises ApiError (400): it is none of such a list."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        return msgspec.json.decode(data, type=kind)
    except (ValueError, msgspec.DecodeError) as error:  # base64 raises kinds of ValueError
        raise _refused() from error


def _refused() -> ApiError:
    return invalid("This cursor is none of this list; write the next_cursor of its last page.", "cursor")
