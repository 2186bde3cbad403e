"""Recovered requests and their one correction, refunds, and many writers at once."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from metering.ids import new_id
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import row_of


async def refund(book: Book, request_id: str, amount: int | None) -> int | None:
    row = await book.connection.fetchrow("SELECT * FROM refund($1, $2, 'sorry')", request_id, amount)
    return None if row is None else int(row["refunded"])


@pytest.mark.parametrize(
    ("recovered", "exact", "left", "debt", "entries"),
    [
        (60, 40, (10, 50), 0, ["usage", "usage", "correction", "correction"]),
        (60, 20, (30, 50), 0, ["usage", "usage", "correction", "correction"]),
        (60, 60, (0, 40), 0, ["usage", "usage"]),
        (60, 80, (0, 20), 0, ["usage", "usage", "correction"]),
        (60, 0, (50, 50), 0, ["usage", "usage", "correction", "correction"]),
        (60, 130, (0, 0), 30, ["usage", "usage", "correction", "overdraft"]),
        (130, 110, (0, 0), 10, ["usage", "usage", "overdraft", "correction"]),
        (130, 70, (0, 30), 0, ["usage", "usage", "overdraft", "correction", "correction"]),
        (0, 20, (30, 50), 0, ["correction"]),
    ],
)
async def test_exact_count_after_a_recovered_one_is_booked_as_one_correction(
    book: Book, recovered: int, exact: int, left: tuple[int, int], debt: int, entries: list[str]
) -> None:
    account_id = await book.account()
    first, second = await book.grant(account_id, 50), await book.grant(account_id, 50)
    row = row_of(account_id, recovered, source="recovered")
    await book.settle(row)
    for place in range(3):
        (answer,) = await book.settle(row | {"charge": exact + place, "source": "upstream"})
        assert answer["corrected"] == (place == 0)
    # Last drawn, first given back.
    assert await book.left(first, second) == list(left)
    assert await book.debt(account_id) == debt
    kinds = [entry[0] for entry in (await book.entries(account_id))[2:]]
    assert kinds == entries
    (correction,) = await book.rows("corrections", account_id)
    assert (correction["delta"], correction["exact"], correction["source"]) == (exact - recovered, exact, "upstream")
    await assert_conserved(book)


@pytest.mark.parametrize(("charge", "deltas"), [(45, [15]), (30, []), (20, [])])
async def test_estimate_of_a_journal_outranks_a_lower_one_of_a_hold(book: Book, charge: int, deltas: list[int]) -> None:
    """Redis may have lost the last second of a stream's progress; a journal that turns up late has it."""
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    of_hold = row_of(account_id, 30, source="recovered", status="recovered")
    of_journal = of_hold | {"charge": charge, "status": "adopted"}
    for row in (of_hold, of_journal, of_hold, of_journal):
        await book.settle(row)
    assert await book.left(pack_id) == [70 - sum(deltas)]
    assert [row["delta"] for row in await book.rows("corrections", account_id)] == deltas
    await assert_conserved(book)


async def test_exact_count_corrects_the_estimate_of_a_journal(book: Book) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    row = row_of(account_id, 45, source="recovered", status="adopted")
    await book.settle(row)
    await book.settle(row | {"charge": 40, "source": "upstream", "status": "completed"})
    assert await book.left(pack_id) == [60]
    await assert_conserved(book)


@pytest.mark.parametrize("together", [False, True])
async def test_recovered_count_after_an_exact_one_is_nothing(book: Book, *, together: bool) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    exact = row_of(account_id, 30)
    late = exact | {"charge": 90, "source": "recovered"}
    if together:
        await book.settle(late, exact)
    else:
        await book.settle(exact)
        await book.settle(late)
    assert await book.left(pack_id) == [70]
    assert await book.rows("corrections", account_id) == []
    await assert_conserved(book)


@pytest.mark.parametrize("amounts", [[10], [10, 20], [60], [None], [10, None], [50, 50], [1000], [10, 1000]])
async def test_refunds_give_back_the_charge_and_never_more(book: Book, amounts: list[int | None]) -> None:
    account_id = await book.account()
    packs = [await book.grant(account_id, 20) for _ in range(2)]
    row = row_of(account_id, 60)  # two packs and a debt of 20
    await book.settle(row)
    open_charge = 60
    for amount in amounts:
        given = await refund(book, row["request_id"], amount)
        assert given == min(open_charge, 60 if amount is None else amount)
        open_charge -= given
        await assert_conserved(book)
    assert await book.debt(account_id) == max(0, 20 - (60 - open_charge))
    assert sum(pack or 0 for pack in await book.left(*packs)) == max(0, 40 - open_charge)


async def test_refund_of_what_a_dead_pack_paid_goes_where_its_rest_went(book: Book) -> None:
    account_id = await book.account()
    revoked = await book.grant(account_id, 20, priority=1)
    expired = await book.grant(account_id, 20, priority=2, expires_at=datetime.now(UTC) + timedelta(hours=1))
    unlimited = await book.grant(account_id, None, priority=3)
    row = row_of(account_id, 45, split=[revoked, 20, expired, 20])
    await book.settle(row)
    await book.revoke(revoked)
    await book.connection.execute("UPDATE packs SET expires_at = now() - interval '1 day' WHERE pack_id = $1", expired)
    await book.connection.fetch("SELECT * FROM expire_packs('0', 10)")
    assert await refund(book, row["request_id"], None) == 45
    books = {(entry[1], entry[2], entry[3]) for entry in await book.entries(account_id) if entry[0] == "refund"}
    assert books == {(5, "usage", "issued"), (20, "usage", "expired"), (20, "usage", "revoked")}
    assert await book.left(revoked, expired, unlimited) == [0, 0, None]
    await assert_conserved(book)


async def test_refund_of_what_a_later_grant_repaid_goes_back_to_that_pack(book: Book) -> None:
    account_id = await book.account()
    row = row_of(account_id, 30)
    await book.settle(row)
    pack_id = await book.grant(account_id, 100)
    assert await refund(book, row["request_id"], 25) == 25
    assert (await book.left(pack_id), await book.debt(account_id)) == ([95], 0)
    await assert_conserved(book)


async def test_refund_of_an_unknown_request_is_none(book: Book) -> None:
    assert await refund(book, new_id(), 5) is None


@pytest.mark.parametrize(
    ("refunded", "exact", "charged"), [(20, 50, 30), (20, 10, 0), (60, 40, 0), (20, 90, 70), (0, 50, 50)]
)
async def test_correction_after_a_refund_never_takes_the_refund_back(
    book: Book, refunded: int, exact: int, charged: int
) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    row = row_of(account_id, 60, source="recovered")
    await book.settle(row)
    await refund(book, row["request_id"], refunded)
    await book.settle(row | {"charge": exact, "source": "tokenizer"})
    assert await book.left(pack_id) == [100 - charged]
    await assert_conserved(book)


WRITERS, ROUNDS = 8, 30


async def writer(url: str, seed: int, accounts: list[str], ids: list[str], packs: list[str]) -> int:
    """Settle shared ids, grant and revoke, in a batch of several accounts each; return the deadlocks met."""
    dice = random.Random(seed)
    deadlocks = 0
    connection = await asyncpg.connect(url)
    book = Book(connection)
    for _ in range(ROUNDS):
        rows: list[dict[str, Any]] = []
        for request_id in dice.sample(ids, 12):
            # The owner, the charge and the split of an id are always the same: they are facts.
            facts = random.Random(request_id)
            owner = facts.choice(accounts)
            charge = facts.randrange(1, 60)
            source = dice.choice(["upstream", "upstream", "recovered"])
            rows.append(row_of(owner, charge, request_id=request_id, source=source, split=[packs[0], 5]))
        try:
            match dice.randrange(6):
                case 0:
                    await book.grant(dice.choice(accounts), dice.randrange(1, 200), models=dice.choice([None, ["m"]]))
                case 1:
                    await book.revoke(dice.choice(packs))
                case 2:
                    await connection.fetch("SELECT * FROM expire_packs('0', 10)")
                case 3:
                    await refund(book, dice.choice(ids), dice.randrange(1, 30))
            await book.settle(*rows)
        except asyncpg.DeadlockDetectedError:
            deadlocks += 1
    await connection.close()
    return deadlocks


async def test_eight_writers_on_shared_requests_conserve_everything_without_a_deadlock(
    book: Book, database_url: str
) -> None:
    accounts = [await book.account() for _ in range(5)]
    soon = datetime.now(UTC) + timedelta(seconds=1)
    packs = [await book.grant(owner, 150, expires_at=expires) for owner in accounts for expires in (None, soon, None)]
    ids = [new_id() for _ in range(200)]
    finished = asyncio.Event()
    checks = 0

    async def auditor() -> int:
        nonlocal checks
        reader = await asyncpg.connect(database_url)
        while not finished.is_set():
            await assert_conserved(Book(reader))
            checks += 1
        await reader.close()
        return checks

    audit = asyncio.create_task(auditor())
    work = [writer(database_url, seed, accounts, ids, packs) for seed in range(WRITERS)]
    assert await asyncio.gather(*work) == [0] * WRITERS
    finished.set()
    assert await audit > 0
    await assert_conserved(book)
    before = [await book.state(owner) for owner in accounts]
    rows = [
        dict(row)
        for row in await book.connection.fetch("SELECT request_id::text, account_id::text, charge, source FROM events")
    ]
    assert len(rows) > 150
    # Sending everything again changes nothing.
    await book.settle(*[row_of(row["account_id"], row["charge"]) | row for row in rows])
    assert [await book.state(owner) for owner in accounts] == before


async def test_settle_waits_for_the_account_and_for_nothing_else(book: Book, database_url: str) -> None:
    """An open change of one account stops a batch that names it, and no batch that does not."""
    busy, free = await book.account(), await book.account()
    for owner in (busy, free):
        await book.grant(owner, 100)
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await Book(other).grant(busy, 50)
        await Book(book.connection).settle(row_of(free, 5))
        await book.connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await book.settle(row_of(busy, 5), row_of(free, 5))
    await other.close()
    await book.settle(row_of(busy, 120))
    # It saw what was committed while it would have waited: no debt.
    assert await book.debt(busy) == 0
    await assert_conserved(book)


async def test_batch_that_waited_reads_what_was_booked_meanwhile(book: Book, database_url: str) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    row = row_of(account_id, 60)
    other = await asyncpg.connect(database_url)
    transaction = other.transaction()
    await transaction.start()
    await Book(other).settle(row)
    waiting = asyncio.create_task(book.settle(row, row_of(account_id, 30)))
    watcher = await asyncpg.connect(database_url)
    while not await watcher.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - in Postgres
        await asyncio.sleep(0.01)
    await transaction.commit()
    (answer,) = await waiting
    assert (answer["duplicates"], await book.left(pack_id)) == (1, [10])
    assert msgspec.json.decode(answer["snapshot"])["pk"][0][1] == 10
    await watcher.close()
    await other.close()
    await assert_conserved(book)


async def test_refund_after_a_correction_begins_with_the_pack_drawn_last(book: Book) -> None:
    account_id = await book.account()
    packs = [await book.grant(account_id, size) for size in (10, 10, 30, 50)]
    row = row_of(account_id, 40, source="recovered")
    await book.settle(row)  # the third pack is the third entry of its version
    await book.settle(row | {"charge": 80, "source": "upstream"})  # and the first of the next one
    assert await book.left(*packs) == [0, 0, 0, 20]
    assert await refund(book, row["request_id"], 30) == 30
    assert await book.left(*packs) == [0, 0, 0, 50]
    await assert_conserved(book)
