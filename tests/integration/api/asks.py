"""A request to each route that is a success for who may make it; a new route needs a line in ``ASKS``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.openapi.document import Served
from tests.conftest import ADMIN_KEY
from tests.integration.api.matrix import Things

OF_ALL = {"features", "models", "pages"}  # nouns of the whole platform: there is no other account's
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
    "pages": lambda _: {"path": "packs"},
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
    "changeKey", "listTrail", "setLimits", "resetLimits",
}  # fmt: skip
# What anybody may read; metrics only from this machine.
OPEN = {
    "createSession",
    "getRoot",
    "getDashboard",
    "getDashboardFile",
    "getLiveness",
    "getReadiness",
    "getMetrics",
    "getOpenApi",
}
MONTH = {"month": "2026-11"}
OF_ACCOUNT = {"account_id": "{account_id}"}
ASKS: Mapping[str, Ask] = {
    "createSession": Ask(body={"key": ADMIN_KEY}),
    "getSession": Ask(),
    "deleteSession": Ask(),
    "playgroundChat": Ask(),
    "countPlayground": Ask(),
    "getRoot": Ask(),
    "getDashboard": Ask(),
    "getDashboardFile": Ask("pages"),
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
    "listLimits": Ask(),
    "setLimits": Ask(),
    "resetLimits": Ask(),
    "adminListLimits": ACCOUNT,
    "adminSetLimits": ACCOUNT,
    "adminResetLimits": ACCOUNT,
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
    "adminListModels": Ask(),
    "adminGetPricing": ACCOUNT,
    "adminGetEstimate": ACCOUNT,
    "adminGetProof": Ask(),
    "adminGetUsage": Ask(query=OF_ACCOUNT),
    "adminGetUsageCsv": Ask(query=OF_ACCOUNT),
    "adminGetAudit": Ask(),
    "adminRunAudit": Ask(),
    "adminListDrift": Ask(),
    "adminListSeals": Ask(),
    "adminVerifySeals": Ask(),
    "adminListTrail": Ask(),
}
