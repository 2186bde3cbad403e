"""/admin/v1/…/packs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from metering.core.rates import AMOUNT_MAX
from metering.ids import new_id
from tests.integration.api.asking import Api
from tests.integration.metering.parts import ask_of

FIELDS = [
    "id", "account_id", "status", "size", "remaining", "reserved", "expires_at", "granted_at", "note", "priority",
    "user_id",
    "models", "resource", "unlimited",
]  # fmt: skip
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
PAST = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()


async def test_a_pack_is_granted_read_changed_and_listed(api: Api) -> None:
    account_id = await api.account()
    asked = {"size": 100, "expires_at": TOMORROW, "note": "n", "priority": 7, "user_id": "u1", "models": ["m"]}
    granted = await api.ask("POST", f"/admin/v1/accounts/{account_id}/packs", asked)
    assert granted.status == 201
    pack = granted.body
    assert list(pack) == FIELDS
    assert (pack["status"], pack["remaining"], pack["reserved"], pack["unlimited"]) == ("active", 100, 0, False)
    assert datetime.fromisoformat(pack["expires_at"]) == datetime.fromisoformat(TOMORROW)
    assert pack["expires_at"].endswith("Z")
    assert await api.good("GET", f"/admin/v1/packs/{pack['id']}") == pack
    changed = await api.good("PATCH", f"/admin/v1/packs/{pack['id']}", {"note": "m", "expires_at": None})
    assert changed == {**pack, "note": "m", "expires_at": None}
    assert await api.good("GET", f"/admin/v1/accounts/{account_id}/packs") == {"data": [changed], "next_cursor": None}


async def test_an_unlimited_pack_has_no_numbers(api: Api) -> None:
    pack = await api.pack(await api.account(), unlimited=True)
    assert (pack["unlimited"], pack["size"], pack["remaining"]) == (True, None, None)


async def test_a_pack_says_what_is_held_on_it(api: Api) -> None:
    account_id = await api.account()
    first, second = await api.pack(account_id, size=100), await api.pack(account_id, size=100)
    await api.deps.admission.reserve(ask_of(account_id, 130))
    listed = (await api.good("GET", f"/admin/v1/accounts/{account_id}/packs"))["data"]
    assert {pack["id"]: pack["reserved"] for pack in listed} == {first["id"]: 100, second["id"]: 30}
    assert (await api.good("GET", f"/admin/v1/packs/{second['id']}"))["reserved"] == 30


async def test_a_revoked_pack_is_withdrawn_from_redis_too(api: Api) -> None:
    account_id = await api.account()
    pack = await api.pack(account_id, size=100)
    await api.deps.admission.view(account_id, "tokens")
    revoked = await api.good("POST", f"/admin/v1/packs/{pack['id']}/revoke")
    assert (revoked["status"], revoked["remaining"]) == ("revoked", 0)
    await api.deps.settler.drain()
    assert (await api.deps.admission.view(account_id, "tokens")).balance == 0
    assert await api.good("POST", f"/admin/v1/packs/{pack['id']}/revoke") == revoked


async def test_packs_are_listed_by_status(api: Api) -> None:
    account_id = await api.account()
    active, gone = await api.pack(account_id, size=1), await api.pack(account_id, size=1)
    await api.good("POST", f"/admin/v1/packs/{gone['id']}/revoke")
    for status, ids in (("active", [active["id"]]), ("revoked", [gone["id"]]), ("expired", []), ("depleted", [])):
        page = await api.good("GET", f"/admin/v1/accounts/{account_id}/packs", status=status)
        assert [pack["id"] for pack in page["data"]] == ids
    reply = await api.get(f"/admin/v1/accounts/{account_id}/packs", status="gone")
    assert (reply.status, reply.error["param"]) == (400, "status")


SIZES = [
    *("0", "-1", "-0", "1.5", "1e3", "NaN", "Infinity", "-Infinity", '"5"', '"NaN"', "true", "[]"),
    *(str(size) for size in (AMOUNT_MAX + 1, 2**53, 2**63, 2**64, 10**400)),
]


async def test_a_size_is_an_integer_that_amounts_can_count(api: Api) -> None:
    path = f"/admin/v1/accounts/{await api.account()}/packs"
    for size in SIZES:
        reply = await api.ask("POST", path, f'{{"size": {size}}}'.encode())
        assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "invalid_request", "size"), size
        assert "write an integer from 1 to 4503599627370496" in reply.error["message"], size
    assert (await api.ask("POST", path, b'{"size": 1}')).status == 201


async def test_the_largest_size_is_counted_to_the_token(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=AMOUNT_MAX)
    balance = await api.good("GET", f"/admin/v1/accounts/{account_id}/balance")
    assert balance["balance"] == AMOUNT_MAX
    assert (await api.ask("POST", f"/admin/v1/accounts/{account_id}/packs", {"size": 1})).error["param"] == "size"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "size"),
    ({"size": None}, "size"),
    ({"size": 5, "unlimited": True}, "size"),
    ({"size": 5, "unlimited": "yes"}, "unlimited"),
    ({"size": 5, "expires_at": PAST}, "expires_at"),
    ({"size": 5, "expires_at": 1_800_000_000}, "expires_at"),
    ({"size": 5, "priority": -1}, "priority"),
    ({"size": 5, "priority": 40_000}, "priority"),
    ({"size": 5, "note": "x" * 1001}, "note"),
    ({"size": 5, "user_id": "x" * 129}, "user_id"),
    ({"size": 5, "models": []}, "models"),
    ({"size": 5, "resource": "a:b"}, "resource"),
    ({"size": 5, "resource": "credits"}, "resource"),
    ({"size": 5, "remaining": 5}, "remaining"),
]


async def test_what_can_not_be_is_refused_by_name(api: Api) -> None:
    await api.refused("POST", f"/admin/v1/accounts/{await api.account()}/packs", REFUSED)


async def test_what_a_pack_is_never_changes(api: Api) -> None:
    pack = await api.pack(await api.account(), size=5)
    fixed = ("size", "remaining", "user_id", "models", "resource", "unlimited")
    await api.refused("PATCH", f"/admin/v1/packs/{pack['id']}", [({field: 1}, field) for field in fixed])


async def test_a_dead_pack_does_not_come_back(api: Api) -> None:
    pack = await api.pack(await api.account(), size=5)
    await api.good("POST", f"/admin/v1/packs/{pack['id']}/revoke")
    reply = await api.ask("PATCH", f"/admin/v1/packs/{pack['id']}", {"expires_at": TOMORROW})
    assert (reply.status, reply.error["param"]) == (400, "expires_at")


async def test_a_pack_that_is_not_there_is_404(api: Api) -> None:
    for pack_id in (new_id(), "nothing"):
        assert (await api.get(f"/admin/v1/packs/{pack_id}")).status == 404
        assert (await api.ask("PATCH", f"/admin/v1/packs/{pack_id}", {})).status == 404
        assert (await api.ask("POST", f"/admin/v1/packs/{pack_id}/revoke")).status == 404
        assert (await api.ask("POST", f"/admin/v1/accounts/{pack_id}/packs", {"size": 1})).status == 404
