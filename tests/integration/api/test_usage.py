"""POST /api/v1/usage: what is no model call, held and charged in one step."""

from dataclasses import replace
from typing import Any

import pytest

from config.settings import Settings
from tests.conftest import Start, settled
from tests.integration.api.asking import Api, Reply

PATH = "/api/v1/usage"


async def use(api: Api, key: dict[str, str], body: Any, **headers: str) -> Reply:
    """Use something."""
    return await api.ask("POST", PATH, body, headers={**key, **headers})


async def events(api: Api, account_id: str) -> list[dict[str, Any]]:
    """Return the account's events when all is booked."""
    await settled(api.client)
    found: list[dict[str, Any]] = (await api.good("GET", "/admin/v1/events", account_id=account_id))["data"]
    return found


async def test_pages_are_charged_at_once(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=10, resource="ocr_pages")
    key = await api.key(account_id, user_id="u1")
    body = {"resource": "ocr_pages", "amount": 4, "feature": "scan", "reason": "invoice", "session_id": "s1"}
    used = await use(api, key, body)
    assert used.status == 201
    assert used.body == {
        "request_id": used.headers["x-request-id"],
        "resource": "ocr_pages",
        "base": "unit",
        "units": 4,
        "charge": 4,
        "available": 6,
    }
    assert (used.headers["x-farebox-charged"], used.headers["x-farebox-available"]) == ("4", "6")
    (event,) = await events(api, account_id)
    assert (event["request_id"], event["charge"], event["resource"]) == (used.body["request_id"], 4, "ocr_pages")
    assert (event["endpoint"], event["model"], event["provider"]) == ("usage", "-", "-")
    assert (event["feature"], event["reason"], event["session_id"]) == ("scan", "invoice", "s1")
    assert (event["prompt_tokens"], event["completion_tokens"], event["source"]) == (0, 0, "upstream")
    balance = await api.good("GET", f"/admin/v1/accounts/{account_id}/balance", resource="ocr_pages")
    assert (balance["balance"], balance["reserved"], balance["unit"]) == (6, 0, "ocr_pages")
    assert (await api.good("POST", "/admin/v1/audit"))["clean"]


async def test_text_is_counted_here(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    key = await api.key(account_id)
    for body, units in (
        ({"text": "hello world"}, 2),
        ({"text": "hello world", "base": "word"}, 2),
        ({"text": "hello world", "base": "character"}, 11),
        ({"text": "word " * 40_000, "base": "word"}, 40_000),
    ):
        used = await use(api, key, body)
        if units <= 1000:
            assert (used.status, used.body["units"], used.body["charge"]) == (201, units, units)
        else:
            assert (used.status, used.error["details"]["required"]) == (402, units)
    assert [(one["charge"], one["prompt_tokens"], one["source"]) for one in await events(api, account_id)] == [
        (11, 0, "tokenizer"),
        (2, 0, "tokenizer"),
        (2, 2, "tokenizer"),
    ]


async def test_the_same_key_is_charged_once(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=10, resource="images")
    key = await api.key(account_id)
    body = {"resource": "images", "amount": 3}
    first = await use(api, key, body, **{"Idempotency-Key": "k"})
    await settled(api.client)
    again = await use(api, key, body, **{"Idempotency-Key": "k"})
    assert (first.status, again.status, again.error["code"]) == (201, 409, "already_used")
    assert again.error["details"] == {"request_id": first.body["request_id"], "charge": 3, "unit": "images"}
    other = await use(api, key, {**body, "amount": 4}, **{"Idempotency-Key": "k"})
    assert (other.status, other.error["code"]) == (422, "idempotency_mismatch")
    assert len(await events(api, account_id)) == 1


async def test_what_does_not_fit_is_refused_and_free(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=10, resource="images")
    key = await api.key(account_id)
    refused = await use(api, key, {"resource": "images", "amount": 11})
    assert (refused.status, refused.error["code"]) == (402, "insufficient_balance")
    tokens = await use(api, key, {"amount": 1})
    assert (tokens.status, tokens.error["code"]) == (402, "no_active_pack")
    unknown = await use(api, key, {"resource": "smells", "amount": 1})
    assert (unknown.status, unknown.error["param"]) == (400, "resource")
    assert await events(api, account_id) == []


async def test_use_is_in_the_journal_until_it_is_booked(start: Start, settings: Settings) -> None:
    api = Api(await start(replace(settings, journal=replace(settings.journal, fsync="group"))))
    account_id = await api.account()
    await api.pack(account_id, size=10)
    key = await api.key(account_id)
    assert (await use(api, key, {"amount": 3})).status == 201
    assert api.deps.meter.journal.durable
    await settled(api.client)
    assert api.deps.meter.journal.unfinished == 0
    assert api.deps.meter.holds == {}


@pytest.mark.parametrize("resource", ["images", "widgets"])
async def test_any_resource_that_is_configured_may_be_used(start: Start, settings: Settings, resource: str) -> None:
    widgets = replace(settings.resources["images"], name="widgets", label="widgets")
    api = Api(await start(replace(settings, resources={**settings.resources, "widgets": widgets})))
    account_id = await api.account()
    await api.pack(account_id, size=10, resource=resource)
    assert (await use(api, await api.key(account_id), {"resource": resource, "amount": 2})).status == 201
