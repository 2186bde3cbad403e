"""The trail: every change that people make leaves a line, in the transaction of the change, whoever makes it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from metering.books import Books
from metering.books.trail import chore
from tests.conftest import ADMIN_KEY, Wallet
from tests.integration.api.asking import ADMIN, Api
from tests.integration.api.trail_walk import (
    IMPORTS,
    METERED,
    READS,
    SESSIONS,
    WRITES,
    Scene,
    Write,
    each_write,
    make_scene,
)
from tests.waiting import eventually

FIELDS = [
    "id", "at", "actor_kind", "actor", "user_id", "via", "action", "object", "object_id", "account_id", "before",
    "after", "request_id",
]  # fmt: skip
FINGERPRINT = hashlib.sha256(ADMIN_KEY.encode()).hexdigest()[:12]
# Tables whose rows nobody changes by hand, or whose changes are told of by a line about another row.
UNWATCHED = {
    "trail": "the lines themselves",
    "events": "the meter's own; a refund leaves a line of its own",
    "entries": "the same",
    "corrections": "the same",
    "debts": "the same",
    "account_resources": "the same",
    "account_changes": "versions; what made one has its line",
    "reservations": "the meter's own; what is settled is an event",
    "recurring_grants": "each is a pack, which has its line",
    "seals": "made by a chore, provable by themselves",
    "audits": "results, not changes",
    "sessions": "an admin's sign-in and sign-out leave lines of their own",
    "retired_secrets": "digests only; the key's row says that it was rotated, and the overlap",
    "admin_answers": "what was answered to a write that has its line",
    "kept_answers": "answers of models",
    "spend_kept": "whose sums are kept; the limits have their lines",
    "spend_sums": "the meter's own; a reset leaves a line of its own",
    "parked_settlements": "the meter's own",
    "instances": "the meter's own",
    "epochs": "the meter's own",
    "migrations": "the schema's",
    "rollups": "sums of events, made by a chore",
    "rollup_marks": "the same",
    "kept_usage": "sums of events that retention has dropped",
    "kept_debt": "the same",
    "dropped_months": "what retention has dropped and when: it is its own record",
}
SETTINGS = ("recurring_packs", "resource_settings", "features", "feature_rates", "prices")


@pytest.fixture
async def scene(api: Api) -> Scene:
    return await make_scene(api)


async def lines(api: Api, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.good("GET", "/admin/v1/audit-trail", limit="1000", **query))["data"]
    return found


def test_every_write_route_is_walked(api: Api) -> None:
    routes = {
        (route.method, route.resource.canonical)
        for route in api.client.app.router.routes()
        if route.resource and route.resource.canonical.startswith(("/admin/", "/api/"))
    }
    writes = {route for route in routes if route[0] not in {"GET", "HEAD", "OPTIONS"}}
    assert {(write.method, write.route) for write in WRITES} == writes - READS - METERED - IMPORTS - SESSIONS
    assert writes >= READS | METERED | IMPORTS | SESSIONS


@each_write
async def test_every_write_leaves_a_line_and_a_replay_none(api: Api, scene: Scene, write: Write) -> None:
    before = await lines(api)
    headers = {**write.headers(scene), "Idempotency-Key": "k"}
    reply = await api.ask(write.method, write.path(scene), write.body, headers=headers)
    assert reply.status in {200, 201}, reply
    (line,) = (await lines(api))[: -len(before)]
    assert list(line) == FIELDS
    assert (line["action"], line["object"], line["request_id"]) == (
        write.action,
        write.object,
        reply.headers["x-request-id"],
    )
    account_id = reply.body["id"] if write.route == "/admin/v1/accounts" else scene.account_id
    account_id = None if write.object in {"feature", "rate", "price"} else account_id
    assert (line["account_id"], line["via"]) == (account_id, "api")
    who = (line["actor_kind"], line["actor"], line["user_id"])
    platform = write.route.startswith("/admin/")
    assert who == (("platform_admin", FINGERPRINT, None) if platform else ("account_admin", scene.boss_id, "boss"))
    assert (line["before"] is None) is (write.action in {"create", "grant"})
    assert line["after"]
    again = await api.ask(write.method, write.path(scene), write.body, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await lines(api)) == len(before) + 1


@each_write
async def test_what_can_not_leave_its_line_is_not_changed(api: Api, scene: Scene, wallet: Wallet, write: Write) -> None:
    await wallet.connection.execute(
        "CREATE TRIGGER disk_full BEFORE INSERT ON trail FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    tables = ("accounts", "api_keys", "members", "packs", "entries", "retired_secrets", *SETTINGS)

    async def everything() -> list[Any]:
        return [await wallet.connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]  # noqa: S608

    before = await everything()
    reply = await api.ask(write.method, write.path(scene), write.body, headers=write.headers(scene))
    assert reply.status == 400, reply
    assert await everything() == before


async def test_a_refused_write_and_one_that_changes_nothing_leave_none(api: Api, scene: Scene) -> None:
    before = await lines(api)
    for method, path, body in (
        ("POST", f"/admin/v1/accounts/{scene.account_id}/packs", {"size": 0}),
        ("POST", "/admin/v1/accounts", {"name": "x", "time_zone": "Mars/Olympus"}),
        ("PATCH", f"/admin/v1/keys/{scene.key_id}", {"name": "k"}),
        ("PATCH", f"/admin/v1/keys/{scene.key_id}", {}),
        ("PATCH", f"/admin/v1/recurring/{scene.recurring_id}", {"size": 5}),
        ("PATCH", f"/admin/v1/accounts/{scene.account_id}/resources/images", {"min_reserve": None}),
    ):
        await api.ask(method, path, body)
    assert await lines(api) == before


async def test_a_line_says_what_was_and_what_is(api: Api, scene: Scene) -> None:
    await api.good("PATCH", f"/admin/v1/accounts/{scene.account_id}", {"name": "new", "min_reserve": 5})
    await api.good("DELETE", f"/admin/v1/accounts/{scene.account_id}/members/u1")
    await api.good("POST", f"/admin/v1/events/{scene.request_id}/refund", {"amount": 30, "reason": "sorry"})
    refund, member, account = (await lines(api))[:3]
    assert (account["before"], account["after"]) == (
        {"name": "acme", "min_reserve": None},
        {"name": "new", "min_reserve": 5},
    )
    assert (member["object_id"], member["before"], member["after"]) == (
        "u1",
        {"status": "active"},
        {"status": "deactivated"},
    )
    assert (refund["object_id"], refund["before"]) == (scene.request_id, {"charge": 100})
    assert refund["after"] == {"charge": 70, "refunded": 30, "reason": "sorry"}


async def test_no_secret_is_in_the_trail(api: Api, scene: Scene, wallet: Wallet) -> None:
    key = await api.good("POST", f"/admin/v1/accounts/{scene.account_id}/keys", {})
    new = await api.good("POST", f"/admin/v1/keys/{key['id']}/rotate", {"overlap_seconds": 60})
    stored = str(await wallet.connection.fetch("SELECT * FROM trail"))
    for one in (key, new):
        assert one["prefix"] in stored
        assert one["key"] not in stored
        assert hashlib.sha256(one["key"].encode()).hexdigest() not in stored
    assert ADMIN_KEY not in stored


async def test_the_database_refuses_to_change_a_line(scene: Scene, wallet: Wallet) -> None:
    assert scene
    for statement in ("UPDATE trail SET actor = 'x'", "DELETE FROM trail", "TRUNCATE trail"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await wallet.connection.execute(statement)


async def test_every_table_is_watched_or_has_its_reason_not_to_be(wallet: Wallet) -> None:
    rows = await wallet.connection.fetch(
        "SELECT c.relname, EXISTS (SELECT 1 FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid"
        " WHERE t.tgrelid = c.oid AND f.proname = 'trail_row') AS watched"
        " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition"
    )
    assert {row["relname"] for row in rows if not row["watched"]} == set(UNWATCHED)


async def test_the_meter_leaves_no_lines(api: Api, scene: Scene) -> None:
    before = await lines(api)
    key = await api.key(scene.account_id, user_id="u9")
    body = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    assert (await api.ask("POST", "/v1/chat/completions", body, headers=key)).status == 200
    await api.deps.meter.drain(10)
    await api.deps.auth.flush()
    assert len(await lines(api)) == len(before) + 1  # the new key's


async def test_schedules_and_hands_at_the_database_are_named(api: Api, scene: Scene, wallet: Wallet) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    pack = await api.pack(scene.account_id, size=10, expires_at=soon.isoformat())
    await wallet.connection.execute(
        "UPDATE packs SET expires_at = now() - interval '1 day' WHERE pack_id = $1", pack["id"]
    )

    async def expired() -> dict[str, Any] | None:
        return next(iter(await lines(api, action="expire")), None)

    line = await eventually(expired)
    assert (line["actor_kind"], line["actor"], line["via"], line["object_id"]) == (
        "server",
        "gateway",
        "server",
        pack["id"],
    )
    by_hand = (await lines(api, object=pack["id"], action="change"))[0]
    assert (by_hand["actor_kind"], by_hand["via"], by_hand["request_id"]) == ("database", "database", None)
    async with api.deps.writes.once(None, "", chore("recurring")) as write:
        await Books(write.ledger, api.deps.settings.meter).packs.grant(scene.account_id, 5)
    assert [line["action"] for line in await lines(api, actor="recurring")] == ["grant"]


async def test_lines_are_filtered_and_come_newest_first_page_by_page(api: Api, scene: Scene) -> None:
    middle = datetime.now(UTC).isoformat()
    await api.good("PATCH", f"/admin/v1/packs/{scene.pack_id}", {"note": "x"})
    every = await lines(api)
    assert [line["at"] for line in every] == sorted((line["at"] for line in every), reverse=True)
    for query, keep in (
        ({"account_id": scene.account_id}, lambda line: line["account_id"] == scene.account_id),
        ({"actor": FINGERPRINT}, lambda line: line["actor"] == FINGERPRINT),
        ({"actor": "platform_admin"}, lambda line: line["actor_kind"] == "platform_admin"),
        ({"action": "create"}, lambda line: line["action"] == "create"),
        ({"object": "pack"}, lambda line: line["object"] == "pack"),
        ({"object": scene.pack_id}, lambda line: line["object_id"] == scene.pack_id),
        ({"from": middle}, lambda line: line["at"] >= middle[:26]),
        ({"to": middle}, lambda line: line["at"] < middle[:26]),
    ):
        expected = [line["id"] for line in every if keep(line)]
        assert [line["id"] for line in await lines(api, **query)] == expected, query
        assert len(expected) > 0
    paged, cursor = [], {}
    while cursor is not None:
        page = await api.good("GET", "/admin/v1/audit-trail", limit="2", **cursor)
        paged += page["data"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert paged == every
    for name, value in (("colour", "red"), ("from", "now"), ("account_id", "x"), ("cursor", "x"), ("limit", "0")):
        reply = await api.get("/admin/v1/audit-trail", **{name: value})
        assert (reply.status, reply.error["param"]) == (400, name)


async def test_an_accounts_admin_reads_the_lines_of_their_own_account(api: Api, scene: Scene) -> None:
    other = await make_scene(api)
    await api.ask("POST", "/api/v1/members", {"user_id": "new"}, headers=scene.boss)
    reply = await api.ask("GET", "/api/v1/audit-trail", headers=scene.boss, limit="1000")
    everything = await lines(api, account_id=scene.account_id)
    hidden = [{**line, "actor": None} if line["actor_kind"] == "platform_admin" else line for line in everything]
    assert reply.body["data"] == hidden
    assert (hidden[0]["actor"], hidden[0]["user_id"]) == (scene.boss_id, "boss")
    foreign = await api.ask("GET", "/api/v1/audit-trail", headers=scene.boss, account_id=other.account_id)
    assert foreign.body == {"data": [], "next_cursor": None}
    member = await api.key(scene.account_id, user_id="u5")
    assert (await api.ask("GET", "/api/v1/audit-trail", headers=member)).status == 403
    assert (await api.ask("GET", "/admin/v1/audit-trail", headers=scene.boss)).status == 401


async def test_the_command_line_says_that_it_is_one(api: Api) -> None:
    headers = {**ADMIN, "User-Agent": "farebox-cli/0.1.0"}
    await api.ask("POST", "/admin/v1/accounts", {"name": "x"}, headers=headers)
    assert (await lines(api))[0]["via"] == "cli"
