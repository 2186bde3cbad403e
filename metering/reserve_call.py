"""The call of reserve.lua, packed: what the configuration says stands in it already, by resource."""

from collections.abc import Mapping

from config.resources import UNITS
from config.settings import MeterSettings, ResourceSettings
from metering.ask import Ask
from metering.keys import packed_keys_of
from metering.packing import PackedScript, packed, packed_names
from metering.scripts import load_scripts


class ReserveCalls:
    """Makes the commands and arguments of reserve.lua."""

    def __init__(self, settings: MeterSettings, instance_id: str, resources: Mapping[str, ResourceSettings]) -> None:
        self._settings = settings
        self._instance_id = instance_id
        self._lease_ms = int(settings.lease_seconds * 1000)
        self._min_reserves = {name: resource.min_reserve for name, resource in resources.items()}
        self._calls = {name: self._call_of(name) for name in (*UNITS, *resources)}

    def arguments(self, token: bytes, ask: Ask) -> tuple[bytes | str | int, ...]:
        """Return the ARGV of a call."""
        request = token, ask.account_id, ask.request_id, ask.want, ask.least, self._lease_ms, self._instance_id
        return *request, ask.resource, ask.user_id, ask.model, ask.facts, *self._limits(ask.resource)

    def command(self, token: bytes, ask: Ask) -> bytes:
        """Return a whole call without an Idempotency-Key, as bytes."""
        account, request = ask.account_id.encode(), ask.request_id.encode()
        want, least = b"%d" % ask.want, b"%d" % ask.least
        call = self._calls.get(ask.resource) or self._call_of(ask.resource)
        return call(
            packed_keys_of(ask.account_id),
            *(len(token), token, len(account), account, len(request), request, len(want), want, len(least), least),
            *(packed_names(ask.resource, ask.user_id, ask.model), len(ask.facts), ask.facts),
        )

    def _limits(self, resource: str) -> tuple[int | str, ...]:
        settings = self._settings
        min_reserve = settings.min_reserve if resource in UNITS else self._min_reserves.get(resource, 0)
        return min_reserve, settings.floor, settings.unsettled_account_max, settings.holds_per_account_max

    def _call_of(self, resource: str) -> PackedScript:
        limits = self._limits(resource)
        return PackedScript(
            load_scripts()["reserve"].digest,
            keys=4,
            layout=(5, packed(self._lease_ms, self._instance_id), None, 1, packed(*limits)),
            constants=2 + 3 + len(limits),
        )
