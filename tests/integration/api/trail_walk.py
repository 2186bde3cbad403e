"""Every write route of the two APIs, each with a request that changes something."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.api.asking import ADMIN, Api

# POSTs that change nothing: they look at the ledger, and answer what they saw.
READS = {("POST", "/admin/v1/audit"), ("POST", "/admin/v1/seals/verify"), ("POST", "/api/v1/playground/count")}
# What is metered leaves events and entries.
METERED = {
    ("POST", "/api/v1/playground/chat"),
    ("POST", "/api/v1/usage"),
    ("POST", "/api/v1/reservations"),
    ("POST", "/api/v1/reservations/{id}/settle"),
    ("POST", "/api/v1/reservations/{id}/release"),
}
# A plan, changed exactly as it was shown: its lines are in test_prices.py.
IMPORTS = {("POST", "/admin/v1/prices/import")}
# An admin's coming and going: its lines are in test_sessions.py.
SESSIONS = {("POST", "/api/v1/session"), ("DELETE", "/api/v1/session")}
FUTURE = {"size": 5, "period": "month", "starts_on": "2099-01-01"}  # a schedule that grants nothing yet


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to be changed, and an admin's key of the account."""

    account_id: str
    key_id: str
    pack_id: str
    request_id: str
    recurring_id: str
    boss_id: str
    boss: dict[str, str]


async def make_scene(api: Api) -> Scene:
    """Make an account that has one of everything."""
    account_id = await api.account()
    keys = f"/admin/v1/accounts/{account_id}/keys"
    key = await api.good("POST", keys, {"name": "k", "user_id": "u2"})
    boss = await api.good("POST", keys, {"role": "admin", "user_id": "boss"})
    await api.good("POST", f"/admin/v1/accounts/{account_id}/members", {"user_id": "u1"})
    pack = await api.pack(account_id, size=1000)
    await api.ask("POST", "/admin/v1/features", {"key": "ai_bots", "name": "AI Bots"})  # there may be one: of nobody
    recurring = await api.good("POST", f"/admin/v1/accounts/{account_id}/recurring", FUTURE)
    for scope in ({"scope": "account"}, {"scope": "member", "subject": "u2"}):
        body = {**scope, "limits": {"requests_per_minute": 9, "spend_per_month": 5000}}
        await api.good("PUT", f"/admin/v1/accounts/{account_id}/limits", body)
    request_id = await api.booking(account_id).charge(100)
    secret = {"Authorization": f"Bearer {boss['key']}"}
    return Scene(account_id, key["id"], pack["id"], request_id, recurring["id"], boss["id"], secret)


@dataclass(frozen=True, slots=True)
class Write:
    """A route, a request to it, and the action and object of its line."""

    method: str
    route: str
    body: Any
    action: str
    object: str

    def path(self, scene: Scene) -> str:
        """Return the route with the scene's ids in its places."""
        owner = self.route.removeprefix("/admin/v1/").removeprefix("/api/v1/").split("/")[0]
        ids = {
            "accounts": scene.account_id,
            "keys": scene.key_id,
            "packs": scene.pack_id,
            "recurring": scene.recurring_id,
        }
        return self.route.format(
            id=ids.get(owner), user_id="u1", request_id=scene.request_id, name="images", key="ai_bots"
        )

    def headers(self, scene: Scene) -> dict[str, str]:
        """Return who sends it: the platform's admin, or the account's."""
        return ADMIN if self.route.startswith("/admin/") else scene.boss


MEMBER_LIMITS = {"scope": "member", "subject": "u1", "limits": {"spend_per_day": 500}}
WRITES = [
    Write("POST", "/admin/v1/accounts", {"name": "new"}, "create", "account"),
    Write("PATCH", "/admin/v1/accounts/{id}", {"min_reserve": 7}, "change", "account"),
    Write("POST", "/admin/v1/accounts/{id}/members", {"user_id": "u3"}, "create", "member"),
    Write("PATCH", "/admin/v1/accounts/{id}/members/{user_id}", {"role": "admin"}, "change", "member"),
    Write("DELETE", "/admin/v1/accounts/{id}/members/{user_id}", None, "deactivate", "member"),
    Write("POST", "/admin/v1/accounts/{id}/keys", {"name": "second"}, "create", "key"),
    Write("PATCH", "/admin/v1/keys/{id}", {"name": "renamed"}, "change", "key"),
    Write("DELETE", "/admin/v1/keys/{id}", None, "revoke", "key"),
    Write("POST", "/admin/v1/keys/{id}/rotate", {"overlap_seconds": 60}, "rotate", "key"),
    Write("POST", "/admin/v1/accounts/{id}/packs", {"size": 50}, "grant", "pack"),
    Write("PATCH", "/admin/v1/packs/{id}", {"note": "changed"}, "change", "pack"),
    Write("POST", "/admin/v1/packs/{id}/revoke", None, "revoke", "pack"),
    Write("PATCH", "/admin/v1/accounts/{id}/resources/{name}", {"min_reserve": 5}, "create", "resource"),
    Write("POST", "/admin/v1/accounts/{id}/recurring", FUTURE, "create", "recurring"),
    Write("PATCH", "/admin/v1/recurring/{id}", {"size": 6}, "change", "recurring"),
    Write("DELETE", "/admin/v1/recurring/{id}", None, "delete", "recurring"),
    Write("POST", "/admin/v1/features", {"key": "search", "name": "Search"}, "create", "feature"),
    Write("PATCH", "/admin/v1/features/{key}", {"name": "Bots"}, "change", "feature"),
    Write("DELETE", "/admin/v1/features/{key}", None, "retire", "feature"),
    Write("POST", "/admin/v1/features/{key}/rates", {"rate": 2.5, "base": "word"}, "create", "rate"),
    Write("POST", "/admin/v1/prices", {"model": "m", "input": 1, "completion": 2}, "create", "price"),
    Write("POST", "/admin/v1/events/{request_id}/refund", {"amount": 10, "reason": "sorry"}, "refund", "event"),
    Write("POST", "/api/v1/members", {"user_id": "u3"}, "create", "member"),
    Write("PATCH", "/api/v1/members/{user_id}", {"name": "Uma"}, "change", "member"),
    Write("DELETE", "/api/v1/members/{user_id}", None, "deactivate", "member"),
    Write("POST", "/api/v1/keys", {"name": "second"}, "create", "key"),
    Write("PATCH", "/api/v1/keys/{id}", {"expires_at": "2099-01-01T00:00:00Z"}, "change", "key"),
    Write("POST", "/api/v1/keys/{id}/rotate", {}, "rotate", "key"),
    Write("DELETE", "/api/v1/keys/{id}", None, "revoke", "key"),
    Write("PUT", "/admin/v1/accounts/{id}/limits", MEMBER_LIMITS, "create", "limits"),
    Write("POST", "/admin/v1/accounts/{id}/limits/reset", {"scope": "account"}, "reset", "limits"),
    Write("PUT", "/api/v1/limits", MEMBER_LIMITS, "create", "limits"),
    Write("POST", "/api/v1/limits/reset", {"scope": "member", "subject": "u2"}, "reset", "limits"),
]
each_write: Callable[[Any], Any] = pytest.mark.parametrize(
    "write", WRITES, ids=lambda write: f"{write.method} {write.route}"
)
