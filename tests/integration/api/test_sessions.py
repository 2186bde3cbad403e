"""Sessions: what they are, what they serve, and what they leave behind."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from config.settings import Settings
from tests.conftest import ADMIN_KEY, Start, Wallet
from tests.integration.api.asking import ADMIN, Api
from tests.integration.api.signed import PATH, Browser, made, signed_in, try_key


def with_dashboard(settings: Settings, **changes: Any) -> Settings:
    return replace(settings, dashboard=replace(settings.dashboard, **changes))


def attributes(browser: Browser) -> set[str]:
    return {part.strip() for part in browser.cookie.split(";")[1:]}


async def test_a_session_says_who_is_signed_in(settings: Settings, start: Start) -> None:
    shown = with_dashboard(replace(settings, top_up_url="https://example.com/buy"), demo=True)
    api = Api(await start(shown))
    account_id = await api.account(name="Acme", time_zone="Europe/Berlin")
    key = await made(api, account_id, name="k", user_id="ada")
    browser = await signed_in(api, key["key"])
    session = browser.session
    assert session["account"] == {"id": account_id, "name": "Acme", "unit": "tokens", "time_zone": "Europe/Berlin"}
    assert session["key"] == {"id": key["id"], "name": "k", "prefix": key["prefix"]}
    assert (session["role"], session["user_id"], session["demo"]) == ("member", "ada", True)
    assert session["top_up_url"] == "https://example.com/buy"
    assert session["gateway"]["base_url"] == str(api.client.make_url("/v1"))
    assert (await browser.ask("GET", PATH)).body == session
    admins = await made(api, account_id, role="admin")
    assert (await signed_in(api, admins["key"])).session["role"] == "account_admin"


async def test_a_platform_admins_session_has_no_account(api: Api) -> None:
    session = (await signed_in(api, ADMIN_KEY)).session
    assert session["role"] == "platform_admin"
    assert (session["account"], session["user_id"], session["key"]) == (None, None, None)


async def test_a_key_that_expires_ends_the_session_that_is_shown(api: Api) -> None:
    key = await made(api, expires_at="2099-01-01T00:00:00Z")
    async with api.deps.ledger.connection() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() + interval '1 minute'")
    browser = await signed_in(api, key["key"])
    assert browser.session["expires_at"] == (await api.good("GET", f"/admin/v1/keys/{key['id']}"))["expires_at"]


async def test_no_secret_is_stored_and_none_is_answered(api: Api, wallet: Wallet) -> None:
    key = await made(api)
    browser = await signed_in(api, key["key"])
    token = browser.cookies["Cookie"].partition("=")[2]
    assert len(token) == 43  # 256 bits
    rows = str([dict(row) for row in await wallet.connection.fetch("SELECT * FROM sessions")])
    for secret in (token, browser.session["csrf_token"], key["key"]):
        assert secret not in rows
    assert token not in str(browser.session)


async def test_the_cookie_is_for_this_site_and_no_script(api: Api) -> None:
    browser = await signed_in(api, ADMIN_KEY)
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= attributes(browser)
    assert "Secure" not in attributes(browser)


@pytest.mark.parametrize(("proxies", "scheme"), [(("127.0.0.0/8",), "https"), ((), "http")])
async def test_the_cookie_is_for_tls_where_a_trusted_proxy_says_so(
    settings: Settings, start: Start, proxies: tuple[str, ...], scheme: str
) -> None:
    api = Api(await start(replace(settings, server=replace(settings.server, trusted_proxies=proxies))))
    browser = await signed_in(api, ADMIN_KEY, **{"X-Forwarded-Proto": "https"})
    assert ("Secure" in attributes(browser)) is (scheme == "https")
    assert browser.session["gateway"]["base_url"].startswith(f"{scheme}://")
    plain = await signed_in(api, ADMIN_KEY, **{"X-Forwarded-Proto": "https, http"})  # what a client wrote stands first
    assert "Secure" not in attributes(plain)


async def test_a_setting_makes_the_cookie_for_tls_only(settings: Settings, start: Start) -> None:
    api = Api(await start(with_dashboard(settings, secure_cookie=True)))
    assert "Secure" in attributes(await signed_in(api, ADMIN_KEY))


async def test_a_key_that_is_none_signs_nobody_in(api: Api) -> None:
    revoked = await made(api)
    await api.good("DELETE", f"/admin/v1/keys/{revoked['id']}")
    for key in ("fbx_nobody's", revoked["key"], ADMIN_KEY + "x"):
        reply = await try_key(api, key)
        assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
        assert "set-cookie" not in reply.headers
    elsewhere = await made(api, ip_ranges=["203.0.113.0/24"])
    assert (await try_key(api, elsewhere["key"])).status == 403


async def test_another_sites_page_signs_nobody_in(api: Api) -> None:
    for site in ("cross-site", "same-site"):
        reply = await try_key(api, ADMIN_KEY, **{"Sec-Fetch-Site": site})
        assert (reply.status, reply.error["code"]) == (403, "csrf_failed")
    assert (await try_key(api, ADMIN_KEY, **{"Sec-Fetch-Site": "same-origin"})).status == 200
    form = await try_key(api, ADMIN_KEY, **{"Content-Type": "text/plain"})  # what a form of any page can send
    assert (form.status, form.error["param"]) == (400, "Content-Type")


async def test_an_accounts_session_reads_what_its_key_may(api: Api) -> None:
    account_id, key = await api.account(), None
    await api.pack(account_id, size=1000)
    key = await made(api, account_id, user_id="ada")
    browser = await signed_in(api, key["key"])
    assert (await browser.ask("GET", "/api/v1/balance")).body["balance"] == 1000
    for path in ("/api/v1/pricing", "/dashboard/user/token-management/balance", "/api/v1/keys"):
        assert (await browser.ask("GET", path)).status == 200, path
    assert (await browser.ask("GET", "/api/v1/statements", month="2026-11")).status == 403  # for its admins
    assert (await browser.ask("GET", "/admin/v1/accounts")).error["code"] == "not_allowed"


async def test_an_admins_session_serves_the_admin_api_alone(api: Api) -> None:
    browser = await signed_in(api, ADMIN_KEY)
    made_account = await browser.ask("POST", "/admin/v1/accounts", {"name": "new"})
    assert made_account.status == 201
    assert (await browser.ask("GET", f"/admin/v1/accounts/{made_account.body['id']}")).status == 200
    for method, path in (("GET", "/api/v1/balance"), ("POST", "/api/v1/playground/chat")):
        reply = await browser.ask(method, path, {} if method == "POST" else None)
        assert (reply.status, reply.error["code"]) == (403, "not_allowed"), path
        assert "account's key" in reply.error["message"]


async def test_models_are_served_by_keys_alone(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    browser = await signed_in(api, (await made(api, account_id))["key"])
    chat = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    for path in ("/v1/chat/completions", "/chat/completions", "/v1/count"):
        assert (await browser.ask("POST", path, chat)).status == 401, path
    assert (await browser.ask("GET", "/v1/models")).status == 401
    assert (await browser.ask("POST", "/api/v1/playground/count", chat)).body["prompt_tokens"] > 0


@pytest.mark.parametrize("token", [None, "wrong", "ü"])
async def test_changes_need_the_sessions_token(api: Api, token: str | None) -> None:
    account_id = await api.account()
    accounts = await signed_in(api, (await made(api, account_id, role="admin"))["key"])
    admins = await signed_in(api, ADMIN_KEY)
    other = {} if token is None else {"X-CSRF-Token": token}
    for browser, method, path, body in (
        (accounts, "POST", "/api/v1/keys", {"name": "x"}),
        (accounts, "POST", "/api/v1/usage", {"amount": 1}),
        (accounts, "POST", "/api/v1/playground/chat", {}),
        (accounts, "DELETE", PATH, None),
        (admins, "POST", "/admin/v1/accounts", {"name": "x"}),
        (admins, "POST", "/admin/v1/audit", None),
        (admins, "DELETE", PATH, None),
    ):
        reply = await api.ask(method, path, body, headers={**browser.cookies, **other})
        assert (reply.status, reply.error["code"]) == (403, "csrf_failed"), path
        theirs = {"X-CSRF-Token": (admins if browser is accounts else accounts).session["csrf_token"]}
        assert (await api.ask(method, path, body, headers={**browser.cookies, **theirs})).status == 403, path
        assert (await api.ask("GET", PATH, headers=browser.cookies)).status == 200
    assert (await accounts.ask("POST", "/api/v1/keys", {"name": "x"})).status == 201


async def test_a_key_in_the_headers_wins_and_needs_no_token(api: Api) -> None:
    browser = await signed_in(api, (await made(api))["key"])
    sent = {**browser.cookies, **ADMIN}
    assert (await api.ask("POST", "/admin/v1/accounts", {"name": "x"}, headers=sent)).status == 201


async def test_an_admins_coming_and_going_is_in_the_trail(api: Api) -> None:
    account_id = await api.account()
    admins, members = await made(api, account_id, role="admin"), await made(api, account_id)
    for secret in (ADMIN_KEY, admins["key"], members["key"]):
        await (await signed_in(api, secret)).ask("DELETE", PATH)
    lines = (await api.get("/admin/v1/audit-trail", object="session")).body["data"]
    assert [(line["action"], line["actor_kind"], line["account_id"]) for line in reversed(lines)] == [
        ("sign_in", "platform_admin", None),
        ("sign_out", "platform_admin", None),
        ("sign_in", "account_admin", account_id),
        ("sign_out", "account_admin", account_id),
    ]
    assert lines[0]["actor"] == lines[1]["actor"] == admins["id"]
    assert lines[0]["object_id"] == lines[1]["object_id"] != lines[2]["object_id"]


async def test_what_a_session_changes_is_its_keys_change(api: Api) -> None:
    admin = await signed_in(api, ADMIN_KEY)
    created = (await admin.ask("POST", "/admin/v1/accounts", {"name": "new"})).body
    key = await made(api, created["id"], role="admin", user_id="ada")
    await (await signed_in(api, key["key"])).ask("POST", "/api/v1/keys", {"name": "other"})
    by_key, by_session = [
        (await api.get("/admin/v1/audit-trail", object=kind, account_id=created["id"])).body["data"][0]
        for kind in ("key", "account")
    ]
    assert (by_key["actor_kind"], by_key["actor"], by_key["user_id"]) == ("account_admin", key["id"], "ada")
    assert by_session["actor_kind"] == "platform_admin"
    assert len(by_session["actor"]) == 12


async def test_sign_ins_that_fail_are_throttled_exactly(settings: Settings, start: Start) -> None:
    api = Api(await start(with_dashboard(settings, sign_ins_per_minute=5)))
    replies = await asyncio.gather(*(try_key(api, f"fbx_{number}") for number in range(25)))
    assert Counter(reply.status for reply in replies) == {401: 5, 429: 20}
    late = await try_key(api, ADMIN_KEY)
    assert (late.status, late.error["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert (await api.get("/admin/v1/accounts")).status == 200  # a key goes on


async def test_failures_from_all_addresses_together_are_throttled(settings: Settings, start: Start) -> None:
    trusting = replace(settings, server=replace(settings.server, trusted_proxies=("127.0.0.0/8",)))
    api = Api(await start(with_dashboard(trusting, sign_ins_per_minute=2, sign_ins_total_per_minute=3)))
    tried = ["203.0.113.1", "203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.3"]
    statuses = [(await try_key(api, "fbx_wrong", **{"X-Forwarded-For": address})).status for address in tried]
    assert statuses == [401, 401, 429, 401, 429]


async def test_good_sign_ins_are_not_throttled(settings: Settings, start: Start) -> None:
    api = Api(await start(with_dashboard(settings, sign_ins_per_minute=2)))
    for _ in range(6):
        await signed_in(api, ADMIN_KEY)
