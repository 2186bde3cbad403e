"""Who may do what: callers, an account that has one of everything, and a request to each route."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum

from gateway.admin.recurring import A_MONTHLY_PACK
from gateway.openapi.document import Served
from gateway.openapi.operation import Role
from metering.ids import new_id
from tests.integration.api.asking import ADMIN, Api

Headers = dict[str, str]


class Caller(StrEnum):
    """What kind of key is sent; those that are good for nothing belonged to an admin of the account."""

    NOBODY = "no key"
    STRANGER = "a key that nobody made"
    REVOKED = "a revoked key"
    EXPIRED = "an expired key"
    DEACTIVATED = "a deactivated member's key"
    MEMBER = "a member's key"
    ACCOUNT_ADMIN = "an account admin's key"
    PLATFORM_ADMIN = "the admin key"


class Target(StrEnum):
    """Whose thing the path names, where it names one."""

    OWN = "own"
    COLLEAGUES = "a colleague's"
    FOREIGN = "another account's"
    NOBODYS = "nobody's"


ALLOWED: Mapping[Role, set[Caller]] = {
    Role.ANYBODY: set(Caller),
    Role.SCRAPER: set(Caller),  # the tests call from loopback
    Role.MEMBER: {Caller.MEMBER, Caller.ACCOUNT_ADMIN},
    Role.ACCOUNT_ADMIN: {Caller.ACCOUNT_ADMIN},
    Role.PLATFORM_ADMIN: {Caller.PLATFORM_ADMIN},
    Role.SESSION: set(),  # no key is one; test_sessions.py
}


def expected_status(route: Served, caller: Caller, target: Target) -> int:
    """Return what the declaration of a route promises: this is the whole rule of who may do what."""
    role = route.operation.role
    if caller not in ALLOWED[role]:
        return 403 if role is Role.ACCOUNT_ADMIN and caller is Caller.MEMBER else 401
    theirs = {
        Caller.PLATFORM_ADMIN: {Target.OWN, Target.COLLEAGUES, Target.FOREIGN},
        Caller.ACCOUNT_ADMIN: {Target.OWN, Target.COLLEAGUES},
    }.get(caller, {Target.OWN})
    return route.operation.status if target in theirs else 404


@dataclass(frozen=True, slots=True)
class Things:
    """One of everything: ids by the name of the path's parameter or the first noun of the path."""

    account_id: str
    user_id: str
    key_id: str
    pack_id: str
    request_id: str
    recurring_id: str
    reservation_id: str

    @property
    def words(self) -> set[str]:
        """What must not be read by others."""
        return set(astuple(self))


@dataclass(frozen=True, slots=True)
class Household:
    """An account: what is a member's, what a colleague's, and the keys of all callers."""

    own: Things
    colleagues: Things
    keys: Mapping[Caller, Headers]

    @property
    def words(self) -> set[str]:
        """What must not be read outside of it."""
        return self.own.words | self.colleagues.words


async def make_household(api: Api, name: str) -> Household:
    """Make an account; ``name`` is part of each text in it."""
    account_id = await api.account(name=f"{name}-account")
    await api.ask("POST", "/admin/v1/features", {"key": "bots", "name": "Bots"})  # there may be one: it is everybody's
    keys = {Caller.NOBODY: {}, Caller.STRANGER: bearer("fbx_" + "x" * 43), Caller.PLATFORM_ADMIN: ADMIN}
    member_key, keys[Caller.MEMBER] = await _member(api, account_id, f"{name}-ada", "member")
    colleagues_key, sent = await _member(api, account_id, f"{name}-bob", "member")
    for caller in (Caller.ACCOUNT_ADMIN, Caller.REVOKED, Caller.EXPIRED, Caller.DEACTIVATED):
        user_id = f"{name}-{caller.name.lower()}"
        key_id, keys[caller] = await _member(api, account_id, user_id, "admin")
        if caller is Caller.REVOKED:
            await api.good("DELETE", f"/admin/v1/keys/{key_id}")
        if caller is Caller.EXPIRED:
            await _expire(api, key_id)
        if caller is Caller.DEACTIVATED:
            await api.good("DELETE", f"/admin/v1/accounts/{account_id}/members/{user_id}")
    some = {"scope": "member", "subject": "ada", "limits": {"requests_per_minute": 1_000}}
    await api.good("PUT", f"/admin/v1/accounts/{account_id}/limits", some)
    own = await _things(api, account_id, f"{name}-ada", member_key, keys[Caller.MEMBER])
    colleagues = await _things(api, account_id, f"{name}-bob", colleagues_key, sent)
    return Household(own, colleagues, keys)


def bearer(key: str) -> Headers:
    """Return the headers that carry a key."""
    return {"Authorization": f"Bearer {key}"}


async def _member(api: Api, account_id: str, user_id: str, role: str) -> tuple[str, Headers]:
    """Add a member with a key; return its id and the headers that carry it."""
    await api.good("POST", f"/admin/v1/accounts/{account_id}/members", {"user_id": user_id, "role": role})
    key = await api.good("POST", f"/admin/v1/accounts/{account_id}/keys", {"user_id": user_id})
    await api.pack(account_id, size=10_000, user_id=user_id)
    return key["id"], bearer(key["key"])


async def _things(api: Api, account_id: str, user_id: str, key_id: str, sent: Headers) -> Things:
    pack = await api.pack(account_id, size=10_000, user_id=user_id, note=user_id)
    schedule = {**A_MONTHLY_PACK, "user_id": user_id}
    recurring = await api.good("POST", f"/admin/v1/accounts/{account_id}/recurring", schedule)
    reservation = await api.ask("POST", "/api/v1/reservations", {"amount": 5}, headers=sent)
    request_id = await api.booking(account_id).charge(100, user_id=user_id, key_id=key_id)
    return Things(account_id, user_id, key_id, pack["id"], request_id, recurring["id"], reservation.body["id"])


async def _expire(api: Api, key_id: str) -> None:
    """End a key yesterday, before anybody has used it: the API takes only times to come."""
    async with api.deps.ledger.connection() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() - interval '1 day' WHERE key_id = $1", key_id)


def nobodys_things() -> Things:
    """Return ids that nobody has."""
    return Things(new_id(), "nobody", *(new_id() for _ in range(5)))
