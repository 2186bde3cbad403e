"""Series of use, added up from the events of a recount, and from what was refunded of them."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from tests.e2e.month.recount import Recount, Row

GROUPS = {
    "member": "user_id",
    "key": "key_id",
    "model": "model",
    "feature": "feature",
    "session": "session_id",
    "endpoint": "endpoint",
}
"""What a series may be grouped by, and the field of an event that it is."""
NAMES = {"hour": "%Y-%m-%dT%H:00", "day": "%Y-%m-%d", "month": "%Y-%m"}
SUMMED = (
    "charge", "allocated_amount", "surplus_amount", "prompt_tokens", "cached_tokens", "completion_tokens",
    "reasoning_tokens",
)  # fmt: skip


def points_of(
    recount: Recount,
    input_of: Callable[[Row], int],
    *,
    zone: str,
    interval: str,
    since: str = "",
    groups: Sequence[str] = (),
    keep: Callable[[Row], bool] = lambda _: True,
) -> list[Row]:
    """Return the points of a series in the order of their time and groups; ``since`` is where one of ``all`` begins."""
    sums: dict[tuple[str | None, ...], Counter[str]] = {}
    for event in filter(keep, recount.events):
        period = (since, "all") if interval == "all" else period_of(event["at"], zone, interval)
        point = sums.setdefault((*period, *(event[GROUPS[group]] for group in groups)), Counter())
        point["requests"] += 1
        point["refunded"] += recount.refunded(event["request_id"])
        point["cost"] += event["cost"] or 0
        point["input_amount"] += input_of(event)
        point["output_amount"] += event["charge"] - input_of(event)
        for name in SUMMED:
            point[name] += event[name]
    names = ("at", "period", *(GROUPS[group] for group in groups))
    return in_order([{**dict(zip(names, place, strict=True)), **point} for place, point in sums.items()])


def period_of(at: str, zone: str, interval: str) -> tuple[str, str]:
    """Return when the period of a moment begins, in UTC, and what it is called."""
    local = dt.datetime.fromisoformat(at).astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
    if interval != "hour":
        local = local.replace(hour=0)
    if interval == "month":
        local = local.replace(day=1)
    begin = local.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return begin, local.strftime(NAMES[interval])


def in_order(points: list[Row]) -> list[Row]:
    """Return points by their time, then by what they are grouped by."""
    return sorted(points, key=lambda point: (point["at"], *(point.get(name) or "" for name in GROUPS.values())))
