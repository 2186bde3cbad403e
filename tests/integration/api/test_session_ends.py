"""Every way in which a session ends, and how soon."""

from dataclasses import replace

import pytest

from config.settings import Settings
from tests.conftest import ADMIN_KEY, Start, Wallet
from tests.integration.api.asking import ADMIN, Api
from tests.integration.api.signed import PATH, made, signed_in
from tests.waiting import eventually


async def test_signing_out_ends_a_session_at_once_here_and_soon_elsewhere(settings: Settings, start: Start) -> None:
    short = replace(settings, auth=replace(settings.auth, cache_seconds=0.2))
    here, elsewhere = Api(await start(settings)), Api(await start(short))
    browser = await signed_in(here, (await made(here))["key"])
    other = await signed_in(here, (await made(here))["key"])
    assert not await browser.ended(elsewhere)
    reply = await browser.ask("DELETE", PATH)
    assert reply.status == 204
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert await browser.ended()
    await eventually(lambda: browser.ended(elsewhere))
    assert (await browser.ask("GET", "/api/v1/balance")).error["code"] == "session_expired"
    assert not await other.ended()


async def test_a_session_is_believed_no_longer_than_a_key(settings: Settings, start: Start) -> None:
    """However long keys are believed: five seconds at most."""
    trusting = replace(settings, auth=replace(settings.auth, cache_seconds=3600.0))
    api = Api(await start(trusting))
    assert api.deps.sessions.cache_seconds == 5
    assert Api(await start(settings)).deps.sessions.cache_seconds == settings.auth.cache_seconds <= 5


async def aged(wallet: Wallet, column: str, seconds: int) -> None:
    await wallet.connection.execute(f"UPDATE sessions SET {column} = now() - make_interval(secs => $1)", seconds)  # noqa: S608


@pytest.fixture
async def forgetful(settings: Settings, start: Start) -> Api:
    """A gateway that believes nothing for long."""
    return Api(await start(replace(settings, auth=replace(settings.auth, cache_seconds=0.0))))


@pytest.mark.parametrize(("column", "seconds"), [("used_at", 3601), ("expires_at", 1)])
async def test_a_session_ends_unused_or_at_its_end(forgetful: Api, wallet: Wallet, column: str, seconds: int) -> None:
    browser = await signed_in(forgetful, wallet.key)
    await aged(wallet, column, seconds)
    assert await browser.ended()
    assert await forgetful.deps.sessions.forget_old() == 1
    assert await wallet.connection.fetchval("SELECT count(*) FROM sessions") == 0


async def test_a_session_that_is_used_goes_on_and_is_not_forgotten(forgetful: Api, wallet: Wallet) -> None:
    browser = await signed_in(forgetful, wallet.key)
    await aged(wallet, "used_at", 3500)
    assert not await browser.ended()
    unused = await wallet.connection.fetchval("SELECT extract(epoch FROM now() - used_at) FROM sessions")
    assert unused < 60
    assert await forgetful.deps.sessions.forget_old() == 0
    assert not await browser.ended()


async def test_the_upkeep_forgets_sessions_that_are_over(settings: Settings, start: Start, wallet: Wallet) -> None:
    api = Api(await start(settings))
    await signed_in(api, wallet.key)
    await aged(wallet, "expires_at", 1)

    async def none_left() -> bool:
        return not await wallet.connection.fetchval("SELECT count(*) FROM sessions")

    await start(settings)  # its chores have their first turn at once
    await eventually(none_left)


async def test_a_session_ends_with_its_key(forgetful: Api, wallet: Wallet) -> None:
    account_id = await forgetful.account()
    await forgetful.good("POST", f"/admin/v1/accounts/{account_id}/members", {"user_id": "ada"})
    revoked, members = await made(forgetful, account_id), await made(forgetful, account_id, user_id="ada")
    expired, rotated = await made(forgetful, account_id), await made(forgetful, account_id)
    browsers = [await signed_in(forgetful, key["key"]) for key in (revoked, members, expired, rotated)]
    await forgetful.good("DELETE", f"/admin/v1/keys/{revoked['id']}")
    await forgetful.good("DELETE", f"/admin/v1/accounts/{account_id}/members/ada")
    await wallet.connection.execute("UPDATE api_keys SET expires_at = now() WHERE key_id = $1", expired["id"])
    await forgetful.good("POST", f"/admin/v1/keys/{rotated['id']}/rotate")
    for browser in browsers:
        assert await browser.ended()
        assert (await browser.ask("GET", "/api/v1/balance")).error["code"] == "session_expired"
        assert (await browser.ask("DELETE", PATH)).status == 204


async def test_a_revoked_keys_session_ends_at_once_where_it_was_revoked(api: Api) -> None:
    key = await made(api)
    browser = await signed_in(api, key["key"])
    assert (await browser.ask("GET", "/api/v1/balance")).status == 200
    await api.good("DELETE", f"/admin/v1/keys/{key['id']}")
    assert await browser.ended()


async def test_a_session_obeys_its_keys_addresses(api: Api) -> None:
    key = await made(api)
    browser = await signed_in(api, key["key"])
    await api.good("PATCH", f"/admin/v1/keys/{key['id']}", {"ip_ranges": ["203.0.113.0/24"]})
    assert (await browser.ask("GET", "/api/v1/balance")).error["code"] == "not_allowed"


async def test_another_admin_key_ends_the_sessions_of_the_last_one(settings: Settings, start: Start) -> None:
    before = Api(await start(settings))
    browser = await signed_in(before, ADMIN_KEY)
    assert (await browser.ask("GET", "/admin/v1/accounts")).status == 200
    after = Api(await start(replace(settings, auth=replace(settings.auth, admin_key="fbx_another_admin_key"))))
    assert (await browser.ask("GET", "/admin/v1/accounts", api=after)).error["code"] == "session_expired"
    assert await browser.ended(after)


async def test_without_a_session_nobody_is_signed_in(api: Api) -> None:
    cookie = {"Cookie": "farebox_session=fbx_nobodys; other=1"}
    for headers in ({}, cookie, ADMIN):
        for method in ("GET", "DELETE"):
            assert (await api.ask(method, PATH, headers=headers)).error["code"] == "session_expired"
