"""What is read while requests run: no sample of a balance is impossible, and every audit is clean."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from config.settings import Settings
from tests.conftest import Start
from tests.integration.api.asking import Api
from tests.waiting import eventually

HELD = 40
PROMPT = 8  # tokens of "hello": reference vector C9
BODY = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": HELD}


async def while_requests_run(api: Api, account_id: str, look: Callable[[], Awaitable[None]]) -> list[int]:
    """Send 200 requests at once and look until all are booked; return their statuses."""
    key = await api.key(account_id, user_id="u1")

    async def send() -> list[int]:
        replies = await asyncio.gather(
            *(api.ask("POST", "/v1/chat/completions", BODY, headers=key) for _ in range(200))
        )
        await api.deps.meter.drain(10)
        return [reply.status for reply in replies]

    sending = asyncio.create_task(send())
    while not sending.done():
        await look()
    return await sending


async def test_available_is_never_below_zero(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=50 * (PROMPT + HELD))
    samples: list[dict[str, int]] = []

    async def look() -> None:
        samples.extend(
            await asyncio.gather(*(api.good("GET", f"/admin/v1/accounts/{account_id}/balance") for _ in range(4)))
        )

    statuses = await while_requests_run(api, account_id, look)
    assert sorted(statuses) == [200] * 50 + [402] * 150
    assert min(sample["available"] for sample in samples) >= 0
    assert all(sample["available"] == sample["balance"] - sample["reserved"] for sample in samples)


async def test_every_audit_is_clean(api: Api) -> None:
    account_id = await api.account()
    await api.pack(account_id, size=1_000_000)
    packs: list[str] = []

    async def look() -> None:
        """Grant, revoke, refund and audit, all while requests are settled."""
        packs.append((await api.pack(account_id, size=500, priority=len(packs) % 3))["id"])
        await api.good("POST", f"/admin/v1/packs/{packs[len(packs) // 2]}/revoke")
        for event in (await api.good("GET", "/admin/v1/events", limit=2))["data"]:
            await api.good("POST", f"/admin/v1/events/{event['request_id']}/refund", {"reason": "sorry"})
        report = await api.good("POST", "/admin/v1/audit")
        assert report["clean"], report

    statuses = await while_requests_run(api, account_id, look)
    assert statuses == [200] * 200
    await look()


async def test_a_change_whose_caller_hangs_up_reaches_redis(api: Api) -> None:
    account_id = await api.account()
    pack = await api.pack(account_id, size=5)
    await api.deps.admission.view(account_id, "tokens")
    async with api.deps.ledger.connection() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM accounts FOR NO KEY UPDATE")
        asking = asyncio.create_task(api.good("POST", f"/admin/v1/packs/{pack['id']}/revoke"))
        await eventually(lambda: connection.fetchval("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert (await api.deps.admission.view(account_id, "tokens")).balance == 5

    async def told() -> Any:
        return (await api.deps.admission.view(account_id, "tokens")).balance == 0

    await eventually(told)


async def test_without_redis_a_balance_is_not_known_and_a_pack_is(start: Start, settings: Settings) -> None:
    # What waits for Redis will wait in vain: the gateway must not be patient at its end.
    api = Api(await start(replace(settings, server=replace(settings.server, drain_seconds=0.01))))
    account_id = await api.account()
    pack = await api.pack(account_id, size=5)
    await api.deps.store.stop()
    reply = await api.get(f"/admin/v1/accounts/{account_id}/balance")
    assert (reply.status, reply.error["code"]) == (503, "meter_unavailable")
    assert reply.headers["retry-after"]
    shown = await api.good("GET", f"/admin/v1/packs/{pack['id']}")
    assert (shown["remaining"], shown["reserved"]) == (5, None)
    granted = await api.pack(account_id, size=6)
    assert (granted["size"], granted["reserved"]) == (6, None)
