"""Cursors: where a list goes on, as text that only we read."""

import base64
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from gateway.errors import invalid
from metering.books.records import Entry, Event

Moment = Annotated[datetime, Meta(tz=True)]
Number = Annotated[int, Meta(ge=0, le=2**62)]


class IdPlace(msgspec.Struct, frozen=True, array_like=True, tag="id", forbid_unknown_fields=True):
    """A place in a list by id."""

    id: UUID


class EntryPlace(msgspec.Struct, frozen=True, array_like=True, tag="entry", forbid_unknown_fields=True):
    """A place in the ledger."""

    newest_first: bool
    at: Moment
    version: Number
    seq: Annotated[int, Meta(ge=0, lt=2**31)]
    account_id: UUID

    @property
    def key(self) -> tuple[Any, ...]:
        """The values that pages are ordered by."""
        return self.at, self.version, self.seq, self.account_id


class EventPlace(msgspec.Struct, frozen=True, array_like=True, tag="event", forbid_unknown_fields=True):
    """A place in the events."""

    newest_first: bool
    at: Moment
    request_id: UUID

    @property
    def key(self) -> tuple[Any, ...]:
        """The values that pages are ordered by."""
        return self.at, self.request_id


class SealPlace(msgspec.Struct, frozen=True, array_like=True, tag="seal", forbid_unknown_fields=True):
    """A place in the chain of seals."""

    position: Number


class TrailPlace(msgspec.Struct, frozen=True, array_like=True, tag="line", forbid_unknown_fields=True):
    """A place in the trail."""

    at: Moment
    id: UUID


class LimitPlace(msgspec.Struct, frozen=True, array_like=True, tag="limit", forbid_unknown_fields=True):
    """A place in the limits of an account."""

    scope: Annotated[str, Meta(max_length=16, pattern=r"\A[a-z]*\Z")]
    subject: Annotated[str, Meta(max_length=256, pattern=r"\A[^\x00]*\Z")]


Place = LimitPlace | IdPlace | EntryPlace | EventPlace | SealPlace | TrailPlace
P = TypeVar("P", bound=Place)


def place_of(row: Entry | Event, *, newest_first: bool) -> EntryPlace | EventPlace:
    """Return the place right behind a row."""
    at = datetime.fromisoformat(row.at)
    if isinstance(row, Entry):
        return EntryPlace(newest_first, at, row.version, row.seq, UUID(row.account_id))
    return EventPlace(newest_first, at, UUID(row.request_id))


def encode_cursor(place: Place) -> str:
    """Return a place as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def decode_cursor(text: str, kind: type[P]) -> P:
    """Return the place of a cursor. Raises ApiError (400): it is none of such a list."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        return msgspec.json.decode(data, type=kind)
    except (ValueError, msgspec.DecodeError) as error:  # base64 raises kinds of ValueError
        raise invalid("This cursor is none of this list; write the next_cursor of its last page.", "cursor") from error
