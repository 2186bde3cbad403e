"""Who may do what: callers, an account that has one of everything, and a request to each route."""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from typing import Any

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


OF_ALL = {"features", "models"}  # nouns of the whole platform: there is no other account's
Ids = Callable[[Things], dict[str, str]]
NOUNS: Mapping[str, Ids] = {
    "accounts": lambda things: {"id": things.account_id, "user_id": things.user_id},
    "members": lambda things: {"user_id": things.user_id},
    "keys": lambda things: {"id": things.key_id},
    "packs": lambda things: {"id": things.pack_id},
    "events": lambda things: {"request_id": things.request_id},
    "recurring": lambda things: {"id": things.recurring_id},
    "reservations": lambda things: {"id": things.reservation_id},
    "resources": lambda things: {"id": things.account_id, "name": "images"},
    "features": lambda _: {"key": "bots"},
    "models": lambda _: {"model": "simulated"},
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to a route that is a success for who may make it. ``body``: else the example of the document."""

    noun: str = ""  # whose ids stand in the path
    body: dict[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)  # {account_id} and the like are put in

    def path(self, route: Served, things: Things) -> str:
        """Return the path to one's thing."""
        return route.path.format(**NOUNS[self.noun](things)) if self.noun else route.path

    def query_of(self, things: Things) -> dict[str, str]:
        """Return the query about one's thing."""
        return {name: text.format(account_id=things.account_id) for name, text in self.query.items()}

    @property
    def is_personal(self) -> bool:
        """Whether a colleague has a thing of their own there."""
        return self.noun not in {"", "accounts", "resources", *OF_ALL}


ACCOUNT, KEY, PACK, EVENT = Ask("accounts"), Ask("keys"), Ask("packs"), Ask("events")
RECURRING, RESERVATION, FEATURE = Ask("recurring"), Ask("reservations"), Ask("features")
# Of the account's own routes, those for its admins alone: said once more, since the declared role is the enforced one.
ADMINS_ONLY = {
    "getStatements", "getStatementsCsv", "getSurplus", "createMember", "changeMember", "deactivateMember", "createKey",
    "changeKey", "listTrail",
}  # fmt: skip
# What anybody may read; metrics only from this machine.
OPEN = {"getRoot", "getDashboard", "getLiveness", "getReadiness", "getMetrics", "getOpenApi"}
MONTH = {"month": "2026-11"}
OF_ACCOUNT = {"account_id": "{account_id}"}
ASKS: Mapping[str, Ask] = {
    "getRoot": Ask(),
    "getDashboard": Ask(),
    "getLiveness": Ask(),
    "getReadiness": Ask(),
    "getMetrics": Ask(),
    "getOpenApi": Ask(),
    "listModels": Ask(),
    "getModel": Ask("models"),
    "createChatCompletion": Ask(),
    "getBalance": Ask(),
    "listPacks": Ask(),
    "listEntries": Ask(),
    "listEvents": Ask(),
    "getLedgerCsv": Ask(),
    "getEventsCsv": Ask(),
    "getEvent": EVENT,
    "getUsage": Ask(),
    "getUsageCsv": Ask(),
    "getOverview": Ask(),
    "getStatements": Ask(query=MONTH),
    "getStatementsCsv": Ask(query=MONTH),
    "countChat": Ask(),
    "getFeatureRate": FEATURE,
    "getPricing": Ask(),
    "getEstimate": Ask(),
    "getSurplus": Ask(),
    "getAllocations": Ask(),
    "getTokenBalance": Ask(),
    "recordUsage": Ask(),
    "openReservation": Ask(),
    "getReservation": RESERVATION,
    "settleReservation": RESERVATION,
    "releaseReservation": RESERVATION,
    "createMember": Ask(),
    "listMembers": Ask(),
    "getMember": Ask("members"),
    "changeMember": Ask("members"),
    "deactivateMember": Ask("members"),
    "createKey": Ask(),
    "listKeys": Ask(),
    "getKey": KEY,
    "changeKey": Ask("keys", body={"name": "renamed", "models": ["simulated"]}),
    "rotateKey": KEY,
    "revokeKey": KEY,
    "listTrail": Ask(),
    "adminCreateAccount": Ask(),
    "adminListAccounts": Ask(),
    "adminGetAccount": ACCOUNT,
    "adminChangeAccount": ACCOUNT,
    "adminGetBalance": ACCOUNT,
    "adminGetStatements": Ask("accounts", query=MONTH),
    "adminGetStatementsCsv": Ask("accounts", query=MONTH),
    "adminCreateMember": ACCOUNT,
    "adminListMembers": ACCOUNT,
    "adminGetMember": ACCOUNT,
    "adminChangeMember": ACCOUNT,
    "adminDeactivateMember": ACCOUNT,
    "adminCreateKey": ACCOUNT,
    "adminListKeys": ACCOUNT,
    "adminGetKey": KEY,
    "adminChangeKey": Ask("keys", body={"name": "renamed"}),
    "adminRotateKey": KEY,
    "adminRevokeKey": KEY,
    "adminGrantPack": ACCOUNT,
    "adminListPacks": ACCOUNT,
    "adminGetPack": PACK,
    "adminChangePack": PACK,
    "adminRevokePack": PACK,
    "adminListResources": ACCOUNT,
    "adminChangeResource": Ask("resources"),
    "adminGetSurplus": ACCOUNT,
    "adminGetAllocations": ACCOUNT,
    "adminCreateRecurring": ACCOUNT,
    "adminListRecurring": ACCOUNT,
    "adminChangeRecurring": RECURRING,
    "adminDeleteRecurring": RECURRING,
    "adminCreateFeature": Ask(),
    "adminListFeatures": Ask(),
    "adminGetFeature": FEATURE,
    "adminChangeFeature": Ask("features", body={"name": "Bots"}),
    "adminRetireFeature": FEATURE,
    "adminAddRate": FEATURE,
    "adminListFeatureRates": FEATURE,
    "adminListRates": Ask(),
    "adminListPrices": Ask(),
    "adminAddPrice": Ask(),
    "adminImportPrices": Ask(),
    "adminListEntries": Ask(),
    "adminListEvents": Ask(),
    "adminRefundEvent": EVENT,
    "adminGetLedgerCsv": Ask(),
    "adminGetEventsCsv": Ask(),
    "adminGetEvent": EVENT,
    "adminGetOverview": ACCOUNT,
    "adminGetUsage": Ask(query=OF_ACCOUNT),
    "adminGetUsageCsv": Ask(query=OF_ACCOUNT),
    "adminGetAudit": Ask(),
    "adminRunAudit": Ask(),
    "adminListDrift": Ask(),
    "adminListSeals": Ask(),
    "adminVerifySeals": Ask(),
    "adminListTrail": Ask(),
}
