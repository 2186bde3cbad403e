"""Settings of single resources: when an account is low, or stopped, in images and not in tokens."""

from dataclasses import replace

import pytest

from config.settings import Settings
from tests.conftest import Start, settled
from tests.integration.api.asking import Api


async def state(api: Api, account_id: str, resource: str) -> tuple[str, int, int]:
    """Return the state, the minimum reserve and the threshold in force."""
    found = await api.good("GET", f"/admin/v1/accounts/{account_id}/balance", resource=resource)
    return found["state"], found["min_reserve"], found["warning_threshold"]


async def images(api: Api, account_id: str, amount: int) -> int:
    """Use images; return the status."""
    key = await api.key(account_id)
    reply = await api.ask("POST", "/api/v1/usage", {"resource": "images", "amount": amount}, headers=key)
    await settled(api.client)
    return reply.status


async def test_an_accounts_own_reserve_counts_in_its_resource_alone(api: Api) -> None:
    account_id = await api.account(min_reserve=500)
    await api.pack(account_id, size=1000)
    await api.pack(account_id, size=100, resource="images")
    path = f"/admin/v1/accounts/{account_id}/resources"
    assert await state(api, account_id, "images") == ("normal", 0, 10)
    assert await images(api, account_id, 1) == 201, "the reserve of tokens is none of images"
    changed = await api.good("PATCH", f"{path}/images", {"min_reserve": 50, "warning_threshold": 80})
    assert changed == {"resource": "images", "label": "images", "min_reserve": 50, "warning_threshold": 80}
    assert await state(api, account_id, "images") == ("normal", 50, 80)
    assert await images(api, account_id, 20) == 201
    assert await state(api, account_id, "images") == ("running_low", 50, 80)
    assert await images(api, account_id, 40) == 201, "the reserve is crossed by use, and then everything stops"
    assert await state(api, account_id, "images") == ("stopped", 50, 80)
    assert await images(api, account_id, 1) == 402
    assert await state(api, account_id, "tokens") == ("normal", 500, 100)
    listed = (await api.good("GET", path))["data"]
    assert [one["resource"] for one in listed] == ["tokens", "images", "ocr_pages", "storage_bytes"]
    assert [one["min_reserve"] for one in listed] == [500, 50, None, None]
    await api.good("PATCH", f"{path}/images", {"min_reserve": None})
    assert await images(api, account_id, 1) == 201
    assert (await api.good("POST", "/admin/v1/audit"))["clean"]


async def test_an_account_that_keeps_its_floor_keeps_it_in_each_resource(api: Api) -> None:
    account_id = await api.account(floor="keep")
    await api.pack(account_id, size=100, resource="images")
    await api.good("PATCH", f"/admin/v1/accounts/{account_id}/resources/images", {"min_reserve": 50})
    assert await images(api, account_id, 51) == 402
    assert await images(api, account_id, 50) == 201


async def test_the_configuration_has_the_defaults(start: Start, settings: Settings) -> None:
    own = replace(settings.resources["images"], min_reserve=90, warning_threshold=95)
    api = Api(await start(replace(settings, resources={**settings.resources, "images": own})))
    account_id = await api.account()
    await api.pack(account_id, size=100, resource="images")
    await api.pack(account_id, size=10)
    assert await state(api, account_id, "images") == ("normal", 90, 95)
    assert (await state(api, account_id, "tokens"))[0] == "normal"
    assert await images(api, account_id, 20) == 201
    assert await state(api, account_id, "images") == ("stopped", 90, 95)
    assert await images(api, account_id, 1) == 402


async def test_what_nobody_configured_is_refused_by_name(api: Api) -> None:
    account_id = await api.account()
    base = f"/admin/v1/accounts/{account_id}"
    for method, path, body in (
        ("POST", f"{base}/packs", {"size": 1, "resource": "smells"}),
        ("PATCH", f"{base}/resources/smells", {"min_reserve": 1}),
        ("POST", f"{base}/recurring", {"size": 1, "period": "day", "resource": "smells"}),
    ):
        refused = await api.ask(method, path, body)
        assert (refused.status, refused.error["param"]) == (400, "resource")
        assert "There is no resource smells here" in refused.error["message"]
    for path in (f"{base}/balance", f"{base}/surplus", f"{base}/allocations"):
        assert (await api.get(path, resource="smells")).status == 400
    assert (await api.ask("PATCH", f"{base}/resources/tokens", {"min_reserve": 1})).error["param"] == "resource"


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PATCH", {"min_reserve": 1})])
async def test_there_must_be_such_an_account(api: Api, method: str, body: dict[str, int] | None) -> None:
    path = "/admin/v1/accounts/0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3c/resources"
    assert (await api.ask(method, path + ("/images" if body else ""), body)).status == 404
