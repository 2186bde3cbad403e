"""/healthz and /readyz."""

import pytest

from gateway.health import failing, pings_of
from metering.errors import RedisDownError
from tests.integration.api.asking import Api
from tests.waiting import eventually


async def test_a_gateway_that_has_everything_is_ready(api: Api) -> None:
    await eventually(lambda: all(api.deps.epochs.open_token(bucket) for bucket in range(1024)))
    reply = await api.ask("GET", "/readyz", headers={})
    assert reply.body == {"status": "ok", "checked": ["redis", "postgres", "epochs"]}
    assert (await api.ask("GET", "/healthz", headers={})).body == {"status": "ok"}


@pytest.mark.parametrize("missing", ["redis", "postgres"])
async def test_what_can_not_be_used_is_named(api: Api, missing: str) -> None:
    await eventually(lambda: all(api.deps.epochs.open_token(bucket) for bucket in range(1024)))
    await (api.deps.store.stop() if missing == "redis" else api.deps.ledger.stop())
    reply = await api.ask("GET", "/readyz", headers={})
    assert (reply.status, reply.error["code"], reply.error["param"]) == (503, "not_ready", missing)
    assert reply.error["message"] == f"Not ready: {missing} can't be used now."
    assert reply.headers["retry-after"] == "1"
    assert (await api.ask("GET", "/healthz", headers={})).status == 200


async def test_a_barrier_that_is_up_is_not_ready(api: Api) -> None:
    epochs = api.deps.epochs
    await eventually(lambda: all(epochs.open_token(bucket) for bucket in range(1024)))
    epochs._tokens[17] = None
    assert await failing(pings_of(api.deps)) == ["epochs"]


async def test_pings_that_fail_are_named_in_their_order() -> None:
    async def good() -> None:
        return

    async def bad() -> None:
        raise RedisDownError("gone")

    async def late() -> None:
        raise TimeoutError

    assert await failing({"a": late, "b": good, "c": bad}) == ["a", "c"]
