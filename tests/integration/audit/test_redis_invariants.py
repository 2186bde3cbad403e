"""The audit of Redis: equal to its own holds, and to Postgres at equal version."""

import json
import time
from typing import Any

import msgspec
import pytest

from metering.audit import Audit
from metering.books import Books
from metering.ids import new_id
from metering.keys import keys_of
from metering.redis_audit import AHEAD, COUNTERS, DEADLINES, EQUAL, LIFE, ORPHANED, RESERVED, RedisAudit
from tests.integration.booking import Booking
from tests.integration.metering.parts import Gateway, ask_of


class Case:
    """An account that Redis knows, with one hold of 100 on its pack of 1,000."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.books = Books(gateway.ledger, gateway.settings.meter)

    async def prepare(self) -> "Case":
        account = await self.books.accounts.create(name="acme")
        self.account_id = account.id
        self.keys = keys_of(account.id)
        self.booking = Booking(self.gateway.ledger, self.books, account.id)
        self.pack = await self.booking.grant(1000)
        self.request_id = new_id()
        await self.gateway.admission.reserve(ask_of(account.id, 100, request_id=self.request_id))
        return self

    async def found(self) -> dict[str, list[dict[str, Any]]]:
        """Return what breaks each invariant that is broken."""
        gateway = self.gateway
        audit = RedisAudit(
            gateway.ledger, gateway.admission, gateway.store, self.books.balances, gateway.settings.meter
        )
        report = await Audit(gateway.ledger, audit).run()
        assert {COUNTERS, DEADLINES, EQUAL, AHEAD, LIFE, ORPHANED, RESERVED} < {one.name for one in report.invariants}
        broken = {one.name: [msgspec.json.decode(row) for row in one.rows] for one in report.invariants if one.broken}
        assert report.clean is not bool(broken)
        return broken

    async def redis(self, *command: Any) -> Any:
        return await self.gateway.store.call(*command)


@pytest.fixture
async def case(gateway: Gateway) -> Case:
    return await Case(gateway).prepare()


async def test_a_hold_that_is_open_breaks_nothing(case: Case) -> None:
    assert await case.found() == {}


async def test_an_account_that_redis_does_not_know_breaks_nothing(case: Case) -> None:
    await case.books.accounts.create(name="stranger")
    assert await case.found() == {}


@pytest.mark.parametrize("field", ["h:tokens:{pack}", "h:tokens:", "n", "un"])
async def test_a_counter_that_is_not_what_is_held_is_named(case: Case, field: str) -> None:
    name = field.format(pack=case.pack.id)
    await case.redis(b"HINCRBY", case.keys.account, name, 1)
    (row,) = (await case.found())[COUNTERS]
    assert row["account_id"] == case.account_id
    assert row["difference"].startswith(f"{name} is ")


async def test_a_hold_without_a_deadline_is_named(case: Case) -> None:
    await case.redis(b"ZREM", case.keys.deadlines, f"{case.account_id}:{case.request_id}")
    assert await case.found() == {
        DEADLINES: [{"account_id": case.account_id, "difference": f"no deadline: {case.request_id}"}]
    }


async def test_a_deadline_without_a_hold_is_named(case: Case) -> None:
    nobody = new_id()
    await case.redis(b"ZADD", case.keys.deadlines, 2**45, f"{case.account_id}:{nobody}")
    assert await case.found() == {ORPHANED: [{"account_id": case.account_id, "request_id": nobody}]}


async def test_a_tombstone_breaks_nothing(case: Case) -> None:
    await case.gateway.admission.release(case.account_id, new_id())
    assert await case.found() == {}


async def test_a_snapshot_that_says_something_else_at_the_same_version_is_named(case: Case) -> None:
    snapshot = json.loads(await case.redis(b"HGET", case.keys.account, b"snap"))
    snapshot["pk"][0][1] += 1
    await case.redis(b"HSET", case.keys.account, b"snap", json.dumps(snapshot))
    (row,) = (await case.found())[EQUAL]
    assert (row["account_id"], row["version"]) == (case.account_id, 1)
    assert row["redis"] != row["postgres"]


async def test_a_version_that_postgres_does_not_have_is_named(case: Case) -> None:
    await case.redis(b"HSET", case.keys.account, b"ver", 99)
    assert await case.found() == {AHEAD: [{"account_id": case.account_id, "redis_version": 99, "version": 1}]}


async def test_a_settlement_on_its_way_breaks_nothing(case: Case) -> None:
    """Postgres has booked, Redis has not heard of it: the hold is still there."""
    await case.booking.charge(60, request_id=case.request_id, reserved=100, split=[case.pack.id, 100])
    assert await case.found() == {}


async def test_an_old_open_hold_is_named(case: Case) -> None:
    hold = await case.gateway.hold_of(case.account_id, case.request_id)
    assert hold
    hold[2] = 1_600_000_000_000
    await case.redis(b"HSET", case.keys.holds, case.request_id, msgspec.msgpack.encode(hold))
    (row,) = (await case.found())[LIFE]
    assert (row["account_id"], row["request_id"]) == (case.account_id, case.request_id)


async def test_the_hold_of_a_reservation_may_be_as_old_as_that_was_asked_for(case: Case) -> None:
    hold = await case.gateway.hold_of(case.account_id, case.request_id)
    assert hold
    a_day_ms, hold[10] = 86_400_000, '{"ttl_ms": 86400000}'
    for age_ms, broken in ((a_day_ms, set()), (2 * a_day_ms, {LIFE})):
        hold[2] = time.time_ns() // 1_000_000 - age_ms
        await case.redis(b"HSET", case.keys.holds, case.request_id, msgspec.msgpack.encode(hold))
        assert (await case.found()).keys() == broken


async def test_an_open_reservation_that_is_not_held_is_named(case: Case) -> None:
    for name in (case.request_id, unheld := new_id()):
        await case.booking.execute(
            "INSERT INTO reservations (reservation_id, account_id, bucket, status, created_at, reserved, reserved_at,"
            " facts) VALUES ($1, $2, 0, 'open', now() - interval '1 hour', 100, 0, '{}')",
            name,
            case.account_id,
        )
    assert await case.found() == {RESERVED: [{"account_id": case.account_id, "request_id": unheld}]}
    await case.booking.execute("UPDATE reservations SET created_at = now()")
    assert await case.found() == {}, "it may be on its way"


async def test_a_pack_that_expires_breaks_nothing(case: Case) -> None:
    """Redis knows the time of expiry and stops to count the pack by itself, as Postgres does."""
    changed = await case.books.packs.grant(case.account_id, 5)
    assert changed
    await case.booking.execute(
        "UPDATE packs SET expires_at = now() - interval '1 hour' WHERE pack_id = $1", case.pack.id
    )
    touched = await case.books.packs.change(changed[0].id, note="x")
    assert touched
    await case.gateway.admission.apply(touched[1], [])
    view = await case.gateway.view(case.account_id)
    assert (view.version, view.balance) == (3, 5)
    found = await case.found()
    assert EQUAL not in found
