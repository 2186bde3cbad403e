"""/admin/v1/ledger, /events, refunds, and the audit over HTTP."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from metering.ids import new_id
from metering.queries import load_invariants
from tests.integration.api.asking import Api

LEDGER, EVENTS = "/admin/v1/ledger", "/admin/v1/events"
ENTRY = [
    "id", "account_id", "at", "kind", "amount", "delta", "from", "to", "version", "seq",
    "balance_after", "prompt_tokens",
    "completion_tokens", "model", "service", "session_id", "reason", "pack_id", "request_id", "user_id", "source",
    "type", "resource",
]  # fmt: skip
EVENT = [
    "request_id", "account_id", "at", "user_id", "key_id", "endpoint", "model", "provider", "prompt_tokens",
    "cached_tokens", "completion_tokens", "reasoning_tokens", "charge", "unit", "pool", "allocated_amount",
    "surplus_amount", "resource", "source", "counted_prompt_tokens", "counted_completion_tokens",
    "status", "session_id",
    "reason", "feature", "cost", "attempts", "duration_ms",
]  # fmt: skip


async def walk(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return all rows of a list, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        page = await api.good("GET", path, **query)
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        query["cursor"] = page["next_cursor"]


async def test_entries_and_events_have_the_fields_of_the_contract(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=100)
    await api.booking(account_id).charge(30)
    entries, events = await api.good("GET", LEDGER), await api.good("GET", EVENTS)
    assert [list(row) for row in entries["data"]] == [ENTRY, ENTRY]
    assert [list(row) for row in events["data"]] == [EVENT]
    assert [row["kind"] for row in entries["data"]] == ["usage", "grant"]
    assert (entries["data"][1]["from"], entries["data"][0]["to"]) == ("issued", "usage")
    assert events["data"][0]["attempts"] == []
    assert "total" not in entries


@pytest.mark.parametrize("path", [LEDGER, EVENTS])
@pytest.mark.parametrize("sort", ["-at", "at"])
async def test_pages_put_together_are_the_whole_list(api: Api, path: str, sort: str) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=100)
    booking = api.booking(account_id)
    await booking.book(*(booking.row(1) for _ in range(7)))
    whole = await api.good("GET", path, sort=sort, limit=1000, total="true")
    assert whole["total"] == len(whole["data"])
    assert await walk(api, path, sort=sort, limit=3) == whole["data"]
    times = [row["at"] for row in whole["data"]]
    assert times == sorted(times, reverse=sort == "-at")


async def test_rows_are_filtered(api: Api) -> None:
    account_id, other = await api.account(), await api.account()
    await api.booking(account_id).charge(5, user_id="a&b=c")
    await api.booking(account_id).charge(6, user_id="u2")
    await api.booking(other).charge(7)
    for path, amount in ((EVENTS, "charge"), (LEDGER, "amount")):
        assert [row[amount] for row in await walk(api, path, account_id=account_id)] == [6, 5]
        assert [row[amount] for row in await walk(api, path, user_id="a&b=c")] == [5]
        page = await api.good("GET", f"{path}?user_id=u1&user_id=u2", total="true")
        assert ([row[amount] for row in page["data"]], page["total"]) == ([7, 6], 2)
        at = page["data"][0]["at"]
        assert [row[amount] for row in await walk(api, path, **{"from": at})] == [7]
        assert [row[amount] for row in await walk(api, path, to=at)] == [6, 5]
        local = (datetime.fromisoformat(at) + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00"
        assert [row[amount] for row in await walk(api, path, **{"from": local})] == [7]
        assert [row[amount] for row in (await api.good("GET", f"{path}?from={local}"))["data"]] == [7]


WRONG = {
    "colour": "red", "account_id": "nobody", "user_id": "", "from": "yesterday", "to": "2026-01-01", "key_id": "1",
    "request_id": "{}", "pack_id": "x", "kind": "theft", "pool": "shared", "min_amount": "-1", "max_amount": "1.5",
    "sort": "colour", "type": "Theft",
    "limit": "0", "total": "yes", "cursor": "nonsense", "model": "\0", "io_type": "input",
}  # fmt: skip


async def test_an_unknown_or_malformed_parameter_is_named(api: Api) -> None:
    for path in (LEDGER, EVENTS):
        for name, text in WRONG.items():
            reply = await api.get(path, **{name: text})
            assert (reply.status, reply.error["param"]) == (400, name), path


async def test_a_parameter_stands_once(api: Api) -> None:
    reply = await api.get(f"{LEDGER}?model=a&model=b")
    assert (reply.status, reply.error["param"]) == (400, "model")


async def test_a_cursor_is_good_for_its_own_list_and_order_only(api: Api) -> None:
    account_id = await api.account()
    booking = api.booking(account_id)
    await booking.book(*(booking.row(1) for _ in range(3)))
    cursors = {path: (await api.good("GET", path, limit=1))["next_cursor"] for path in (LEDGER, EVENTS)}
    assert (await api.get(LEDGER, limit=1, cursor=cursors[LEDGER])).status == 200
    for path, query in (
        (LEDGER, {"cursor": cursors[EVENTS]}),
        (EVENTS, {"cursor": cursors[LEDGER]}),
        (LEDGER, {"cursor": cursors[LEDGER], "sort": "at"}),
        (LEDGER, {"cursor": cursors[LEDGER][:-4]}),
        ("/admin/v1/accounts", {"cursor": cursors[LEDGER]}),
    ):
        reply = await api.get(path, **query)
        assert (reply.status, reply.error["param"]) == (400, "cursor"), path


async def test_a_refund_gives_back_and_is_told_to_redis(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=100)
    request_id = await api.booking(account_id).charge(40)
    path = f"{EVENTS}/{request_id}/refund"
    refund = await api.good("POST", path, {"amount": 10, "reason": "sorry"})
    assert refund == {"request_id": request_id, "account_id": account_id, "refunded": 10, "version": 3}
    await api.deps.settler.drain()
    assert (await api.deps.admission.view(account_id, "tokens")).balance == 70
    assert (await api.good("POST", path, {"reason": "all of it"}))["refunded"] == 30
    assert (await api.good("POST", path, {"reason": "again"}))["refunded"] == 0
    entries = await walk(api, LEDGER, kind="refund")
    assert [(row["amount"], row["delta"], row["reason"]) for row in entries] == [
        (30, 30, "all of it"),
        (10, 10, "sorry"),
    ]


REFUNDS: list[tuple[Any, str]] = [
    ({}, "reason"),
    ({"reason": ""}, "reason"),
    ({"reason": "x", "amount": 0}, "amount"),
    ({"reason": "x", "amount": -5}, "amount"),
    ({"reason": "x", "amount": 0.5}, "amount"),
    ({"reason": "x", "amount": "5"}, "amount"),
    ({"reason": "x", "amount": float("nan")}, "amount"),
    ({"reason": "x", "amount": 2**52 + 1}, "amount"),
]


async def test_a_refund_that_can_not_be_is_refused_by_name(api: Api) -> None:
    await api.refused("POST", f"{EVENTS}/{new_id()}/refund", REFUNDS)


async def test_a_request_that_is_not_there_has_no_refund(api: Api) -> None:
    for request_id in (new_id(), "00000000-0000-4000-8000-000000000000", "nothing"):
        assert (await api.ask("POST", f"{EVENTS}/{request_id}/refund", {"reason": "x"})).status == 404


async def test_a_corrected_event_says_what_was_booked_first(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=100)
    await api.booking(account_id).recover(80, 60)
    (event,) = await walk(api, EVENTS)
    assert list(event) == [*EVENT, "recovered"]
    assert (event["charge"], event["source"]) == (60, "upstream")
    assert (event["recovered"]["charge"], event["recovered"]["source"]) == (80, "recovered")


async def test_an_audit_runs_and_is_remembered(api: Api) -> None:
    assert (await api.get("/admin/v1/audit")).status == 404
    account_id = await api.account()
    await api.pack(account_id, size=100)
    report = await api.good("POST", "/admin/v1/audit")
    assert list(report) == ["clean", "checked_at", "invariants"]
    assert report["clean"] is True
    assert all(list(one) == ["name", "broken", "rows"] for one in report["invariants"])
    assert len(report["invariants"]) == len(load_invariants()) + 7
    assert await api.good("GET", "/admin/v1/audit") == report


async def test_an_audit_names_what_is_broken(api: Api) -> None:
    pack = await api.pack(await api.account(), size=100)
    async with api.deps.ledger.connection() as connection:
        await connection.execute("UPDATE packs SET remaining = 99")
    report = await api.good("POST", "/admin/v1/audit")
    assert report["clean"] is False
    broken = {one["name"]: one["rows"] for one in report["invariants"] if one["broken"]}
    assert broken["packs_conserved"][0]["pack_id"] == pack["id"]
