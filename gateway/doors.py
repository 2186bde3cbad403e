"""The two doors of the line: one for applications, by keys alone; one for the playground, by keys or sessions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.auth import Principal

ENDPOINT = "chat/completions"
PLAYGROUND = "playground/chat"


class Asker(Protocol):
    """Tells who calls."""

    async def authenticate(self, headers: Mapping[str, str], peer: Callable[[], str | None]) -> Principal:
        """Return who calls. Raises ApiError (401, 403), LedgerDownError."""


@dataclass(frozen=True, slots=True)
class Door:
    """By which a chat comes: who tells whose it is, and what the ledger calls it."""

    callers: Asker
    endpoint: str
