"""The independent auditor: it shares no code with the meter, and believes nobody but the upstream and the clients.

Each rule is one method; what breaks it is a violation that names the request. What the rules allow and an operator
wants to know all the same is counted: estimates, corrections, requests charged that the upstream never saw.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.evidence import Case, Evidence
from tests.faults.terms import HOLD_PER_USE_MAX, MARGIN_TOKENS, MODELS, price

SHOWN_MAX = 40
NEVER_HELD = {400, 401, 402, 403, 404, 429}


@dataclass(slots=True)
class Findings:
    """What one run has shown."""

    facts: dict[str, Any]
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether the books are right."""
        return not self.violations and not self.broken


async def audit(folder: Path, url: str, report: dict[str, Any], facts: dict[str, Any]) -> Findings:
    """Compare everything with everything."""
    evidence = Evidence(folder)
    await evidence.read_tables(url)
    auditor = Auditor(evidence, facts)
    for invariant in report["invariants"]:
        # Debt is judged below, by the same rule and what the ledger can't know: that Valkey forgot holds of the dead.
        if invariant["broken"] and invariant["name"] != "debts_explained":
            auditor.found.broken.append(f"{invariant['name']}: {invariant['rows'][:3]}")
    return auditor.judge()


class Auditor:
    """The rules."""

    def __init__(self, evidence: Evidence, facts: dict[str, Any]) -> None:
        self._evidence = evidence
        self.found = Findings(facts)

    def judge(self) -> Findings:
        """Return what was found."""
        for case in self._evidence.cases():
            self._case(case)
        self._accounts()
        self._grants()
        return self.found

    def _wrong(self, case: Case, text: str) -> None:
        told, tries = case.told, [(t.total, t.produced, t.ended) for t in case.tries]
        events = [
            {
                key: row[key]
                for key in (
                    "request_id",
                    "charge",
                    "reserved",
                    "source",
                    "status",
                    "prompt_tokens",
                    "completion_tokens",
                )
            }
            | {"correction": row["correction"] and (row["correction"]["delta"], row["correction"]["source"])}
            for row in case.events
        ]
        self.found.violations.append(
            f"{text}\n    client {told}\n    upstream (total, produced, ended) {tries}\n    ledger {events}"
        )

    def _case(self, case: Case) -> None:
        count = self.found.counts
        count["requests"] += 1
        if "began" not in case.told:
            self._wrong(case, "charged, and nobody asked for it")
            return
        count[f"answered {case.told['status']}"] += 1
        count["tokens produced"] += sum(attempt.produced for attempt in case.tries)
        count["tokens received"] += case.told["received"]
        if len(case.events) > 1:
            count["tokens charged twice"] += sum(row["charge"] for row in case.events[1:])
            self._wrong(case, "charged twice")
        if not case.events:
            self._not_charged(case)
            return
        (event, *_) = case.events
        if not final(event):
            count["released late"] += 1
            self._not_charged(case)
            return
        count["charged requests"] += 1
        count["charged"] += final(event)
        if case.told["status"] in NEVER_HELD:
            self._wrong(case, f"charged, and refused with {case.told['status']}")
        elif not case.tries:
            self._not_seen(case, event)
        elif (event["correction"] or event)["source"] == "recovered":
            self._estimated(case, event)
        else:
            self._exact(case, event)

    def _lost(self, case: Case, tokens: int, text: str) -> None:
        self.found.counts["tokens lost"] += tokens
        self._wrong(case, text)

    def _not_charged(self, case: Case) -> None:
        """Nothing was charged: then nothing was received, and nothing that a living gateway could have read."""
        told = case.told
        if told["done"] or told["received"]:
            self._lost(case, price(told["model"], told["prompt"], told["received"]), "received, and not charged")
        elif case.produced and self._evidence.impaired(case):
            self.found.counts["tokens never read, not charged"] += case.produced
        elif case.produced:
            self._lost(case, price(told["model"], told["prompt"], case.produced), "produced, and not charged")

    def _not_seen(self, case: Case, event: dict[str, Any]) -> None:
        """The upstream never saw it: its gateway had sent it off, then died, or its client left."""
        self.found.counts["charged, never seen by the upstream"] += 1
        self.found.counts["tokens charged, never seen by the upstream"] += final(event)
        prompt = price(case.told["model"], case.told["prompt"], 0)
        orphan = (event["correction"] or event)["source"] == "recovered" and self._evidence.deaths(case)
        left = event["status"] == "client_gone" and final(event) == prompt and not case.told["done"]
        if not (orphan or left) or final(event) > event["reserved"]:
            self._wrong(case, "charged, and never forwarded")

    def _exact(self, case: Case, event: dict[str, Any]) -> None:
        """Its gateway knew the usage, at once or in the end."""
        told, count = case.told, self.found.counts
        count["charged exactly"] += 1
        row = event["correction"] or event
        count["corrected"] += event["correction"] is not None
        count[f"ended {event['status']}"] += 1
        prompt, completion = row["prompt_tokens"], row["completion_tokens"]
        if row["source"] not in {"upstream", "tokenizer"} or prompt != told["prompt"]:
            self._wrong(case, f"charged by a wrong count: {row['source']}, prompt {prompt}")
        if final(event) != price(told["model"], prompt, completion):
            self._wrong(case, f"{final(event)} is not the price of {prompt} + {completion}")
        if told["charged"] is not None and told["charged"] != final(event):
            self._wrong(case, f"the client was told {told['charged']}, and pays {final(event)}")
        if (
            all(attempt.refused for attempt in case.tries)
            and event["status"] != "client_gone"
            and not event["correction"]
        ):
            self._wrong(case, "charged, and the upstream refused it")
        self._completion(case, event, completion)

    def _completion(self, case: Case, event: dict[str, Any], completion: int) -> None:
        """The tokens charged are those that the client received, or may have: as many as were read."""
        told = case.told
        ended = {attempt.total for attempt in case.tries if attempt.ended}
        if told["done"]:
            if completion != told["received"]:
                self._off(case, completion, told["received"], "completed, and not charged exactly")
            # Cut off at its hold; of one that was an orphan meanwhile the ledger no longer says so.
            if completion not in ended and event["status"] != "cut_off" and event["correction"] is None:
                self._wrong(case, "completed before the upstream was")
        elif event["status"] == "completed":
            if completion not in ended:
                self._off(case, completion, case.produced, "completed upstream, and not charged exactly")
        elif not told["received"] <= completion <= case.produced:
            bound = told["received"] if completion < told["received"] else case.produced
            self._off(case, completion, bound, f"charged {completion} tokens: not what was received and produced")

    def _off(self, case: Case, completion: int, right: int, text: str) -> None:
        if completion < right:
            self._lost(case, right - completion, text)
        else:
            self.found.counts["tokens over"] += completion - right
            self._wrong(case, text)

    def _estimated(self, case: Case, event: dict[str, Any]) -> None:
        """Its gateway died: the orphan rule, between what was read and the bound."""
        told, count, charge, reserved = case.told, self.found.counts, final(event), event["reserved"]
        count["charged by the orphan rule"] += 1
        count["estimated better by a late journal"] += event["correction"] is not None
        count["excess by the orphan rule"] += max(0, charge - price(told["model"], told["prompt"], case.produced))
        deaths = self._evidence.deaths(case)
        if not deaths:
            self._wrong(case, "recovered, and its gateway lived")
        if told["done"] and not any(death.lost_disk for death in deaths):
            self._wrong(case, "completed and its gateway's journal was there, yet charged by the orphan rule")
        most, least = self._bounds(case, reserved, self._held_at_most(case, event))
        if charge > most:
            count["tokens over"] += charge - most
            self._wrong(case, f"an orphan pays {charge}, above its bound {most}")
        if charge < least:
            self._lost(case, least - charge, f"an orphan pays {charge}, less than the {least} that were read")
        if reserved > price(told["model"], told["prompt"], told["limit"] or MODELS[told["model"]].longest):
            self._wrong(case, f"held {reserved}, more than it could ever use")

    @staticmethod
    def _held_at_most(case: Case, event: dict[str, Any]) -> int:
        """Return how large the hold may have been.

        A journal that turned up late knew of extensions that Valkey had forgotten: each doubled a hold of which
        three quarters were used.
        """
        told, reserved = case.told, int(event["reserved"])
        if event["correction"] is None or told["limit"] is not None:
            return reserved
        return max(reserved, price(told["model"], told["prompt"], case.produced) * HOLD_PER_USE_MAX // 3)

    def _bounds(self, case: Case, reserved: int, held: int) -> tuple[int, int]:
        """Return the most and the least that an orphan may pay; ``held``: its largest hold, not what was left of it."""
        told = case.told
        prompt, model = told["prompt"], told["model"]
        if told["orphan"] == "checkpoint":
            return min(held, price(model, prompt, case.produced)), min(reserved, price(model, prompt, 0))
        if told["orphan"] == "upper_bound" or not told["stream"]:
            return held, reserved
        least = min(reserved, price(model, prompt, self._evidence.read_at_least(case)))
        return min(held, price(model, prompt, case.produced + MARGIN_TOKENS)), least

    def _accounts(self) -> None:
        """No account used more than it was granted, but for debts of the kinds that the rules know."""
        tables, spent = self._evidence.tables, Counter[Any]()
        for event in tables["events"]:
            spent[event["account_id"]] += event["charge"]
        for row in tables["corrections"]:
            spent[row["account_id"]] += row["delta"]
        for account in {row["account_id"] for row in tables["packs"]}:
            packs = [row for row in tables["packs"] if row["account_id"] == account and not row["unlimited"]]
            debt = sum(row["debt"] for row in tables["account_resources"] if row["account_id"] == account)
            entries = [row for row in tables["entries"] if row["account_id"] == account]
            granted = sum(row["size"] for row in packs) + flow(entries, "issued", kind="auto_grant")
            gone = flow_into(entries, "expired") + flow_into(entries, "revoked")
            back = flow_into(entries, "issued")
            left = sum(row["remaining"] for row in packs)
            if granted - back - gone - spent[account] + debt != left:
                self.found.violations.append(
                    f"account {account}: {granted} granted - {back} taken back - {gone} gone - {spent[account]} spent"
                    f" + {debt} debt is not {left}"
                )
            self._debts(account, entries)

    def _debts(self, account: Any, entries: list[dict[str, Any]]) -> None:
        tables = self._evidence.tables
        booked = [row["amount"] for row in entries if row["kind"] == "overdraft"]
        allowed = sum(row["amount"] for row in entries if row["kind"] == "revoke")
        events = [row for row in tables["events"] if row["account_id"] == account]
        allowed += sum(max(0, row["charge"] - row["reserved"]) for row in events)
        allowed += sum(max(0, row["delta"]) for row in tables["corrections"] if row["account_id"] == account)
        counts = self.found.counts
        forgotten = sum(row["charge"] for row in events if self._evidence.forgotten(row))
        if allowed < sum(booked) <= allowed + forgotten:
            counts["debt by holds that Valkey forgot"] += sum(booked) - allowed
            allowed += forgotten
        counts["largest debt"] = max([counts["largest debt"], *booked])
        if sum(booked) > allowed:
            self.found.violations.append(
                f"account {account}: admitted {sum(booked)} beyond its balance, {allowed} is explained"
            )

    def _grants(self) -> None:
        """What an admin was told is what the ledger has."""
        packs = {str(row["pack_id"]): row for row in self._evidence.tables["packs"]}
        for line in self._evidence.admin:
            pack = packs.get(line["pack"])
            if pack is None or (line["e"] == "granted" and pack["size"] != line["size"]):
                self.found.violations.append(f"granted and acknowledged, but not in the ledger: {line}")
            elif line["e"] == "revoked" and pack["revoked_at"] is None:
                self.found.violations.append(f"revoked and acknowledged, but open: {line}")


def final(event: dict[str, Any]) -> int:
    """Return what a request pays in the end."""
    charge: int = event["charge"]
    return charge + (event["correction"]["delta"] if event["correction"] else 0)


def flow(entries: list[dict[str, Any]], book: str, *, kind: str) -> int:
    """Return what left a book by entries of a kind."""
    return sum(row["amount"] for row in entries if row["book_from"] == book and row["kind"] == kind)


def flow_into(entries: list[dict[str, Any]], book: str) -> int:
    """Return what went into a book."""
    return sum(row["amount"] for row in entries if row["book_to"] == book)
