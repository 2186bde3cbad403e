"""What dead gateways leave: their journals are adopted, and what no journal tells of is swept."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from metering.core.settlement import Source
from metering.hold import Hold
from metering.keys import keys_of
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, Launch, ask_of, order_of, row_of, until, used


def journals(settings: Settings) -> list[Path]:
    return sorted((settings.state_dir / "journal").iterdir())


async def opened(gateway: Gateway, account_id: str, **changes: Any) -> Hold:
    """A request whose first byte has gone upstream."""
    hold = await gateway.meter.enter(order_of(account_id, **changes))
    hold.forwarding()
    return hold


async def event(book: Book, hold: Hold) -> tuple[int, str]:
    row = await book.connection.fetchrow("SELECT charge, source FROM events WHERE request_id = $1", hold.request_id)
    return row["charge"], row["source"]


async def recorded_but_not_booked(gateway: Gateway, book: Book, hold: Hold, completion: int) -> None:
    """Die between the usage and its booking: Postgres is busy with the account all the while."""
    async with book.connection.transaction():
        await book.connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", hold.order.account_id)
        hold.record(used(completion))

        async def settling() -> bool:
            return (await gateway.hold_of(hold.order.account_id, hold.request_id) or ["R"])[0] == "S"

        await until(settling)
        await gateway.kill()


async def nothing_left(gateway: Gateway, book: Book, account_id: str) -> None:
    view = await gateway.view(account_id)
    (balance,) = await book.connection.fetchrow("SELECT posted_balance($1, 'tokens')", account_id)
    assert (view.balance, view.reserved, view.holds, view.unsettled) == (balance, 0, 0, 0)
    await assert_conserved(book)


@pytest.mark.parametrize("journal", [True, False])
async def test_usage_that_was_known_is_settled_exactly(
    launch: Launch, book: Book, settings: Settings, *, journal: bool
) -> None:
    dead, heir = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await opened(dead, account_id)
    await recorded_but_not_booked(dead, book, hold, 33)
    if journal:
        assert await heir.recovery.adopt() == 1
    else:
        shutil.rmtree(settings.state_dir / "journal" / dead.instance_id)
        assert await heir.recovery.sweep() == 0  # its deadline has not passed
        await heir.due(account_id, hold.request_id)
        assert await heir.recovery.sweep() == 1
    assert await event(book, hold) == (133, "upstream")
    await nothing_left(heir, book, account_id)
    assert [path.name for path in journals(settings)] == [heir.instance_id]


@pytest.mark.parametrize(
    ("order", "noted", "charge"),
    [
        ({"orphan": "bounded"}, 0, 356),
        ({"orphan": "bounded"}, 300, 656),
        ({"orphan": "bounded"}, 900, 1100),
        ({"orphan": "bounded", "stream": False}, 0, 1100),
        ({"orphan": "upper_bound"}, 300, 1100),
        ({"orphan": "checkpoint"}, 300, 400),
        ({"orphan": "checkpoint"}, 0, 100),
    ],
)
@pytest.mark.parametrize("journal", [True, False], ids=["adopted", "swept"])
async def test_usage_that_was_not_known_is_settled_by_the_orphan_rule(
    launch: Launch, book: Book, settings: Settings, order: dict[str, Any], noted: int, charge: int, *, journal: bool
) -> None:
    dead, heir = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await opened(dead, account_id, limit=1000, **order)
    if noted:
        hold.note(noted)
        await dead.store.ping()  # the renewal has gone out before it
    await dead.kill()
    if journal:
        assert await heir.recovery.adopt() == 1
    else:
        shutil.rmtree(settings.state_dir / "journal" / dead.instance_id)
        await heir.due(account_id, hold.request_id)
        assert await heir.recovery.sweep() == 1
    assert await event(book, hold) == (charge, "recovered")
    await nothing_left(heir, book, account_id)


async def test_extension_is_part_of_what_an_orphan_held(launch: Launch, book: Book) -> None:
    dead, heir = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await opened(dead, account_id, limit=None, orphan="upper_bound")
    hold.note(180)
    await until(lambda: hold.reservation.amount == 600)
    await dead.kill()
    await heir.recovery.adopt()
    assert await event(book, hold) == (600, "recovered")
    await nothing_left(heir, book, account_id)


async def test_hold_proved_never_forwarded_is_released(launch: Launch, book: Book) -> None:
    dead, heir = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    await dead.meter.enter(order_of(account_id))
    forwarded = await opened(dead, account_id)
    await dead.kill()
    assert await heir.recovery.adopt() == 2
    assert [str(row["request_id"]) for row in await book.rows("events", account_id)] == [forwarded.request_id]
    await nothing_left(heir, book, account_id)


async def tear(settings: Settings, instance_id: str) -> None:
    """The last record did not reach the disk whole."""
    (segment,) = (settings.state_dir / "journal" / instance_id).glob("*.log")
    whole = segment.read_bytes().rstrip(b"\0")
    segment.write_bytes(whole + b"\x07\x00")


async def test_torn_journal_proves_nothing_so_the_deadline_tells(
    launch: Launch, book: Book, settings: Settings
) -> None:
    dead, heir = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await dead.meter.enter(order_of(account_id))
    await dead.kill()
    await tear(settings, dead.instance_id)
    await heir.recovery.adopt()
    assert (await heir.view(account_id)).holds == 1
    await heir.due(account_id, hold.request_id)
    await heir.recovery.sweep()
    assert await event(book, hold) == (200, "recovered")
    await nothing_left(heir, book, account_id)


async def test_journal_of_a_living_gateway_is_left_alone(launch: Launch, book: Book, settings: Settings) -> None:
    alive, other = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await opened(alive, account_id)
    assert await other.recovery.adopt() == await alive.recovery.adopt() == 0
    assert len(journals(settings)) == 2
    hold.record(used(20))
    await alive.meter.drain(5)
    assert await event(book, hold) == (120, "upstream")


async def test_adopted_gateway_is_waited_for_by_no_barrier(launch: Launch, book: Book) -> None:
    dead, heir = await launch(), await launch()
    await dead.kill()
    await heir.recovery.adopt()
    assert await book.connection.fetchval("SELECT count(*) FROM instances") == 1


async def test_restart_on_the_same_disk_finds_what_the_last_run_left(launch: Launch, book: Book) -> None:
    first = await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    holds = [await opened(first, account_id) for _ in range(20)]
    await first.kill()
    second = await launch()
    assert await second.recovery.adopt() == 20
    assert {await event(book, hold) for hold in holds} == {(200, "recovered")}
    await nothing_left(second, book, account_id)


async def test_many_may_recover_the_same_requests_and_each_is_charged_once(
    launch: Launch, book: Book, settings: Settings
) -> None:
    dead = await launch()
    heirs = [await launch() for _ in range(3)]
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    holds = [await opened(dead, account_id) for _ in range(10)]
    await dead.kill()
    copy = settings.state_dir / "copy"
    shutil.copytree(settings.state_dir / "journal" / dead.instance_id, copy)
    await heirs[0].recovery.adopt()
    shutil.copytree(copy, settings.state_dir / "journal" / dead.instance_id)
    for hold in holds:
        await heirs[0].store.call(b"ZADD", keys_of(account_id).deadlines, 1, f"{account_id}:{hold.request_id}")
    await asyncio.gather(*(heir.recovery.adopt() for heir in heirs), *(heir.recovery.sweep() for heir in heirs))
    assert len(await book.rows("events", account_id)) == 10
    assert (await book.state(account_id)).version == 1 + len(
        {row["version"] for row in await book.rows("events", account_id)}
    )
    await heirs[0].recovery.sweep()
    await nothing_left(heirs[0], book, account_id)


async def test_owner_that_turns_up_after_all_corrects_its_charge_once(launch: Launch, book: Book) -> None:
    slow, sweeper = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await opened(slow, account_id, orphan="upper_bound")
    await sweeper.due(account_id, hold.request_id)
    assert await sweeper.recovery.sweep() == 1
    assert (await sweeper.view(account_id)).balance == 9_800
    hold.record(used(7))
    await slow.meter.drain(5)
    assert (await sweeper.view(account_id)).balance == 9_893
    (correction,) = await book.rows("corrections", account_id)
    assert (correction["delta"], correction["source"]) == (-93, Source.UPSTREAM)
    await nothing_left(sweeper, book, account_id)


async def test_sweep_removes_tombstones_and_deadlines_without_a_hold(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    keys = keys_of(account_id)
    stays = ask_of(account_id, 10)
    await gateway.admission.reserve(stays)
    await gateway.admission.release(account_id, "tombstone")
    for request_id in ("tombstone", "dangling"):
        await gateway.due(account_id, request_id)
    assert await gateway.recovery.sweep() == 2
    assert await gateway.store.call(b"HKEYS", keys.holds) == [stays.request_id.encode()]
    assert await gateway.store.call(b"ZCARD", keys.deadlines) == 1
    await gateway.view(account_id)
    assert await book.rows("events", account_id) == []


async def test_sweep_finds_what_is_due_in_every_bucket(gateway: Gateway, book: Book) -> None:
    for _ in range(20):
        account_id = await book.account()
        await book.grant(account_id, 100)
        ask = ask_of(account_id, 10, facts=msgspec.json.encode(facts_of(account_id)))
        await gateway.admission.reserve(ask)
        await gateway.due(account_id, ask.request_id)
    assert await gateway.recovery.sweep() == 20
    assert await gateway.recovery.sweep() == 0


def facts_of(account_id: str) -> dict[str, Any]:
    return row_of(account_id, 10) | {"stream": False, "orphan": "bounded", "started_at_ms": 1}


async def test_settlement_of_an_account_that_is_gone_is_parked_and_holds_up_no_other(
    launch: Launch, book: Book
) -> None:
    dead, heir = await launch(), await launch()
    account_id = await book.account()
    await book.grant(account_id, 10_000)
    hold = await opened(dead, account_id)
    poison = msgspec.json.encode(row_of("01890000-0000-7000-8000-00000000000a", 5))
    dead.journal.settle(poison)
    await dead.kill()
    await heir.recovery.adopt()
    assert await event(book, hold) == (200, "recovered")
    assert await book.connection.fetchval("SELECT count(*) FROM parked_settlements") == 1
