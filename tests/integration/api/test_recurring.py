"""/admin/v1/…/recurring: schedules of packs."""

from datetime import UTC, datetime, timedelta

from tests.conftest import Start
from tests.integration.api.asking import Api
from tests.waiting import eventually

TODAY = datetime.now(UTC).date()


async def test_the_period_that_has_begun_gets_its_pack_at_once(api: Api) -> None:
    account_id = await api.account()
    body = {"size": 100, "period": "day", "user_id": "u1", "models": ["m"], "note": "daily", "priority": 7}
    made = await api.good("POST", f"/admin/v1/accounts/{account_id}/recurring", body)
    assert (made["size"], made["period"], made["rollover"], made["paused"]) == (100, "day", False, False)
    assert (made["last_period"], made["resource"]) == (made["starts_on"], "tokens")
    pack = await api.good("GET", f"/admin/v1/packs/{made['last_pack_id']}")
    assert (pack["size"], pack["user_id"], pack["models"]) == (100, "u1", ["m"])
    assert (pack["note"], pack["priority"], pack["expires_at"]) == ("daily", 7, made["next_at"])
    assert (await api.good("GET", f"/admin/v1/accounts/{account_id}/balance"))["balance"] == 100
    listed = await api.good("GET", f"/admin/v1/accounts/{account_id}/recurring")
    assert listed["data"] == [made]
    assert (await api.good("POST", "/admin/v1/audit"))["clean"]


async def test_a_gateway_grants_what_is_due_and_redis_hears_of_it(api: Api, start: Start) -> None:
    account_id = await api.account()
    tomorrow = str(TODAY + timedelta(days=1))
    body = {"size": 100, "period": "month", "starts_on": tomorrow, "rollover": True}
    made = await api.good("POST", f"/admin/v1/accounts/{account_id}/recurring", body)
    assert (made["last_period"], made["next_at"][:10]) == (None, tomorrow)
    async with api.deps.ledger.connection() as connection:  # a day passes
        yesterday = "starts_on = starts_on - 1, granted_from = granted_from - 1"
        await connection.execute(f"UPDATE recurring_packs SET {yesterday}, next_at = now()")  # noqa: S608 - our text
    other = Api(await start())  # its first round comes at once

    async def granted() -> bool:
        balance = await other.good("GET", f"/admin/v1/accounts/{account_id}/balance")
        return bool(balance["balance"] == 100)

    await eventually(granted)
    (line,) = (await api.good("GET", "/admin/v1/audit-trail", account_id=account_id, action="grant"))["data"]
    assert (line["actor_kind"], line["actor"], line["object"]) == ("server", "recurring", "pack")
    key = await api.key(account_id)
    assert (await api.ask("POST", "/api/v1/usage", {"amount": 100}, headers=key)).status == 201


async def test_a_schedule_is_changed_paused_and_deleted(api: Api) -> None:
    account_id = await api.account()
    made = await api.good("POST", f"/admin/v1/accounts/{account_id}/recurring", {"size": 1, "period": "week"})
    path = f"/admin/v1/recurring/{made['id']}"
    paused = await api.good("PATCH", path, {"paused": True, "size": 2, "note": "more"})
    assert (paused["paused"], paused["size"], paused["note"], paused["next_at"]) == (True, 2, "more", None)
    resumed = await api.good("PATCH", path, {"paused": False})
    assert (resumed["next_at"], resumed["last_pack_id"]) == (made["next_at"], made["last_pack_id"])
    assert (await api.good("DELETE", path))["id"] == made["id"]
    for method in ("PATCH", "DELETE"):
        assert (await api.ask(method, path, {} if method == "PATCH" else None)).status == 404
    assert (await api.good("GET", f"/admin/v1/packs/{made['last_pack_id']}"))["status"] == "active"


async def test_what_is_no_schedule_is_refused(api: Api) -> None:
    account_id = await api.account()
    path = f"/admin/v1/accounts/{account_id}/recurring"
    good = {"size": 1, "period": "day"}
    await api.refused(
        "POST",
        path,
        [
            ({"period": "day"}, "size"),
            ({"size": 1}, "period"),
            ({**good, "period": "year"}, "period"),
            ({**good, "starts_on": "tomorrow"}, "starts_on"),
            ({**good, "starts_on": "0001-01-01"}, "starts_on"),
            ({**good, "starts_on": "2027-01-02", "ends_on": "2027-01-02"}, "ends_on"),
            ({**good, "resource": "credits"}, "resource"),
            ({**good, "unlimited": True}, "unlimited"),
        ],
    )
    nobody = "/admin/v1/accounts/0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3c/recurring"
    assert (await api.ask("POST", nobody, good)).status == 404
    assert (await api.get(nobody)).status == 404
    assert (await api.get(path, limit="0")).status == 400
