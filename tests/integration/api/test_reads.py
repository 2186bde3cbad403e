"""What people read: sorted pages, rows of input and output, series, single requests, overviews, and CSV of it."""

import asyncio
import csv
import io
from dataclasses import replace
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from config.settings import Settings
from metering.ask import Ask
from metering.books.order import ENTRY_LIST, EVENT_LIST, IO_LIST
from metering.ids import new_id
from tests.conftest import Start
from tests.integration.api.asking import ADMIN, Api
from tests.waiting import eventually

LEDGER, EVENTS, USAGE = "/admin/v1/ledger", "/admin/v1/events", "/admin/v1/usage"


@pytest.fixture
async def account_id(api: Api) -> str:
    """An account whose requests differ in everything."""
    account_id = await api.account(email="a@acme.test", plan="pro", domain="acme.test")
    booking = api.booking(account_id)
    await api.pack(account_id, size=50, user_id="u1")
    await api.pack(account_id, size=1000)
    await booking.charge(40, session_id="=1+1", prompt_tokens=30)
    await booking.charge(60, feature="summary", model="n", key_id=new_id())
    await booking.charge(20, user_id="u2", endpoint="embeddings", duration_ms=90)
    await booking.recover(50, 30, user_id=None)
    await booking.charge(7, resource="images", user_id="u2", prompt_tokens=7)
    await api.good("POST", f"{EVENTS}/{await booking.charge(25, user_id='u2')}/refund", {"amount": 5, "reason": "x"})
    return account_id


async def walk(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return all rows of a list, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        page = await api.good("GET", path, **query)
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        query["cursor"] = page["next_cursor"]


def least(value: Any) -> tuple[bool, Any]:
    """Return what a value is compared by: null stands as the least."""
    return (value is not None, value)


async def test_every_column_sorts_and_its_pages_put_together_are_the_whole_list(api: Api, account_id: str) -> None:
    for path, known, query in ((LEDGER, ENTRY_LIST, {}), (EVENTS, EVENT_LIST, {}), (EVENTS, IO_LIST, {"rows": "io"})):
        names = {"amount": "charge"} if known is EVENT_LIST else {}
        for sort in known.sorts:
            name = sort.removeprefix("-")
            rows = await walk(api, path, account_id=account_id, sort=sort, limit=2, **query)
            whole = await walk(api, path, account_id=account_id, sort=sort, limit=1000, **query)
            assert rows == whole, sort
            if name not in {"reason", "key_id"}:  # the reason of an entry may be null, and the key is not in it
                values = [least(row.get(names.get(name, name))) for row in rows]
                assert values == sorted(values, reverse=sort.startswith("-")), sort


async def test_kinds_have_names_for_people(api: Api, account_id: str) -> None:
    rows = await walk(api, LEDGER, account_id=account_id)
    assert {row["kind"]: row["type"] for row in rows} == {
        "grant": "Grant", "usage": "Usage", "overdraft": "Usage", "correction": "Correction", "refund": "Refund",
    }  # fmt: skip
    for name in ("Usage", "Purchase", "Refund", "Grant", "Expiry", "Revoke", "Correction"):
        expected = [row for row in rows if row["type"] == name]
        assert await walk(api, LEDGER, account_id=account_id, type=name) == expected
    assert await walk(api, LEDGER, account_id=account_id, type="Refund", kind="usage") == []
    assert len((await api.good("GET", LEDGER, account_id=account_id, limit=300))["data"]) == len(rows)


async def test_input_and_output_have_rows_of_their_own_that_add_up(api: Api, account_id: str) -> None:
    rows = await walk(api, EVENTS, account_id=account_id, rows="io", sort="at")
    whole = {row["request_id"]: row for row in await walk(api, EVENTS, account_id=account_id)}
    sums = dict.fromkeys(whole, 0)
    for row in rows:
        sums[row["request_id"]] += row["amount"]
    assert sums == {name: row["charge"] for name, row in whole.items()}
    assert [row["io_type"] for row in rows] == ["input", "output"] * len(whole)
    first = [(row["io_type"], row["amount"]) for row in rows if row["charge"] == 40]
    assert first == [("input", 30), ("output", 10)]
    outputs = await walk(api, EVENTS, account_id=account_id, rows="io", io_type="output", min_amount=1)
    assert {row["io_type"] for row in outputs} == {"output"}
    assert 0 not in [row["amount"] for row in outputs]
    page = await api.good("GET", EVENTS, account_id=account_id, rows="io", total="true")
    assert (page["total"], page["total_is_exact"]) == (2 * len(whole), True)


async def test_a_total_is_exact_up_to_a_limit(api: Api, account_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await api.good("GET", EVENTS, account_id=account_id, total="true", limit=1)
    assert (page["total"], page["total_is_exact"]) == (6, True)
    monkeypatch.setattr("metering.books.pages.TOTAL_MAX", 5)
    page = await api.good("GET", EVENTS, account_id=account_id, total="true", limit=1)
    assert (page["total"], page["total_is_exact"]) == (5, False)


async def test_a_series_is_of_an_account_and_adds_up(api: Api, account_id: str) -> None:
    answer = await api.good("GET", USAGE, account_id=account_id)
    (point,) = answer["data"]
    charges = [row["charge"] for row in await walk(api, EVENTS, account_id=account_id, resource="tokens")]
    assert (point["requests"], point["charge"], point["refunded"]) == (len(charges), sum(charges), 5)
    assert (answer["interval"], answer["resource"], answer["time_zone"]) == ("day", "tokens", "UTC")
    whole = await api.good("GET", USAGE, account_id=account_id, group_by="member,model")
    assert {(row["user_id"], row["model"]): row["charge"] for row in whole["data"]} == {
        ("u1", "m"): 40, ("u1", "n"): 60, ("u2", "m"): 45, (None, "m"): 30,
    }  # fmt: skip
    walked = await walk(api, f"{USAGE}?group_by=member&group_by=model", account_id=account_id, limit=1)
    assert walked == whole["data"]
    sessions = await walk(api, USAGE, account_id=account_id, group_by="session")
    assert {row["session_id"]: row["charge"] for row in sessions} == {"=1+1": 40, None: 135}


async def test_what_is_wrong_in_a_question_for_a_series_is_named(api: Api, account_id: str) -> None:
    long_ago = {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}
    for query, param in (
        ({"account_id": ""}, "account_id"),
        ({}, "account_id"),
        ({"account_id": account_id, "interval": "week"}, "interval"),
        ({"account_id": account_id, "group_by": "colour"}, "group_by"),
        ({"account_id": account_id, "sort": "model"}, "sort"),
        ({"account_id": account_id, "from": "2099-01-01T00:00:00Z"}, "from"),
        ({"account_id": account_id, "group_by": "session", **long_ago}, "from"),
        ({"account_id": account_id, "io_type": "input"}, "io_type"),
        ({"account_id": account_id, "cursor": "x"}, "cursor"),
        ({"account_id": account_id, "to": "0001-01-02T00:00:00Z"}, "to"),
    ):
        reply = await api.get(USAGE, **query)
        assert (reply.status, reply.error["param"]) == (400, param), query
    assert (await api.get(USAGE, account_id=new_id())).status == 404


async def test_a_request_is_shown_from_its_hold_to_the_ledger(api: Api) -> None:
    account_id = await api.account()
    own = await api.pack(account_id, size=30, user_id="u1")
    shared = await api.pack(account_id, size=100)
    request_id = await api.booking(account_id).charge(40, reserved=50, split=[own["id"], 30, shared["id"], 20])
    await api.good("POST", f"{EVENTS}/{request_id}/refund", {"amount": 5, "reason": "sorry"})
    trace = await api.good("GET", f"{EVENTS}/{request_id}")
    (event,) = (await api.good("GET", EVENTS, request_id=request_id))["data"]
    assert trace["event"] == event
    assert (trace["reserved"], trace["refunded"], trace["hold"]) == (50, 5, None)
    assert trace["split"] == [{"pack_id": own["id"], "amount": 30}, {"pack_id": shared["id"], "amount": 20}]
    assert [(row["kind"], row["amount"], row["pack_id"]) for row in trace["entries"]] == [
        ("usage", 30, own["id"]), ("usage", 10, shared["id"]), ("refund", 5, shared["id"]),
    ]  # fmt: skip
    assert [pack["id"] for pack in trace["packs"]] == [own["id"], shared["id"]]


async def test_a_request_that_is_open_is_shown_with_its_hold(api: Api) -> None:
    account_id = await api.account()
    pack = await api.pack(account_id, size=100)
    key = await api.key(account_id, user_id="u1")
    ask = Ask(
        request_id=new_id(),
        account_id=account_id,
        resource="tokens",
        user_id="u1",
        model="m",
        want=40,
        least=40,
        facts=b"{}",
    )
    await api.deps.admission.reserve(ask)
    for path, headers in ((EVENTS, None), ("/api/v1/events", key)):
        reply = await api.ask("GET", f"{path}/{ask.request_id}", headers=headers)
        assert reply.body["event"] is None
        hold = reply.body["hold"]
        assert (hold["state"], hold["amount"], hold["model"]) == ("open", 40, "m")
        assert hold["split"] == [{"pack_id": pack["id"], "amount": 40}]
    other = await api.key(account_id, user_id="u2")
    assert (await api.ask("GET", f"/api/v1/events/{ask.request_id}", headers=other)).status == 404


async def test_an_overview_says_who_the_account_is_what_it_has_and_what_it_used(api: Api, account_id: str) -> None:
    answer = await api.good("GET", f"/admin/v1/accounts/{account_id}/overview")
    account, statistics = answer["account"], answer["statistics"]
    assert (account["email"], account["plan"], account["domain"]) == ("a@acme.test", "pro", "acme.test")
    assert datetime.fromisoformat(account["since"]) <= datetime.fromisoformat(statistics["last_updated"])
    assert statistics["current_balance"] == answer["balance"]["balance"]
    assert (statistics["tokens_used"], statistics["used"]) == (175, 170)
    assert (statistics["api_calls"], statistics["images_processed"]) == (6, 7)
    member = await api.key(account_id, user_id="u2")
    own = (await api.ask("GET", "/api/v1/overview", headers=member)).body
    assert (own["statistics"]["used"], own["statistics"]["api_calls"]) == (40, 3)
    assert own["statistics"]["current_balance"] == statistics["current_balance"]


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("rows", [1, 500])
async def test_a_file_has_all_rows_of_the_same_filters(
    api: Api, account_id: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admin.sheets.READ_ROWS", rows)
    monkeypatch.setattr("gateway.admin.sheets.READ_POINTS", rows)
    for path, query in (
        (LEDGER, {"sort": "-amount"}),
        (EVENTS, {}),
        (EVENTS, {"rows": "io", "sort": "amount"}),
        (USAGE, {"group_by": "member"}),
    ):
        reply = await api.get(f"{path}.csv", account_id=account_id, **query)
        assert reply.headers["content-type"].startswith("text/csv")
        assert "attachment" in reply.headers["content-disposition"]
        found, expected = parsed(reply.body), await walk(api, path, account_id=account_id, **query)
        assert len(found) == len(expected) > 1
        for line, row in zip(found, expected, strict=True):
            for name in ("amount", "charge", "at", "user_id", "type", "from", "io_type"):
                if name in row:
                    assert line[name] == ("" if row[name] is None else str(row[name])), name
    assert (await api.get(f"{LEDGER}.csv", limit=5)).error["param"] == "limit"
    assert (await api.get(f"{LEDGER}.csv", sort="colour")).error["param"] == "sort"


async def test_a_file_is_safe_to_open_in_a_spreadsheet(api: Api, account_id: str) -> None:
    for path in (EVENTS, LEDGER):
        reply = await api.get(f"{path}.csv", account_id=account_id)
        assert "'=1+1" in [line["session_id"] for line in parsed(reply.body)]
        assert "=1+1" not in [line["session_id"] for line in parsed(reply.body)]
    reply = await api.get(f"{USAGE}.csv", account_id=account_id, group_by="session")
    assert "'=1+1" in [line["session_id"] for line in parsed(reply.body)]


async def test_a_client_that_hangs_up_in_the_middle_of_a_file_leaves_nothing_behind(
    api: Api, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admin.sheets.READ_ROWS", 1)
    for _ in range(20):
        request = api.client.get(f"{EVENTS}.csv", params={"account_id": account_id}, headers=ADMIN)
        async with request as response:
            await response.content.readany()
            response.close()
    await asyncio.wait_for(api.good("GET", EVENTS, account_id=account_id), 5)


async def test_a_file_that_fails_half_way_is_cut_off(
    api: Api, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admin.sheets.READ_ROWS", 1)
    calls = 0
    read = api.deps.books.pages.events

    async def fail(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise RuntimeError
        return await read(*arguments, **named)

    monkeypatch.setattr(api.deps.books.pages, "events", fail)
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.get(f"{EVENTS}.csv", account_id=account_id)


async def test_a_member_reads_only_what_is_theirs(api: Api, account_id: str) -> None:
    member, admin = await api.key(account_id, user_id="u2"), await api.key(account_id, role="admin", user_id="boss")
    (foreign,) = await walk(api, EVENTS, account_id=account_id, feature="summary")
    for path in ("/api/v1/events.csv", "/api/v1/ledger.csv"):
        reply = await api.ask("GET", path, headers=member)
        assert {line["user_id"] for line in parsed(reply.body)} == {"u2"}
        whole = await api.ask("GET", path, headers=admin)
        assert "u1" in {line["user_id"] for line in parsed(whole.body)}
    for headers, status in ((member, 404), (admin, 200)):
        assert (await api.ask("GET", f"/api/v1/events/{foreign['request_id']}", headers=headers)).status == status
    reply = await api.ask("GET", "/api/v1/usage", headers=member, group_by="member")
    assert [(row["user_id"], row["charge"]) for row in reply.body["data"]] == [("u2", 45)]
    reply = await api.ask("GET", "/api/v1/usage.csv", headers=member, group_by="member")
    assert [line["user_id"] for line in parsed(reply.body)] == ["u2"]
    stranger = await api.key(await api.account(), role="admin", user_id="x")
    assert (await api.ask("GET", f"/api/v1/events/{foreign['request_id']}", headers=stranger)).status == 404
    assert (await api.ask("GET", "/api/v1/usage", headers=stranger, account_id=account_id)).body["data"] == []
    assert (await api.ask("GET", "/api/v1/usage", headers=stranger)).body["data"] == []


async def test_a_gateway_keeps_the_roll_ups_near_the_ledger(start: Start, settings: Settings) -> None:
    """With the packaged settings it would look every half minute."""
    api = Api(await start(replace(settings, meter=replace(settings.meter, rollup_seconds=0.05))))
    booking = api.booking(await api.account())
    await booking.charge(5)

    async def rolled() -> bool:
        return bool(await booking.value("SELECT count(*) = 14 FROM rollups WHERE charge = 5"))

    await eventually(rolled)
