"""SHELL: answers that are kept to be given again: of models, where an account asks for it, and of the admin API."""

from dataclasses import dataclass

import msgspec

from config.settings import MeterSettings
from metering.ledger import Ledger

DELETE_MAX = 1000  # rows of one statement: it locks them and nothing else for a moment only


@dataclass(frozen=True, slots=True)
class KeptRow:
    """An answer to a model request."""

    request_id: str
    account_id: str
    status: int
    headers: dict[str, str]
    body: bytes


class Answers:
    """Keep, give, forget."""

    def __init__(self, ledger: Ledger, settings: MeterSettings) -> None:
        self._ledger = ledger
        self._settings = settings

    async def keep(self, row: KeptRow) -> None:
        """Keep an answer, unless its account has turned ``replay`` off meanwhile."""
        headers = msgspec.json.encode(row.headers).decode()
        await self._ledger.rows("answer_keep", row.request_id, row.account_id, row.status, headers, row.body)

    async def get(self, request_id: str, account_id: str) -> KeptRow | None:
        """Return an answer that was kept and is not too old."""
        seconds = float(self._settings.idempotency_seconds)
        rows = await self._ledger.rows("answer_get", request_id, account_id, seconds)
        if not rows:
            return None
        headers = msgspec.json.decode(rows[0]["headers"], type=dict[str, str])
        return KeptRow(request_id, account_id, rows[0]["status"], headers, rows[0]["body"])

    async def forget_old(self) -> int:
        """Forget what is older than the settings say; return how many rows went."""
        gone = 0
        for name, seconds in (
            ("answers_expire", self._settings.idempotency_seconds),
            ("writes_expire", self._settings.idempotency_admin_seconds),
        ):
            while count := int(await self._ledger.value(name, float(seconds), DELETE_MAX)):
                gone += count
        return gone
