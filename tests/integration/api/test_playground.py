"""Chats from the dashboard: on the line of all others, paid by the account of the session or key."""

from typing import Any

import pytest

from tests.conftest import settled
from tests.integration.api.asking import Api
from tests.integration.api.signed import Browser, signed_in

PATH = "/api/v1/playground/chat"
CHAT: dict[str, Any] = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


@pytest.fixture
async def key(api: Api) -> dict[str, str]:
    """The headers of a member's key, and tokens to spend."""
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    return await api.key(account_id, user_id="ada")


@pytest.fixture
async def browser(api: Api, key: dict[str, str]) -> Browser:
    """Where that member is signed in."""
    return await signed_in(api, key["Authorization"].removeprefix("Bearer "))


async def booked(browser: Browser) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the only event and the only entry of usage."""
    await settled(browser.api.client)
    (event,) = (await browser.ask("GET", "/api/v1/events")).body["data"]
    (entry,) = (await browser.ask("GET", "/api/v1/ledger", kind="usage")).body["data"]
    return event, entry


async def test_a_chat_is_charged_to_the_sessions_account_and_shown_with_its_endpoint(browser: Browser) -> None:
    reply = await browser.ask("POST", PATH, CHAT)
    assert reply.status == 200
    assert reply.body["choices"][0]["message"]["content"]
    event, entry = await booked(browser)
    assert (event["endpoint"], event["user_id"], event["status"]) == ("playground/chat", "ada", "completed")
    assert event["key_id"] == browser.session["key"]["id"]
    assert event["charge"] == entry["amount"] == int(reply.headers["x-farebox-charged"]) > 5
    assert (entry["service"], entry["reason"]) == ("playground/chat", "playground/chat")
    assert (await browser.ask("GET", "/api/v1/balance")).body["balance"] == 1000 - event["charge"]
    assert event["request_id"] == reply.headers["x-request-id"]


async def test_a_chat_is_streamed(browser: Browser) -> None:
    reply = await browser.ask("POST", PATH, {**CHAT, "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.body.count("data: ") > 5
    event, _ = await booked(browser)
    assert f": farebox charged={event['charge']} available={1000 - event['charge']}" in reply.body
    assert reply.body.endswith("data: [DONE]\n\n")


async def test_a_key_may_chat_there_too(api: Api, key: dict[str, str], browser: Browser) -> None:
    assert (await api.ask("POST", PATH, CHAT, headers=key)).status == 200
    event, _ = await booked(browser)
    assert event["endpoint"] == "playground/chat"


async def test_what_applications_send_keeps_its_endpoint(api: Api, key: dict[str, str], browser: Browser) -> None:
    assert (await api.ask("POST", "/v1/chat/completions", CHAT, headers=key)).status == 200
    event, entry = await booked(browser)
    assert (event["endpoint"], entry["reason"]) == ("chat/completions", "chat/completions")


async def test_without_its_token_nothing_is_forwarded_or_charged(api: Api, browser: Browser) -> None:
    reply = await api.ask("POST", PATH, CHAT, headers=browser.cookies)
    assert (reply.status, reply.error["code"]) == (403, "csrf_failed")
    await settled(api.client)
    assert (await browser.ask("GET", "/api/v1/events")).body["data"] == []


async def test_an_empty_account_is_refused_as_everywhere(api: Api) -> None:
    key = await api.key(await api.account())
    poor = await signed_in(api, key["Authorization"].removeprefix("Bearer "))
    reply = await poor.ask("POST", PATH, CHAT)
    assert (reply.status, reply.error["code"]) == (402, "no_active_pack")


async def test_a_repeated_chat_is_charged_once(api: Api, browser: Browser) -> None:
    headers = {**browser.headers, "Idempotency-Key": "once"}
    statuses = [(await api.ask("POST", PATH, CHAT, headers=headers)).status for _ in range(2)]
    assert statuses == [200, 409]
    application = {**headers, "Authorization": "Bearer nobody's"}
    assert (await api.ask("POST", PATH, CHAT, headers=application)).status == 401
    await booked(browser)
