"""What the database refuses, whoever asks; and debts that an unlimited pack takes over."""

import asyncpg
import pytest

from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import row_of


@pytest.mark.parametrize("table", ["events", "entries", "corrections", "account_changes"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
async def test_what_is_written_can_not_be_taken_away(book: Book, table: str, statement: str) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    await book.settle(row_of(account_id, 10, source="recovered"))
    await book.settle(row_of(account_id, 20))
    if table != "corrections" or statement.startswith("TRUNCATE"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await book.connection.execute(statement.format(table))


async def test_not_even_from_one_partition(book: Book) -> None:
    partitions = await book.connection.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN ('events'::regclass, 'entries'::regclass)"
    )
    assert len(partitions) >= 8
    for (partition,) in partitions:
        if "pkey" not in partition:
            with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
                await book.connection.execute(f"TRUNCATE {partition}")


async def test_an_unlimited_pack_repays_the_debt_it_would_have_taken(book: Book) -> None:
    account_id = await book.account()
    await book.settle(row_of(account_id, 30))
    assert await book.debt(account_id) == 30
    await book.grant(account_id, None)
    assert await book.debt(account_id) == 0
    await assert_conserved(book)
