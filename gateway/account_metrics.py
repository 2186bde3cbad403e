"""How the accounts stand that were active last, as metrics made at each scrape."""

from collections.abc import Iterable, Mapping

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.deps import Deps
from metering.audit import Audit
from metering.books.records import Balance
from metering.core.standing import State
from metering.errors import LedgerDownError, MeterUnavailableError
from metering.metrics import METRICS

log = structlog.get_logger()

ALWAYS = {
    "farebox_balance": ("Balance of an account in its unit.", "balance"),
    "farebox_debt": ("Use that no pack has paid yet.", "debt"),
    "farebox_min_reserve": ("Balance below which an account is stopped.", "min_reserve"),
}
WITH_HOLDS = {
    "farebox_available": ("Balance minus what is held.", "available"),
    "farebox_reserved": ("What open holds set aside.", "reserved"),
}


class AccountMetrics(Collector):
    """The gauges of some accounts, as they stand now."""

    def __init__(self, balances: Mapping[str, Balance], *, holds_known: bool) -> None:
        self._balances = balances
        self._families = {**ALWAYS, **(WITH_HOLDS if holds_known else {})}

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the families."""
        for name, (text, field) in self._families.items():
            family = GaugeMetricFamily(name, text, labels=["account"])
            for account_id, balance in self._balances.items():
                family.add_metric([account_id], getattr(balance, field))
            yield family
        states = GaugeMetricFamily(
            "farebox_account_state", "1 for the state that an account is in.", labels=["account", "state"]
        )
        for account_id, balance in self._balances.items():
            for state in State:
                states.add_metric([account_id, state.value], float(balance.state == state))
        yield states


async def account_metrics(deps: Deps) -> CollectorRegistry:
    """Return the gauges of the accounts with the newest activity; what can't be read now is left out."""
    registry = CollectorRegistry(auto_describe=False)
    books = deps.books
    try:
        last = await Audit(deps.ledger, None).last()
        if last is not None:
            METRICS.audit_broken.set(sum(invariant.broken > 0 for invariant in last.invariants))
        newest = await books.accounts.newest(deps.settings.metrics.max_accounts)
        try:
            balances, holds_known = await books.balances.read(deps.admission, newest), True
        except MeterUnavailableError:
            posted = await books.balances.posted(newest)
            balances = {account_id: books.balances.balance_of(found, None) for account_id, found in posted.items()}
            holds_known = False
    except LedgerDownError as error:
        log.warning("accounts_not_scraped", error=str(error))
        return registry
    registry.register(AccountMetrics(balances, holds_known=holds_known))
    return registry
