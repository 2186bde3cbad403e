"""Drift between Redis and Postgres: measured, exported, repaired, explained."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from metering.books import Books
from metering.ids import new_id
from metering.keys import keys_of
from metering.metrics import METRICS
from metering.reconciler import TURN, Drift, Reconciler
from tests.conftest import Start
from tests.integration.api.asking import Api
from tests.integration.booking import Booking
from tests.integration.metering.parts import Gateway, ask_of


class Case:
    """An account that Redis knows, with one hold of 100 on its pack of 1,000."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.books = Books(gateway.ledger, gateway.settings.meter)
        self.reconciler = reconciler_of(gateway)

    async def prepare(self) -> "Case":
        account = await self.books.accounts.create(name="acme")
        self.account_id = account.id
        self.keys = keys_of(account.id)
        self.booking = Booking(self.gateway.ledger, self.books, account.id)
        self.pack = await self.booking.grant(1000)
        self.request_id = new_id()
        await self.gateway.admission.reserve(ask_of(account.id, 100, request_id=self.request_id))
        return self

    async def redis(self, *command: Any) -> Any:
        return await self.gateway.store.call(*command)

    async def snapshot(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(await self.redis("HGET", self.keys.account, "snap"))
        return found

    async def write(self, snapshot: dict[str, Any]) -> None:
        await self.redis("HSET", self.keys.account, "snap", msgspec.json.encode(snapshot))

    async def check(self) -> list[Drift]:
        return await self.reconciler.check([self.account_id])

    async def is_right(self) -> None:
        """Fail unless Redis says what it said before it was corrupted."""
        assert await self.check() == []
        view = await self.gateway.view(self.account_id)
        assert (view.balance, view.reserved, view.holds) == (1000, 100, 1)


def reconciler_of(gateway: Gateway) -> Reconciler:
    return Reconciler(gateway.ledger, gateway.store, gateway.epochs, gateway.settings.meter, gateway.instance_id)


@pytest.fixture
async def case(gateway: Gateway) -> Case:
    return await Case(gateway).prepare()


def told(found: list[Drift]) -> list[tuple[str, Any, Any, int, bool]]:
    return [(one.field, one.redis, one.postgres, one.tokens, one.repaired) for one in found]


async def test_what_is_right_is_left_alone(case: Case) -> None:
    await case.is_right()


async def test_a_balance_that_is_wrong_is_measured_repaired_and_explained(case: Case) -> None:
    snapshot = await case.snapshot()
    await case.write({**snapshot, "rs": {"tokens": 40}})
    assert (await case.gateway.view(case.account_id)).balance == 960
    assert told(await case.check()) == [("debt.tokens", 40, 0, 40, True)]
    await case.is_right()


async def test_a_packs_remaining_is_put_right(case: Case) -> None:
    snapshot = await case.snapshot()
    snapshot["pk"][0][1] = 5_000
    await case.write(snapshot)
    assert told(await case.check()) == [(f"pack.{case.pack.id}.remaining", 5000, 1000, 4000, True)]
    await case.is_right()


async def test_a_pack_that_one_of_them_does_not_know_is_named(case: Case) -> None:
    snapshot = await case.snapshot()
    await case.write({**snapshot, "pk": []})
    assert told(await case.check()) == [(f"pack.{case.pack.id}", None, 1000, 1000, True)]
    await case.is_right()


@pytest.mark.parametrize("wrong", [0, 77, 5000])
async def test_a_reserved_counter_is_counted_again_from_the_holds(case: Case, wrong: int) -> None:
    field = f"h:tokens:{case.pack.id}"
    await case.redis("HSET", case.keys.account, field, wrong)
    assert told(await case.check()) == [(field, str(wrong), 100, abs(wrong - 100), True)]
    await case.is_right()


async def test_a_hold_without_a_deadline_gets_one(case: Case) -> None:
    await case.redis("ZREM", case.keys.deadlines, f"{case.account_id}:{case.request_id}")
    (drift,) = await case.check()
    assert (drift.field, drift.repaired) == (f"no deadline: {case.request_id}", True)
    await case.is_right()


@pytest.mark.parametrize("field", ["snap", "n", "un"])
async def test_an_account_that_can_not_be_read_is_made_anew(case: Case, field: str) -> None:
    await case.redis("HSET", case.keys.account, field, "{")
    found = await case.check()
    assert found
    assert all(drift.repaired for drift in found)
    await case.is_right()


async def test_a_version_that_postgres_does_not_have_is_taken_back(case: Case) -> None:
    """As after a failover of Postgres that lost its last transactions."""
    await case.redis("HSET", case.keys.account, "ver", 99, "seen", 99)
    version = await case.booking.version()
    assert told(await case.check()) == [("version", "99", version, 0, True)]
    await case.is_right()


async def test_a_grant_whose_bearer_died_before_it_told_redis_arrives_after_all(case: Case) -> None:
    await case.booking.grant(500)
    version = await case.booking.version()
    assert told(await case.check()) == [("version", version - 1, version, 0, True)]
    assert (await case.gateway.view(case.account_id)).balance == 1500


async def test_what_settles_meanwhile_is_no_drift(case: Case) -> None:
    """Redis is read first: what Postgres books after that makes it newer, never different."""
    states = case.gateway.ledger.states

    async def booked_meanwhile(account_ids: list[str]) -> Any:
        settled = await case.booking.book(case.booking.row(10))
        found = await states(account_ids)
        await case.gateway.admission.apply(type(found[0])(settled.account_id, settled.version, settled.snapshot), [])
        return found

    case.gateway.ledger.states = booked_meanwhile  # type: ignore[method-assign]
    assert await case.check() == []


async def test_what_has_moved_since_it_was_compared_is_not_touched(case: Case) -> None:
    snapshot = await case.snapshot()
    snapshot["pk"][0][1] = 5_000
    await case.write(snapshot)
    states = case.gateway.ledger.states

    async def moves(account_ids: list[str]) -> Any:
        found = await states(account_ids)
        settled = await case.booking.book(case.booking.row(10))
        await case.gateway.admission.apply(type(found[0])(settled.account_id, settled.version, settled.snapshot), [])
        return found

    case.gateway.ledger.states = moves  # type: ignore[method-assign]
    (drift,) = await case.check()
    assert not drift.repaired
    view = await case.gateway.view(case.account_id)
    assert view.balance == 990, "the newer snapshot stands"


async def test_one_gateway_at_a_time_takes_a_turn_and_all_know_what_was_found(case: Case) -> None:
    snapshot = await case.snapshot()
    snapshot["pk"][0][1] = 1_200
    await case.write(snapshot)
    other = reconciler_of(case.gateway)
    found = [await case.reconciler.take_turn(), await other.take_turn()]
    assert [len(one) for one in found] == [1, 0]
    METRICS.drift_accounts.set(0)
    await other.take_turn()  # not its turn: what it exports it has from the other
    assert (METRICS.drift_accounts._value.get(), METRICS.drift_tokens._value.get()) == (1, 200)
    assert await other.told(10) == found[0]
    await case.redis("DEL", TURN)
    assert await other.take_turn() == []
    assert METRICS.drift_accounts._value.get() == 0, "the next round found nothing"


async def test_batches_rotate_over_all_accounts(gateway: Gateway) -> None:
    cases = [await Case(gateway).prepare() for _ in range(5)]
    for case in cases:
        await case.redis("HSET", case.keys.account, "n", 7)
    reconciler = reconciler_of(gateway)
    reconciler._settings = replace(gateway.settings.meter, reconcile_accounts=2)
    sizes = []
    for _ in range(3):
        await gateway.store.call("DEL", TURN)
        sizes.append(len(await reconciler.take_turn()))
    assert sizes == [2, 2, 1]


async def test_an_admin_is_told_what_was_found(start: Start) -> None:
    api = Api(await start())
    account_id = await api.account()
    pack = await api.pack(account_id, size=1000)
    await api.deps.admission.view(account_id, "tokens")
    await api.deps.store.call("HSET", keys_of(account_id).account, f"h:tokens:{pack['id']}", 50)
    await api.deps.reconciler.check([account_id])
    (drift,) = (await api.get("/admin/v1/drift")).body["data"]
    assert drift.pop("at").endswith("Z")
    assert drift == {
        "account_id": account_id,
        "version": 1,
        "field": f"h:tokens:{pack['id']}",
        "redis": "50",
        "postgres": 0,
        "tokens": 50,
        "repaired": True,
    }
