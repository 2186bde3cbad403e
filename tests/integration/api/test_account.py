"""/api/v1: an account's own reads."""

from tests.integration.api.asking import Api, Reply

PATHS = ["/api/v1/balance", "/api/v1/packs", "/api/v1/ledger", "/api/v1/events"]


async def charges(api: Api, headers: dict[str, str], **query: str) -> list[int]:
    """Return the charges of the events that a key sees; its ledger must have the same requests."""
    events: Reply = await api.ask("GET", "/api/v1/events", headers=headers, **query)
    entries: Reply = await api.ask("GET", "/api/v1/ledger", headers=headers, **query)
    assert (events.status, entries.status) == (200, 200)
    requests = {row["request_id"] for row in entries.body["data"]} - {None}
    assert requests == {row["request_id"] for row in events.body["data"]}
    return sorted(row["charge"] for row in events.body["data"])


async def test_an_account_sees_its_own_balance(api: Api) -> None:
    first, second = await api.account(), await api.account()
    await api.pack(first, size=10)
    await api.pack(second, size=20)
    for account_id, balance in ((first, 10), (second, 20)):
        reply = await api.ask("GET", "/api/v1/balance", headers=await api.key(account_id))
        assert (reply.status, reply.body["balance"]) == (200, balance)
        assert reply.body == await api.good("GET", f"/admin/v1/accounts/{account_id}/balance")
    images = await api.ask("GET", "/api/v1/balance", headers=await api.key(first), resource="images")
    assert images.body["balance"] == 0


async def test_a_member_sees_their_own_requests_and_an_admin_all_of_the_account(api: Api) -> None:
    account_id, other = await api.account(), await api.account()
    await api.pack(account_id, size=1000)
    booking = api.booking(account_id)
    await booking.charge(1, user_id="u1")
    await booking.charge(2, user_id="u2")
    await booking.charge(3, user_id=None)
    await api.booking(other).charge(4, user_id="u1")
    one, two, app, boss = [
        await api.key(account_id, **fields)
        for fields in ({"user_id": "u1"}, {"user_id": "u2"}, {}, {"user_id": "u1", "role": "admin"})
    ]
    assert await charges(api, one) == [1]
    assert await charges(api, two) == [2]
    assert await charges(api, app) == [3]
    assert await charges(api, boss) == [1, 2, 3]
    assert await charges(api, boss, user_id="u2") == [2]
    assert await charges(api, one, user_id="u2") == []
    assert await charges(api, boss, account_id=other) == []


async def test_only_an_accounts_admin_sees_its_grants(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    for fields, count in (({"user_id": "u1"}, 0), ({}, 0), ({"role": "admin"}, 1)):
        reply = await api.ask("GET", "/api/v1/ledger", headers=await api.key(account_id, **fields), total="true")
        assert reply.body["total"] == count


async def test_a_member_sees_the_packs_that_they_may_use(api: Api) -> None:
    account_id = await api.account()
    for size, user_id in ((1, None), (2, "u1"), (3, "u2")):
        await api.pack(account_id, size=size, user_id=user_id)
    await api.pack(await api.account(), size=4)
    for fields, sizes in (({"user_id": "u1"}, [2, 1]), ({}, [1]), ({"role": "admin"}, [3, 2, 1])):
        key = await api.key(account_id, **fields)
        reply = await api.ask("GET", "/api/v1/packs", headers=key)
        assert [pack["size"] for pack in reply.body["data"]] == sizes
        assert (await api.ask("GET", "/api/v1/packs", headers=key, status="revoked")).body["data"] == []


async def test_a_key_is_needed(api: Api) -> None:
    for path in PATHS:
        for headers in ({}, {"Authorization": "Bearer fbx_nothing"}, {"x-api-key": "\u00e9"}):
            reply = await api.ask("GET", path, headers=headers)
            assert (reply.status, reply.error["code"]) == (401, "invalid_api_key"), path


async def test_an_unknown_parameter_is_named(api: Api) -> None:
    key = await api.key(await api.account())
    for path in PATHS:
        reply = await api.ask("GET", path, headers=key, colour="red")
        assert (reply.status, reply.error["param"]) == (400, "colour"), path


async def test_x_api_key_does_as_well(api: Api) -> None:
    key = await api.key(await api.account())
    reply = await api.ask("GET", "/api/v1/balance", headers={"x-api-key": key["Authorization"].split()[1]})
    assert reply.status == 200
