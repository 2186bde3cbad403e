"""What a field of a name is wherever it stands in an answer: its format or its words, and an example.

Records are made from rows by position and typed as text; what DESIGN says of ids, times and words is said here.
``Schema.field`` goes before ``field``. A field that is not here gets an example by its type.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

ID: Final = "0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3c"
TIME: Final = "2026-11-21T09:30:00.000000Z"
SEAL: Final = "12:" + "5f" * 32


def _id() -> Schema:
    return {"format": "uuid", "examples": [ID]}


def _time(example: str = TIME) -> Schema:
    return {"format": "date-time", "examples": [example]}


def _words(*words: str) -> Schema:
    return {"enum": list(words), "examples": [words[0]]}


def _example(value: object) -> Schema:
    return {"examples": [value]}


def _object() -> Schema:
    return {"anyOf": [{"type": "object"}, {"type": "null"}], "examples": [None]}


# A model that failed before another one answered; stored as it is shown.
ATTEMPT: Final[Schema] = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("model", "provider", "error")},
    "required": ["model", "provider", "error"],
    "additionalProperties": False,
}
LIMITS: Final[Schema] = {"anyOf": [{"$ref": "#/components/schemas/Limits"}, {"type": "null"}], "examples": [None]}

WORDS: Final[Mapping[str, Schema]] = {
    # ids
    "id": _id(),
    "Model.id": _example("simulated"),
    "ChatCompletion.id": _example("chatcmpl-1"),
    "account_id": _id(),
    "key_id": _id(),
    "pack_id": _id(),
    "request_id": _id(),
    # times
    "at": _time(),
    "created_at": _time(),
    "granted_at": _time(),
    "expires_at": _time("2099-12-31T00:00:00.000000Z"),
    "previous_valid_until": _time(),
    "revoked_at": _time(),
    "last_used_at": _time(),
    "checked_at": _time(),
    "sealed_at": _time(),
    "corrected_at": _time(),
    "next_expiry": _time(),
    "resets_at": _time(),
    "Statement.from": _time("2026-11-01T00:00:00.000000Z"),
    "Statement.to": _time("2026-12-01T00:00:00.000000Z"),
    "first_day": {"format": "date", "examples": ["2026-11-21"]},
    "last_day": {"format": "date", "examples": ["2026-11-21"]},
    "next_at": _time(),
    "reserved_at": _time(),
    "last_updated": _time(),
    "Proof.at": _time(),
    "RecoveredRequests.last_at": _time(),
    "AccountListed.unit": _words("tokens", "credits"),
    "AccountListed.status": _words("active", "suspended"),
    "AccountShown.since": _time(),
    "AccountShown.unit": _words("tokens", "credits"),
    "AccountShown.status": _words("active", "suspended"),
    "Point.period": _example("2026-11-21"),
    "UsageSeries.from": _time("2026-11-14T09:00:00.000000Z"),
    "UsageSeries.to": _time("2026-11-21T10:00:00.000000Z"),
    "instance_id": _id(),
    "closed_at": _time(),
    "retired_at": _time(),
    "valid_from": _time(),
    "updated_at": _time(),
    "Estimate.since": _time(),
    "Surplus.from": _time("2026-11-01T00:00:00.000000Z"),
    "Surplus.to": _time("2026-12-01T00:00:00.000000Z"),
    "SurplusStep.from": _time("2026-11-01T00:00:00.000000Z"),
    "SurplusStep.to": _time("2026-12-01T00:00:00.000000Z"),
    "starts_on": {"format": "date", "examples": ["2099-01-01"]},
    "ends_on": {"format": "date", "examples": [None]},
    "last_pack_id": _id(),
    # words
    "RecurringPack.period": _words("month", "week", "day"),
    "Surplus.step": _words("day", "hour", "month"),
    "ReservationRecord.status": _words("open", "settled", "released", "expired"),
    "on_expiry": _words("release", "settle"),
    "base": _words("unit", "word", "character", "token"),
    "Account.unit": _words("tokens", "credits"),
    "Session.role": _words("platform_admin", "account_admin", "member"),
    "SessionAccount.unit": _words("tokens", "credits"),
    "SignIn.key": _example("fbx_the-secret-itself-of-43-characters"),
    "role": _words("member", "admin"),
    "floor": _words("cross", "keep"),
    "clamp": _words("unset", "never", "always"),
    "orphan": _words("bounded", "upper_bound", "checkpoint"),
    "state": _words("normal", "running_low", "stopped"),
    "io_type": _words("input", "output"),
    "Entry.type": _words("Usage", "Purchase", "Refund", "Grant", "Expiry", "Revoke", "Correction"),
    "Hold.state": _words("open", "settling"),
    "interval": _words("day", "hour", "month", "all"),
    "pool": _words("surplus", "allocated", "hybrid"),
    "Entry.source": _words("upstream", "tokenizer", "recovered", "policy"),
    "Event.source": _words("upstream", "tokenizer", "recovered", "policy"),
    "Recovered.source": _words("recovered"),
    "Account.status": _words("active", "suspended"),
    "Member.status": _words("active", "deactivated"),
    "Pack.status": _words("active", "depleted", "expired", "revoked"),
    "actor_kind": _words("platform_admin", "account_admin", "member", "server", "database"),
    "via": _words("api", "cli", "server", "database"),
    "Alive.status": _words("ok"),
    "Ready.status": _words("ok"),
    "Finding.what": _words("entry", "seal"),
    # texts, by what they look like
    "name": _example("Acme"),
    "email": _example("ada@example.com"),
    "plan": _example("team"),
    "domain": _example("example.com"),
    "time_zone": _example("Europe/Berlin"),
    "user_id": _example("ada"),
    "feature": _example(None),
    "rate": _example(2.5),
    "prompt_rate": _example(None),
    "note": _example("invoice 4711"),
    "resource": _example("tokens"),
    "unit": _example("tokens"),
    "prefix": _example("fbx_2mS9QzXa"),
    # Null in the answer to a repeated Idempotency-Key: the secret is stored nowhere.
    "FeatureRow.key": _example("search"),
    "Feature.key": _example("search"),
    "NewApiKey.key": {"type": ["string", "null"], "examples": ["fbx_the-secret-itself-of-43-characters"]},
    "models": _example(["simulated"]),
    "ip_ranges": _example(["203.0.113.0/24"]),
    "model": _example("simulated"),
    "provider": _example("simulated"),
    "endpoint": _example("chat/completions"),
    "service": _example("chat/completions"),
    "reason": _example("chat/completions"),
    "Message.role": _example("user"),
    "RefundOrder.reason": _example("the answer was cut short"),
    "session_id": _example("s-1"),
    "kind": _example("usage"),
    "month": _example("2026-11"),
    "head": _example(SEAL),
    "Entry.from": _example(f"pack:{ID}"),
    "Entry.to": _example("usage"),
    "next_cursor": _example(None),
    "action": _example("change"),
    "Line.object": _example("pack"),
    "actor": _example("0123456789ab"),
    # what is JSON of its own
    "ApiKey.limits": LIMITS,
    "NewApiKey.limits": LIMITS,
    "NewKey.limits": _example({"requests_per_minute": 60}),
    "KeyPatch.limits": _example({"requests_per_minute": 60}),
    "before": _object(),
    "after": _object(),
    "attempts": {"type": "array", "items": ATTEMPT, "examples": [[]]},
    "sums": {"type": "array", "items": {"type": "array"}, "examples": [[["tokens", "usage", 2, 120, -120]]]},
    # amounts
    "size": _example(1_000_000),
    "remaining": _example(999_880),
    "priority": _example(50),
    "unlimited": _example(False),
    "critical": _example(False),
    "overlap_seconds": _example(3600),
    "RefundOrder.amount": _example(10),
    "EntriesQuery.user_id": _example(["ada"]),
    "EntriesFileQuery.user_id": _example(["ada"]),
    "EventsQuery.user_id": _example(["ada"]),
    "EventsFileQuery.user_id": _example(["ada"]),
    "UsageQuery.user_id": _example(["ada"]),
    "UsageFileQuery.user_id": _example(["ada"]),
    "AccountUsageQuery.user_id": _example(["ada"]),
    "AccountUsageFileQuery.user_id": _example(["ada"]),
    "UsageSeries.group_by": _example(["model"]),
}
