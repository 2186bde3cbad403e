"""What a route takes and answers, declared right above its handler.

    @operation("adminCreateAccount", "Create an account", body=NewAccount, answer=Account, status=201)
    async def create_account(request: web.Request, deps: Deps) -> web.Response: ...

Who may call it, and whether it is a write, is said by the wrapper that sees to it (gateway/admin/serving.py), so the
document can't promise what is not enforced. The types of bodies are the ones that validate them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

ATTRIBUTE = "__operation__"
JSON = "application/json"
CSV = "text/csv"
F = TypeVar("F", bound=Callable[..., Any])


class Role(StrEnum):
    """Who may call a route; each is told from the others by the key that is sent."""

    ANYBODY = "anybody"
    MEMBER = "member"  # any key of an account; what it sees is a matter of its role
    ACCOUNT_ADMIN = "account_admin"
    PLATFORM_ADMIN = "platform_admin"
    SESSION = "session"  # whoever has one, of an account or of the platform
    SCRAPER = "scraper"  # anybody on this machine; from elsewhere a token


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One declared route.

    ``body`` and ``query`` are msgspec Structs, ``answer`` is any type that msgspec encodes; None: there is none, or it
    is no JSON but ``media``. ``refuses`` are statuses beside those that its role, path and kind bring along.
    ``streams``: it may answer with server-sent events instead. ``example`` is a body that the route takes as it is.
    ``status_again`` is the status for a repeated Idempotency-Key, where it is another one.
    ``repeatable``: it is no write of the books, and takes an Idempotency-Key all the same.
    """

    id: str
    summary: str
    details: str = ""
    body: type[msgspec.Struct] | None = None
    body_required: bool = True
    query: type[msgspec.Struct] | None = None
    answer: Any = None
    media: str = JSON
    status: int = 200
    status_again: int | None = None
    refuses: tuple[int, ...] = ()
    streams: bool = False
    example: dict[str, Any] | None = None
    role: Role = Role.ANYBODY
    writes: bool = False
    withheld: str | None = None
    repeatable: bool = False


def operation(operation_id: str, summary: str, **terms: Any) -> Callable[[F], F]:  # noqa: ANN401 - Operation's fields
    """Return a decorator that declares what a handler serves. ``terms`` are the other fields of Operation."""
    declared = Operation(id=operation_id, summary=summary, **terms)

    def declare(handler: F) -> F:
        setattr(handler, ATTRIBUTE, declared)
        return handler

    return declare


def operation_of(handler: object) -> Operation | None:
    """Return what a handler declares."""
    found = getattr(handler, ATTRIBUTE, None)
    assert found is None or isinstance(found, Operation)
    return found


def passed_on(served: F, handler: object, **terms: Any) -> F:  # noqa: ANN401 - Operation's fields
    """Return a wrapper of a handler with the handler's declaration, to which it adds what it sees to itself."""
    declared = operation_of(handler)
    if declared is not None:
        setattr(served, ATTRIBUTE, replace(declared, **terms))
    return served


@cache
def list_of(kind: type, *, total: bool = False) -> type[msgspec.Struct]:
    """Return the type of a page of records: ``{"data", "next_cursor"}``, and ``total`` where it may be asked for."""
    fields: list[Any] = [("data", list[kind]), ("next_cursor", str | None)]  # type: ignore[valid-type]  # it is a value
    if total:
        fields += [("total", int | UnsetType, UNSET), ("total_is_exact", bool | UnsetType, UNSET)]
    made = msgspec.defstruct(f"{kind.__name__}List", fields)
    made.__doc__ = "A page; ask for the next one with ``cursor``, until it is null."
    return made
