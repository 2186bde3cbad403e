"""Idempotency-Key on the writes of the admin API: one effect, one answer, however often it is sent."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from metering.books import Books
from metering.books.trail import chore
from metering.ids import new_id
from tests.conftest import Wallet
from tests.integration.api.asking import ADMIN, Api, Reply
from tests.waiting import eventually

KEY = "batch-2026-08/1"


async def send(api: Api, method: str, path: str, body: Any = None, *, key: str = KEY) -> Reply:
    """Send a write under a key."""
    return await api.ask(method, f"/admin/v1{path}", body, headers={**ADMIN, "Idempotency-Key": key})


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to be changed."""

    account_id: str
    key_id: str
    pack_id: str
    request_id: str


@pytest.fixture
async def scene(api: Api) -> Scene:
    account_id = await api.account()
    key = await api.good("POST", f"/admin/v1/accounts/{account_id}/keys", {"name": "k"})
    pack = await api.pack(account_id, size=1000)
    request_id = await api.booking(account_id).charge(100)
    return Scene(account_id, key["id"], pack["id"], request_id)


WRITES: dict[str, Callable[[Scene], tuple[str, str, Any]]] = {
    "create an account": lambda _: ("POST", "/accounts", {"name": "new"}),
    "change an account": lambda it: ("PATCH", f"/accounts/{it.account_id}", {"min_reserve": 7}),
    "create a key": lambda it: ("POST", f"/accounts/{it.account_id}/keys", {"name": "second"}),
    "change a key": lambda it: ("PATCH", f"/keys/{it.key_id}", {"name": "renamed"}),
    "revoke a key": lambda it: ("DELETE", f"/keys/{it.key_id}", None),
    "grant a pack": lambda it: ("POST", f"/accounts/{it.account_id}/packs", {"size": 50}),
    "change a pack": lambda it: ("PATCH", f"/packs/{it.pack_id}", {"note": "changed"}),
    "revoke a pack": lambda it: ("POST", f"/packs/{it.pack_id}/revoke", None),
    "refund": lambda it: ("POST", f"/events/{it.request_id}/refund", {"amount": 10, "reason": "sorry"}),
}
TABLES = ("accounts", "api_keys", "packs", "entries", "account_changes")


async def counted(wallet: Wallet) -> list[int]:
    """Return how many rows each table has, and the sum of all versions."""
    counts = [await wallet.connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]  # noqa: S608 - our own names
    return [*counts, await wallet.connection.fetchval("SELECT sum(version) FROM accounts")]


@pytest.mark.parametrize("name", WRITES)
async def test_every_write_happens_once_and_is_answered_alike(
    api: Api, scene: Scene, wallet: Wallet, name: str
) -> None:
    method, path, body = WRITES[name](scene)
    before = await counted(wallet)
    first = await send(api, method, path, body)
    assert first.status in {200, 201}, first
    assert "idempotency-replayed" not in first.headers
    changed = await counted(wallet)
    assert changed != before or name in {"change a key", "revoke a key"}
    again = await send(api, method, path, body)
    assert again.headers["idempotency-replayed"] == "true"
    expected = {**first.body, "key": None} if name == "create a key" else first.body
    assert (again.status, again.body) == (first.status, expected)
    assert list(again.body) == list(first.body)
    assert (again.headers["content-type"], again.headers["cache-control"]) == (
        first.headers["content-type"],
        "no-store",
    )
    assert await counted(wallet) == changed


async def test_a_secret_is_shown_once_and_stored_nowhere(api: Api, scene: Scene, wallet: Wallet) -> None:
    path = f"/accounts/{scene.account_id}/keys"
    first = await send(api, "POST", path, {"name": "k"})
    secret = first.body["key"]
    assert (await api.ask("GET", "/api/v1/balance", headers={"Authorization": f"Bearer {secret}"})).status == 200
    again = await send(api, "POST", path, {"name": "k"})
    assert (again.body["id"], again.body["key"], again.headers["x-farebox-withheld"]) == (first.body["id"], None, "key")
    assert "x-farebox-withheld" not in first.headers
    stored = await wallet.connection.fetch("SELECT * FROM admin_answers")
    assert len(stored) == 1
    assert secret not in str(stored)


async def test_the_same_key_for_another_write_is_refused(api: Api, scene: Scene, wallet: Wallet) -> None:
    path = f"/accounts/{scene.account_id}/packs"
    assert (await send(api, "POST", path, {"size": 50})).status == 201
    before = await counted(wallet)
    others = [
        ("POST", path, {"size": 51}),
        ("POST", path, b'{"size":50}'),
        ("POST", f"/accounts/{await api.account()}/packs", {"size": 50}),
        ("PATCH", f"/packs/{scene.pack_id}", {"size": 50}),
        ("DELETE", f"/keys/{scene.key_id}", None),
    ]
    before[0] += 1
    for method, where, body in others:
        reply = await send(api, method, where, body)
        assert (reply.status, reply.error["code"], reply.error["param"]) == (
            422,
            "idempotency_mismatch",
            "Idempotency-Key",
        )
    assert await counted(wallet) == before


async def test_a_refusal_changes_nothing_and_leaves_the_key_free(api: Api, scene: Scene) -> None:
    wrong = [
        ("POST", f"/accounts/{scene.account_id}/packs", {"size": 0}, 400),
        ("POST", "/accounts", {"name": "x", "time_zone": "Mars/Olympus"}, 400),
        ("POST", f"/accounts/{new_id()}/packs", {"size": 1}, 404),
        ("DELETE", f"/keys/{new_id()}", None, 404),
    ]
    for method, path, body, status in wrong:
        assert (await send(api, method, path, body)).status == status
    assert (await send(api, "POST", f"/accounts/{scene.account_id}/packs", {"size": 5})).status == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    reply = await send(api, "POST", "/accounts", {"name": "x"}, key=key)
    assert (reply.status, reply.error["param"]) == (400, "Idempotency-Key")


async def test_of_many_at_once_one_is_made_and_all_are_answered_alike(api: Api, scene: Scene) -> None:
    path = f"/accounts/{scene.account_id}/packs"
    replies = await asyncio.gather(*(send(api, "POST", path, {"size": 50}) for _ in range(30)))
    assert {reply.status for reply in replies} == {201}
    assert len({json.dumps(reply.body) for reply in replies}) == 1
    assert sum("idempotency-replayed" in reply.headers for reply in replies) == 29
    packs = (await api.good("GET", f"/admin/v1/accounts/{scene.account_id}/packs"))["data"]
    assert len(packs) == 2


async def test_many_keys_at_once_do_not_wait_for_each_other(api: Api) -> None:
    """Each write under a key has a connection, and may need another one to load its account into Redis."""
    accounts = [await api.account() for _ in range(30)]
    replies = await asyncio.gather(
        *(send(api, "POST", f"/accounts/{one}/packs", {"size": 5}, key=one) for one in accounts)
    )
    assert [reply.status for reply in replies] == [201] * 30
    assert [reply.body["reserved"] for reply in replies] == [0] * 30


async def test_a_granted_pack_can_be_spent_at_once(api: Api) -> None:
    account_id = await api.account()
    key = await api.key(account_id, user_id="u1")
    body = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    assert (await api.ask("POST", "/v1/chat/completions", body, headers=key)).status == 402
    await send(api, "POST", f"/accounts/{account_id}/packs", {"size": 100})
    assert (await api.ask("POST", "/v1/chat/completions", body, headers=key)).status == 200


async def test_a_change_whose_answer_can_not_be_kept_is_not_made(api: Api, wallet: Wallet) -> None:
    await wallet.connection.execute(
        "CREATE TRIGGER disk_full BEFORE UPDATE ON admin_answers FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    before = await counted(wallet)
    assert (await send(api, "POST", "/accounts", {"name": "x"})).status >= 400
    assert await counted(wallet) == before
    assert await wallet.connection.fetchval("SELECT count(*) FROM admin_answers") == 0
    await wallet.connection.execute("DROP TRIGGER disk_full ON admin_answers")
    assert (await send(api, "POST", "/accounts", {"name": "x"})).status == 201


async def killed_while_it_waits(wallet: Wallet) -> bool:
    """Kill the server process that waits for a lock of ours."""
    found: bool = await wallet.connection.fetchval(
        "SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return found


async def test_a_write_whose_connection_dies_is_made_by_the_next_one(api: Api, scene: Scene, wallet: Wallet) -> None:
    path = f"/accounts/{scene.account_id}/packs"
    async with wallet.connection.transaction():
        await wallet.connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", scene.account_id)
        sending = asyncio.create_task(send(api, "POST", path, {"size": 50}))
        await eventually(lambda: killed_while_it_waits(wallet))
        reply = await sending
    assert (reply.status, reply.error["code"]) == (503, "meter_unavailable")
    assert (await send(api, "POST", path, {"size": 50})).status == 201
    assert "idempotency-replayed" in (await send(api, "POST", path, {"size": 50})).headers
    assert len((await api.good("GET", f"/admin/v1/accounts/{scene.account_id}/packs"))["data"]) == 2


async def test_redis_hears_of_a_change_whose_gateway_died_when_it_is_sent_again(api: Api) -> None:
    account_id = await api.account()
    path, body = f"/accounts/{account_id}/packs", b'{"size": 50}'
    assert (await api.good("GET", f"/admin/v1/accounts/{account_id}/balance"))["balance"] == 0
    digest = hashlib.sha256(f"POST /admin/v1{path}".encode() + b"\0" + body).hexdigest()
    async with api.deps.writes.once(KEY, digest, chore("test")) as write:  # all that the dead gateway came to do
        granted = await Books(write.ledger, api.deps.settings.meter).packs.grant(account_id, 50)
        assert granted
        await write.keep(status=201, body=b'{"first": 1}', withheld=None, account_id=account_id)
    assert (await api.deps.admission.view(account_id, "tokens")).balance == 0
    reply = await send(api, "POST", path, body)
    assert (reply.status, reply.body) == (201, {"first": 1})
    assert (await api.deps.admission.view(account_id, "tokens")).balance == 50


async def test_redis_does_not_hear_of_what_is_not_committed(api: Api, scene: Scene, wallet: Wallet) -> None:
    before = await api.deps.admission.view(scene.account_id, "tokens")
    await wallet.connection.execute(
        "CREATE TRIGGER disk_full BEFORE UPDATE ON admin_answers FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    await send(api, "POST", f"/accounts/{scene.account_id}/packs", {"size": 50})
    assert await api.deps.admission.view(scene.account_id, "tokens") == before


async def test_old_answers_are_forgotten_and_their_keys_are_free(api: Api, wallet: Wallet) -> None:
    async def age(seconds: int) -> None:
        await wallet.connection.execute("UPDATE admin_answers SET at = at - make_interval(secs => $1)", float(seconds))

    first = await send(api, "POST", "/accounts", {"name": "x"})
    await age(604_000)
    assert await api.deps.books.answers.forget_old() == 0
    assert (await send(api, "POST", "/accounts", {"name": "x"})).body == first.body
    await age(1_000)
    second = await send(api, "POST", "/accounts", {"name": "y"})  # whether upkeep was here or not
    assert (second.status, second.body["name"]) == (201, "y")
    await age(605_000)
    assert await api.deps.books.answers.forget_old() == 1


async def test_an_audit_is_no_change(api: Api) -> None:
    reports = [await send(api, "POST", "/audit") for _ in range(2)]
    assert [report.status for report in reports] == [200, 200]
    assert reports[0].body["checked_at"] != reports[1].body["checked_at"]
