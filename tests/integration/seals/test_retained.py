"""A gateway that drops old events (``events_keep_months``): their sums and every proof stay."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from config.settings import Settings
from metering.ids import new_id
from tests.conftest import Start, deps_of
from tests.integration.api.asking import Api
from tests.integration.seals.test_running import run
from tests.waiting import eventually

KEEP_MONTHS = 3
REPEATED = ("request_id", "amount", "user_id", "model", "service", "reason", "prompt_tokens", "source")
# What stands in the ledger is moved five months back, as nobody but a superuser could; that month is due then.
MOMENT = "SELECT now() - interval '5 months'"
PARTITIONS = """
DO $$
DECLARE
    v_table text;
    v_month date := date_trunc('month', now() AT TIME ZONE 'UTC' - interval '5 months')::date;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['events', 'entries'] LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                       v_table || to_char(v_month, '_YYYYMM'), v_table, v_month, (v_month + interval '1 month')::date);
        PERFORM guard_partition(v_table || to_char(v_month, '_YYYYMM'));
    END LOOP;
END $$
"""
MOVED = """
SET LOCAL session_replication_role = replica;
UPDATE accounts SET created_at = created_at - interval '5 months', changed_at = changed_at - interval '5 months';
UPDATE packs SET granted_at = granted_at - interval '5 months', revoked_at = revoked_at - interval '5 months',
                 closed_at = closed_at - interval '5 months';
UPDATE account_changes SET at = at - interval '5 months';
UPDATE corrections SET at = at - interval '5 months';
UPDATE events SET at = at - interval '5 months', reserved_at = reserved_at - interval '5 months';
UPDATE entries SET at = at - interval '5 months', day = (at AT TIME ZONE 'UTC' - interval '5 months')::date;
"""


def id_of(moment: datetime) -> str:
    """Return the id of a request of that time."""
    text = f"{int(moment.timestamp() * 1000):012x}"
    return f"{text[:8]}-{text[8:]}{new_id()[13:]}"


@pytest.fixture
async def past(start: Start, settings: Settings) -> tuple[Api, str, str]:
    """A gateway that keeps everything; an account with a busy month five months ago; one of its requests."""
    api = Api(await start(settings))
    account_id = await api.account()
    booking = api.booking(account_id)
    await booking.execute(PARTITIONS)
    moment = await booking.value(MOMENT)
    for pack in ({"size": 100, "user_id": "u1"}, {"size": 300}, {"size": 9, "resource": "images"}):
        await api.pack(account_id, **pack)
    withdrawn = await api.pack(account_id, size=50, priority=99)
    first = await booking.charge(40, request_id=id_of(moment), model="n")
    await booking.charge(0, request_id=id_of(moment))
    dead = {"request_id": id_of(moment), "user_id": "u2", "reserved": 50}
    await booking.charge(50, source="recovered", status="recovered", **dead)
    await booking.book(booking.row(30, **dead))
    await booking.charge(400, request_id=id_of(moment), reserved=100)
    await booking.charge(4, request_id=id_of(moment), resource="images")
    await api.good("POST", f"/admin/v1/packs/{withdrawn['id']}/revoke")
    await api.good("POST", f"/admin/v1/events/{first}/refund", {"amount": 10, "reason": "sorry"})
    await booking.execute(MOVED)
    return api, account_id, first


async def shown(api: Api, account_id: str) -> dict[str, Any]:
    """Return what people are told of the account: its sums, its old month, this one, and its statements."""
    account = f"/admin/v1/accounts/{account_id}"
    old = datetime.fromisoformat((await api.good("GET", account))["created_at"])
    range_ = {"from": old.replace(day=1).isoformat(), "to": datetime.now(UTC).isoformat()}
    query = {"account_id": account_id, "interval": "month", "group_by": "member,model", **range_}
    overview = await api.good("GET", f"{account}/overview")
    return {
        "used": overview["used"],
        "images": overview["statistics"]["images_processed"],
        "series": (await api.good("GET", "/admin/v1/usage", **query))["data"],
        "ledger": (await api.good("GET", "/admin/v1/ledger", account_id=account_id, limit=1000))["data"],
        "statements": [
            {**one, "seals": None}
            for month in (old, datetime.now(UTC))
            for one in (await api.good("GET", f"{account}/statements", month=f"{month:%Y-%m}"))["data"]
        ],
    }


async def test_what_retention_drops_is_still_proved(
    past: tuple[Api, str, str], start: Start, settings: Settings
) -> None:
    api, account_id, first = past
    before = await shown(api, account_id)
    assert {statement["closes"] for statement in before["statements"]} == {True}
    assert (before["images"], before["used"]["tokens"]["charge"]) == (4, 470)
    assert {point["period"] for point in before["series"]} == {before["ledger"][0]["at"][:7]}
    meter = replace(settings.meter, events_keep_months=KEEP_MONTHS, seal_seconds=0.1, rollup_seconds=0.1)
    retaining = Api(await start(replace(settings, meter=meter)))
    booking = retaining.booking(account_id)
    await eventually(lambda: booking.value("SELECT events FROM dropped_months"))
    assert await booking.value("SELECT count(*) FROM events") == 0
    assert await shown(retaining, account_id) == await shown(api, account_id) == before

    # Life goes on, also for what is gone.
    assert (await retaining.ask("POST", f"/admin/v1/events/{first}/refund", {"amount": 1, "reason": "x"})).status == 404
    await retaining.pack(account_id, size=1000)  # which repays what a request owes that is gone
    key = await retaining.key(account_id, user_id="u1")
    used = await retaining.ask("POST", "/api/v1/usage", {"amount": 7}, headers=key)
    assert used.status == 201
    await deps_of(retaining.client).meter.drain(10)
    after = await shown(retaining, account_id)
    assert after["used"]["tokens"]["charge"] == 477
    (owed,), (repaid,) = ([row for row in after["ledger"] if row["kind"] == kind] for kind in ("overdraft", "repay"))
    assert [repaid[name] for name in REPEATED] == [owed[name] for name in REPEATED]
    assert {statement["closes"] for statement in after["statements"]} == {True}

    # And everything is proved: by the invariants, and by the seals of every entry.
    count = await booking.value("SELECT count(*) FROM entries")
    await eventually(lambda: booking.value(f"SELECT sum(entries) = {count} FROM seals"))  # noqa: S608 - a number
    audited = await retaining.good("POST", "/admin/v1/audit")
    assert [one for one in audited["invariants"] if one["broken"]] == []
    assert (await retaining.good("POST", "/admin/v1/seals/verify"))["clean"]
    for words in (("audit",), ("audit", "--verify")):
        done = await run(settings, *words)
        report = json.loads(done.stdout)
        assert (done.exit_code, report["clean"]) == (0, True), report
    assert report["seals"]["entries"] == count
