"""What the auditor has: the upstream's log, the clients' log, the faults, and the tables by plain SQL."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from tests.faults.terms import LEASE_SECONDS, lines_of

PATIENCE_SECONDS = 4.0  # the gateway's own with a silent upstream, and a little
READ_SECONDS = 0.5  # what the upstream sent so long before a death had been read, if nothing was in the way
# What can keep bytes that the upstream has sent from a gateway that lives.
IMPAIR_LINK = ("cut", "down", "slow", "silent")
IMPAIR_UPSTREAM = ("kill_upstream", "freeze_upstream")
IMPAIR_GATEWAY = ("freeze_gateway", "freeze_gateway_long")


@dataclass(slots=True)
class Try:
    """One request as the upstream saw it; a stale connection can make two tries of one."""

    began: float
    prompt: int
    total: int
    last: float
    produced: int = 0
    steps: list[tuple[float, int]] = field(default_factory=list)
    ended: bool = False
    refused: bool = False

    def produced_until(self, moment: float) -> int:
        """Return the tokens that were on their way by then."""
        return sum(tokens for at, tokens in self.steps if at <= moment)


@dataclass(slots=True)
class Fault:
    """Something that was broken for a while."""

    kind: str
    target: str
    began: float
    ended: float
    lost_disk: bool


@dataclass(slots=True)
class Case:
    """One request: what the client got, what the upstream produced, what was charged."""

    told: dict[str, Any]
    tries: list[Try]
    events: list[dict[str, Any]]

    @property
    def produced(self) -> int:
        """The most that one try produced."""
        return max((attempt.produced for attempt in self.tries), default=0)

    @property
    def span(self) -> tuple[float, float]:
        """When it ran, as far as client and upstream know."""
        return self.told["began"], max([self.told["at"], *(attempt.last for attempt in self.tries)])


class Evidence:
    """All of it."""

    def __init__(self, folder: Path) -> None:
        self.tries: dict[str, list[Try]] = defaultdict(list)
        self._read_upstream(folder / "upstream.jsonl")
        self.told = {line["rid"]: line for line in lines_of(folder / "clients.jsonl")}
        self.admin = lines_of(folder / "admin.jsonl")
        self.faults = [
            Fault(line["e"], line["target"], line["began"], line["at"], line.get("lost_disk", False))
            for line in lines_of(folder / "faults.jsonl")
        ]
        self.tables: dict[str, list[dict[str, Any]]] = {}

    def _read_upstream(self, path: Path) -> None:
        by_id: dict[str, Try] = {}
        for line in lines_of(path):
            if line["e"] == "begin":
                by_id[line["id"]] = Try(line["at"], line["prompt"], line["total"], line["at"])
                self.tries[line["rid"]].append(by_id[line["id"]])
                continue
            attempt = by_id[line["id"]]
            attempt.last = line["at"]
            if line["e"] == "tokens":
                attempt.produced += line["n"]
                attempt.steps.append((line["at"], line["n"]))
            attempt.ended |= line["e"] == "end"
            attempt.refused |= line["e"] == "refused"

    async def read_tables(self, url: str) -> None:
        """Read what the ledger says."""
        connection = await asyncpg.connect(url)
        try:
            for table in ("events", "corrections", "entries", "packs", "account_resources"):
                rows = await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608 - our own names
                self.tables[table] = [dict(row) for row in rows]
        finally:
            await connection.close()

    def cases(self) -> list[Case]:
        """Return every request."""
        events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        corrections = {row["request_id"]: row for row in self.tables["corrections"]}
        for row in self.tables["events"]:
            events[row["session_id"]].append({**row, "correction": corrections.get(row["request_id"])})
        strangers = [Case({"rid": rid}, [], rows) for rid, rows in events.items() if rid not in self.told]
        return strangers + [Case(told, self.tries.get(rid, []), events[rid]) for rid, told in self.told.items()]

    def during(self, kinds: tuple[str, ...], target: str, began: float, ended: float) -> list[Fault]:
        """Return the faults of a target in a time."""
        return [
            fault
            for fault in self.faults
            if fault.kind in kinds and fault.target == target and fault.began <= ended and fault.ended >= began
        ]

    def impaired(self, case: Case) -> bool:
        """Whether something stood between what the upstream sent and a gateway that could read it."""
        began, ended = case.span
        began, ended, gateway = began - PATIENCE_SECONDS, ended + PATIENCE_SECONDS, case.told["gateway"]
        return bool(
            self.during(IMPAIR_LINK, f"{gateway}-upstream", began, ended)
            or self.during(IMPAIR_UPSTREAM, "upstream", began, ended)
            or self.during(IMPAIR_GATEWAY, gateway, began, ended)
        )

    def forgotten(self, event: dict[str, Any]) -> bool:
        """Whether Valkey lost its memory between a hold and its charge, and nobody could state the hold again.

        Its gateway was dead, or out of reach for so long that the barrier did not wait for it.
        """
        began, ended = event["reserved_at"].timestamp(), event["at"].timestamp()
        losses = self.during(("kill_valkey_empty", "kill_valkey_second"), "valkey", began, ended + 1)
        return any(event["source"] == "recovered" or self._out_of_reach(event, loss) for loss in losses)

    def _out_of_reach(self, event: dict[str, Any], loss: Fault) -> bool:
        """Whether the gateway of a request may have missed a barrier: it, or what tells others that it lives."""
        told = self.told.get(event["session_id"])
        if told is None:
            return False
        gateway, began, ended = told["gateway"], loss.began - LEASE_SECONDS, loss.ended + 2 * LEASE_SECONDS
        return bool(
            self.during((*IMPAIR_GATEWAY, "kill_gateway"), gateway, began, ended)
            or self.during(IMPAIR_LINK, f"{gateway}-valkey", began, ended)
            or self.during(IMPAIR_LINK, f"{gateway}-postgres", began, ended)
            or self.during(("kill_postgres", "freeze_postgres"), "postgres", began, ended)
        )

    def deaths(self, case: Case) -> list[Fault]:
        """Return the deaths of its gateway that may have hit it."""
        began, ended = case.span
        return self.during(("kill_gateway",), case.told["gateway"], began, ended + LEASE_SECONDS + PATIENCE_SECONDS)

    def read_at_least(self, case: Case) -> int:
        """Return tokens that its gateway had certainly read, and written down where they are found, when it died.

        Its journal has them before the client does. Where that was lost, Redis has what reached it in time.
        """
        received: int = case.told["received"]
        deaths = self.deaths(case)
        if not deaths:
            return received
        moment = min(death.began for death in deaths) - READ_SECONDS
        sent = max([0, *(attempt.produced_until(moment) for attempt in case.tries)])
        impaired = self.impaired(case)
        if any(death.lost_disk for death in deaths):
            return 0 if impaired or self._valkey_impaired(case) else sent
        return received if impaired else max(received, sent)

    def _valkey_impaired(self, case: Case) -> bool:
        began, ended = case.span[0] - PATIENCE_SECONDS, case.span[1]
        link = f"{case.told['gateway']}-valkey"
        return bool(
            self.during(IMPAIR_LINK, link, began, ended)
            or self.during(("kill_valkey", "freeze_valkey"), "valkey", began, ended)
        )
