"""What platform admins see at a glance: accounts and how they stand, models, prices and estimates, the proof."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.sealer import Sealer
from tests.conftest import Wallet, settled
from tests.integration.api.asking import Api

CHAT: dict[str, Any] = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


async def names(api: Api, **query: str) -> list[str]:
    return [account["name"] for account in (await api.good("GET", "/admin/v1/accounts", **query))["data"]]


async def test_accounts_are_found_by_name_email_or_the_beginning_of_their_id(api: Api) -> None:
    acme = await api.account(name="Acme 100% Ltd", email="ada@example.com")
    await api.account(name="Umbrella")
    for search in ("acme", "100%", "ADA@example", acme, acme[:20].upper()):
        assert await names(api, search=search) == ["Acme 100% Ltd"], search
    assert await names(api, search="_") == await names(api, search="nobody") == []
    assert await names(api) == ["Umbrella", "Acme 100% Ltd"]


async def test_a_search_goes_on_from_page_to_page(api: Api) -> None:
    for number in range(3):
        await api.account(name=f"acme {number}")
    await api.account(name="other")
    first = await api.good("GET", "/admin/v1/accounts", search="acme", limit="2")
    rest = await api.good("GET", "/admin/v1/accounts", search="acme", limit="2", cursor=first["next_cursor"])
    assert [one["name"] for one in (*first["data"], *rest["data"])] == ["acme 2", "acme 1", "acme 0"]
    assert rest["next_cursor"] is None


async def test_accounts_are_listed_with_how_they_stand(api: Api) -> None:
    rich, poor = await api.account(name="rich"), await api.account(name="poor")
    await api.pack(rich, size=1000)
    key = await api.key(rich)
    charged = [
        int((await api.ask("POST", "/v1/chat/completions", CHAT, headers=key)).headers["x-farebox-charged"])
        for _ in range(2)
    ]
    opened = await api.ask("POST", "/api/v1/reservations", {"amount": 100}, headers=key)
    assert opened.status == 201
    await settled(api.client)
    listed = (await api.good("GET", "/admin/v1/accounts", standing="true"))["data"]
    standing = {one["id"]: one["standing"] for one in listed}
    balance = 1000 - sum(charged)
    assert standing[rich] == {
        "state": "normal", "critical": False, "balance": balance, "reserved": 100, "available": balance - 100,
        "unlimited": False, "active_packs": 1, "used_this_month": sum(charged),
    }  # fmt: skip
    assert (standing[poor]["state"], standing[poor]["used_this_month"]) == ("stopped", 0)
    assert "standing" not in (await api.good("GET", "/admin/v1/accounts"))["data"][0]


@pytest.mark.parametrize("rolled", [True, False])
async def test_this_month_is_the_accounts_own_less_refunds(api: Api, wallet: Wallet, *, rolled: bool) -> None:
    account_id = await api.account(time_zone="Pacific/Kiritimati")
    await api.pack(account_id, size=10_000)
    booking = api.booking(account_id)
    request_id = await booking.charge(100)
    await booking.charge(30)
    await api.good("POST", f"/admin/v1/events/{request_id}/refund", {"amount": 40, "reason": "x"})
    if rolled:
        await wallet.connection.fetch("SELECT * FROM roll_account($1, 1000)", account_id)
    (account,) = (await api.good("GET", "/admin/v1/accounts", search=account_id, standing="true"))["data"]
    allocations = await api.good("GET", f"/admin/v1/accounts/{account_id}/allocations")
    assert account["standing"]["used_this_month"] == allocations["used_this_month"] == 90


async def test_an_account_is_priced_and_estimated_as_it_sees_itself(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    key = await api.key(account_id, role="admin")
    await api.ask("POST", "/v1/chat/completions", CHAT, headers=key)
    await settled(api.client)
    for noun in ("pricing", "estimate"):
        own = (await api.ask("GET", f"/api/v1/{noun}", headers=key)).body
        theirs = await api.good("GET", f"/admin/v1/accounts/{account_id}/{noun}")
        moving = {"since", "time_to_empty"}
        assert {name: value for name, value in theirs.items() if name not in moving} == {
            name: value for name, value in own.items() if name not in moving
        }
    assert theirs["mix"]["requests"] == 1
    nobodys = "/admin/v1/accounts/0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3c"
    assert (await api.get(f"{nobodys}/pricing")).status == (await api.get(f"{nobodys}/estimate")).status == 404


async def test_models_are_shown_as_they_are_configured(api: Api) -> None:
    await api.good("POST", "/admin/v1/prices", {"model": "simulated", "input": 2_500_000, "completion": 10_000_000})
    models = (await api.good("GET", "/admin/v1/models"))["data"]
    assert [one["model"] for one in models] == sorted(api.deps.settings.models)
    (simulated,) = [one for one in models if one["model"] == "simulated"]
    spec = api.deps.settings.models["simulated"]
    assert (simulated["provider"], simulated["kind"], simulated["encoding"]) == (
        "simulated",
        "simulated",
        spec.encoding,
    )
    assert simulated["context_tokens"] == spec.context_tokens
    assert simulated["rates"] == {"prompt": 1.0, "cached": 1.0, "completion": 1.0}
    assert [row["completion"] for row in simulated["prices"]] == [10_000_000]


async def test_the_proof_tells_what_is_known(api: Api, wallet: Wallet) -> None:
    before = await api.good("GET", "/admin/v1/proof")
    assert (before["audit"], before["holds_open"], before["unsettled"], before["parked"]) == (None, 0, 0, 0)
    assert (before["drift"], before["seal"]) == ([], None)
    assert before["recovered"] == {"requests": 0, "corrected": 0, "last_at": None}
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    key = await api.key(account_id)
    await api.ask("POST", "/api/v1/reservations", {"amount": 100}, headers=key)
    await api.good("POST", "/admin/v1/audit")
    await wallet.connection.execute(
        "INSERT INTO parked_settlements (request_id, settlement, error) VALUES ('x', '', '')"
    )
    after = await api.good("GET", "/admin/v1/proof")
    assert after["holds_open"] == 1
    assert after["audit"] == await api.good("GET", "/admin/v1/audit")
    assert after["audit"]["clean"] is True
    assert after["parked"] == 1
    age = datetime.now(UTC) - datetime.fromisoformat(after["audit"]["checked_at"])
    assert age < timedelta(minutes=1)


async def test_the_proof_counts_recovered_requests_and_names_the_newest_seal(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    key = await api.key(account_id)
    chat = await api.ask("POST", "/v1/chat/completions", CHAT, headers=key)
    await settled(api.client)
    async with api.deps.ledger.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE events SET source = 'recovered' WHERE request_id = $1", chat.headers["x-request-id"]
        )
    await Sealer(api.deps.ledger, seal_seconds=0.01).seal_due()
    proof = await api.good("GET", "/admin/v1/proof")
    assert proof["recovered"]["requests"] == 1
    assert proof["recovered"]["last_at"]
    head = (await api.good("GET", "/admin/v1/seals"))["data"][0]
    assert proof["seal"] == {name: head[name] for name in ("position", "sealed_at", "hash")}
