"""…/surplus: what the shared packs held over time, to the token, and what moved it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.api.asking import Api


def days_ago(days: float) -> datetime:
    """Return the moment so many days ago."""
    return datetime.now(UTC) - timedelta(days=days)


async def backdate(api: Api, account_id: str, kinds: tuple[str, ...], at: datetime) -> None:
    """Let entries of these kinds have been booked at another time; only a superuser can."""
    async with api.deps.ledger.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE entries SET at = $3, day = ($3 AT TIME ZONE 'UTC')::date WHERE account_id = $1 AND kind = ANY($2)"
            " AND at > now() - interval '1 hour'",
            account_id,
            list(kinds),
            at,
        )


def moved(step: dict[str, Any]) -> dict[str, int]:
    """Return what moved in a step, without what did not."""
    return {name: value for name, value in step.items() if name not in {"from", "to"} and value}


async def test_the_series_replays_the_ledger(api: Api) -> None:
    account_id = await api.account()
    booking = api.booking(account_id)
    shared = await api.pack(account_id, size=1000)
    await backdate(api, account_id, ("grant",), days_ago(3))
    await api.pack(account_id, size=50, user_id="u1")  # a member's own: no surplus
    used = await booking.charge(130, user_id="u1")  # hybrid: 50 of their own, 80 of the surplus
    await backdate(api, account_id, ("usage",), days_ago(2))
    refunded = {"amount": 100, "reason": "sorry"}
    await api.good("POST", f"/admin/v1/events/{used}/refund", refunded)  # 80 to the surplus, 20 to the member
    await booking.charge(30, user_id="u2")
    await api.good("POST", f"/admin/v1/packs/{shared['id']}/revoke")
    query = {"from": days_ago(2.5).isoformat(), "to": days_ago(-1).isoformat(), "step": "day"}
    found = await api.good("GET", f"/admin/v1/accounts/{account_id}/surplus", **query)
    assert found["opening"] == 1000
    assert found["closing"] == found["steps"][-1]["balance"] == 0
    steps = [moved(step) for step in found["steps"] if moved(step).keys() - {"balance", "lowest"}]
    assert steps == [
        {"balance": 920, "lowest": 920, "used": 80},
        {"used": 30, "revoked": 970, "refunded": 80},
    ]
    assert [(one["kind"], one["delta"], one["balance"]) for one in found["changes"]] == [
        ("refund", 80, 1000),
        ("revoke", -970, 0),
    ]
    assert found["changes"][1]["pack_id"] == shared["id"]
    borders = [(step["from"], step["to"]) for step in found["steps"]]
    assert [end for _, end in borders[:-1]] == [begin for begin, _ in borders[1:]]
    assert (borders[0][0], borders[-1][1]) == (found["from"], found["to"])


async def test_debt_lowers_the_surplus_and_an_allocated_pack_that_repays_it_moves_into_it(api: Api) -> None:
    account_id = await api.account()
    booking = api.booking(account_id)
    await booking.charge(40, user_id="u1", reserved=0)
    await api.pack(account_id, size=100, user_id="u1")  # repays 40
    await api.pack(account_id, size=7)
    await api.pack(account_id, unlimited=True)
    await booking.charge(9, user_id="u2", reserved=0)  # 7, and 2 that the unlimited pack issues
    found = await api.good("GET", f"/admin/v1/accounts/{account_id}/surplus")
    (step,) = [moved(one) for one in found["steps"] if moved(one)]
    assert step == {"lowest": -40, "used": 49, "repaid": 40, "granted": 9}
    assert [(one["kind"], one["delta"], one["balance"]) for one in found["changes"]] == [
        ("overdraft", -40, -40),
        ("repay", 40, 0),
        ("grant", 7, 7),
    ]
    assert (await api.good("POST", "/admin/v1/audit"))["clean"]


async def test_by_default_it_is_the_last_seven_days_and_days_are_those_of_the_account(api: Api) -> None:
    account_id = await api.account(time_zone="Asia/Tokyo")
    await api.pack(account_id, size=10)
    found = await api.good("GET", f"/admin/v1/accounts/{account_id}/surplus")
    assert (found["step"], found["time_zone"], found["resource"]) == ("day", "Asia/Tokyo", "tokens")
    assert len(found["steps"]) == 8
    assert {step["from"][11:19] for step in found["steps"][1:]} == {"15:00:00"}, "midnight in Tokyo"
    life = datetime.fromisoformat(found["to"]) - datetime.fromisoformat(found["from"])
    assert life == timedelta(days=7)
    assert found["closing"] == 10


async def test_steps_are_hours_days_and_months_of_clocks_that_change(api: Api) -> None:
    account_id = await api.account(time_zone="Europe/Berlin")
    path = f"/admin/v1/accounts/{account_id}/surplus"
    october = {"from": "2026-10-24T22:00:00Z", "to": "2026-10-25T23:00:00Z"}  # the day of 25 hours
    hours = (await api.good("GET", path, **october, step="hour"))["steps"]
    assert len(hours) == 25
    days = (await api.good("GET", path, **{**october, "to": "2026-10-26T23:00:00Z"}, step="day"))["steps"]
    assert [step["to"] for step in days] == ["2026-10-25T23:00:00.000000Z", "2026-10-26T23:00:00.000000Z"]
    months = {"from": "2025-12-31T23:00:00Z", "to": "2026-12-31T23:00:00Z", "step": "month"}
    borders = [step["to"][:13] for step in (await api.good("GET", path, **months))["steps"]]
    assert len(borders) == 12
    assert borders[1:4] == ["2026-02-28T23", "2026-03-31T22", "2026-04-30T22"]


async def test_other_resources_have_a_surplus_of_their_own(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=10)
    await api.pack(account_id, size=3, resource="ocr_pages")
    found = await api.good("GET", f"/admin/v1/accounts/{account_id}/surplus", resource="ocr_pages")
    assert (found["resource"], found["closing"]) == ("ocr_pages", 3)


async def test_only_the_accounts_admins_see_it(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=10)
    boss = await api.key(account_id, role="admin")
    member = await api.key(account_id, user_id="u1")
    assert (await api.ask("GET", "/api/v1/surplus", headers=boss)).body["closing"] == 10
    refused = await api.ask("GET", "/api/v1/surplus", headers=member)
    assert (refused.status, refused.error["code"]) == (403, "not_allowed")
    assert (await api.get("/admin/v1/accounts/0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3c/surplus")).status == 404


async def test_what_is_no_range_is_refused(api: Api) -> None:
    account_id = await api.account()
    for query, param in (
        ({"step": "week"}, "step"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-02T00:00:00Z"}, "from"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-06-01T00:00:00Z", "step": "hour"}, "step"),
        ({"from": "yesterday"}, "from"),
        ({"resource": "smells"}, "resource"),
        ({"colour": "red"}, "colour"),
    ):
        refused = await api.get(f"/admin/v1/accounts/{account_id}/surplus", **query)
        assert (refused.status, refused.error["param"]) == (400, param)
