"""/metrics, and what it says of accounts."""

import re
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from config.settings import Settings
from tests.conftest import Start
from tests.integration.api.asking import Api
from tests.integration.metering.parts import ask_of


async def scrape(api: Api, **headers: str) -> dict[str, float]:
    """Return every sample as ``name{labels}``."""
    reply = await api.ask("GET", "/metrics", headers=headers)
    assert reply.status == 200, reply
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        sample.name + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.body)
        for sample in family.samples
    }


async def test_an_account_is_shown_as_it_stands(api: Api) -> None:
    account_id = await api.account(min_reserve=5)
    await api.pack(account_id, size=1000)
    await api.deps.admission.reserve(ask_of(account_id, 300))
    samples = await scrape(api)
    for name, value in (("balance", 1000), ("reserved", 300), ("available", 700), ("min_reserve", 5), ("debt", 0)):
        assert samples[f"farebox_{name},account={account_id}"] == value
    states = {state: samples[f"farebox_account_state,account={account_id},state={state}"] for state in STATES}
    assert states == {"normal": 1, "running_low": 0, "stopped": 0}


STATES = ("normal", "running_low", "stopped")


@pytest.mark.parametrize(("charge", "state"), [(950, "running_low"), (1000, "stopped"), (1100, "stopped")])
async def test_a_state_is_one_of_three(api: Api, charge: int, state: str) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    await api.booking(account_id).charge(charge)
    samples = await scrape(api)
    assert {one: samples[f"farebox_account_state,account={account_id},state={one}"] for one in STATES} == {
        one: float(one == state) for one in STATES
    }
    assert samples[f"farebox_debt,account={account_id}"] == max(0, charge - 1000)


async def test_only_the_accounts_with_the_newest_activity_are_shown(start: Start, settings: Settings) -> None:
    api = Api(await start(replace(settings, metrics=replace(settings.metrics, max_accounts=2))))
    first, second, third = [await api.account() for _ in range(3)]
    await api.pack(first, size=1)
    shown = {name.split("=")[1] for name in await scrape(api) if name.startswith("farebox_balance,")}
    assert shown == {first, third}
    assert second not in shown


async def test_requests_are_counted_by_route_never_by_id(api: Api) -> None:
    account_id = await api.account()
    before = await scrape(api)
    for path in (f"/admin/v1/accounts/{account_id}", "/nowhere/at/all", "/elsewhere"):
        await api.get(path)
    after = await scrape(api)
    name = "farebox_requests_total,endpoint={},model=,provider=,status={}"
    for route, status, count in (("/admin/v1/accounts/{id}", 200, 1), ("other", 404, 2)):
        sample = name.format(route, status)
        assert after[sample] - before.get(sample, 0) == count
    assert not any(re.search("nowhere|elsewhere", sample) for sample in after)


async def test_the_last_audit_of_any_gateway_is_shown(api: Api) -> None:
    await api.account()
    await api.good("POST", "/admin/v1/audit")
    assert (await scrape(api))["farebox_audit_broken"] == 0
    async with api.deps.ledger.connection() as connection:
        await connection.execute(
            'INSERT INTO audits VALUES (clock_timestamp(), false, \'[{"name": "x", "broken": 3, "rows": []}]\')'
        )
    assert (await scrape(api))["farebox_audit_broken"] == 1


async def test_holds_are_left_out_when_redis_does_not_answer(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1000)
    await api.deps.store.stop()
    samples = await scrape(api)
    assert samples[f"farebox_balance,account={account_id}"] == 1000
    assert f"farebox_available,account={account_id}" not in samples


async def test_a_gateway_without_postgres_still_says_what_it_counts(api: Api) -> None:
    await api.account()
    await api.deps.ledger.stop()
    samples = await scrape(api)
    assert "farebox_holds_open" in samples
    assert not any(name.startswith("farebox_balance") for name in samples)


async def test_who_is_not_on_this_machine_needs_the_token(start: Start, settings: Settings) -> None:
    api = Api(await start(replace(settings, metrics=replace(settings.metrics, token="scraper"))))
    await scrape(api)
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        for key in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic scraper"}):
            assert (await api.ask("GET", "/metrics", headers={name: "203.0.113.5", **key})).status == 401
        await scrape(api, Authorization="Bearer scraper", **{name: "203.0.113.5"})


async def test_without_a_token_only_this_machine_gets_in(api: Api) -> None:
    reply = await api.ask("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.5"})
    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
