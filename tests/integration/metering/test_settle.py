"""The ledger's functions: at most once, in order, conserved, never refused, never changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from metering.ids import new_id
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import NOW_MS, row_of

HOUR = timedelta(hours=1)


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


async def test_request_is_charged_once_however_often_it_is_settled(book: Book) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    row = row_of(account_id, 30)
    other = row_of(account_id, 5)
    (first,) = await book.settle(row, row, other)
    assert (first["duplicates"], first["corrected"]) == (1, 0)
    (again,) = await book.settle(row, row | {"charge": 99})
    assert (again["duplicates"], again["version"]) == (2, first["version"])
    assert await book.left(pack_id) == [65]
    assert len(await book.rows("events", account_id)) == 2
    await assert_conserved(book)


async def test_batch_books_several_accounts_and_resources_each_in_its_own_order(book: Book) -> None:
    accounts = sorted([await book.account() for _ in range(3)])
    packs = {(owner, kind): await book.grant(owner, 100, resource=kind) for owner in accounts for kind in ("a", "b")}
    rows = [row_of(owner, 10 + place, resource=kind) for place, (owner, kind) in enumerate(packs)]
    answers = await book.settle(*reversed(rows), *[row_of(owner, 1, resource="a") for owner in accounts])
    assert sorted(str(answer["account_id"]) for answer in answers) == accounts
    assert await book.left(*packs.values()) == [
        100 - 10 - place - (kind == "a") for place, (_, kind) in enumerate(packs)
    ]
    for owner in accounts:
        entries = [entry for entry in await book.rows("entries", owner, "version, seq") if entry["kind"] == "usage"]
        assert [entry["seq"] for entry in entries] == [1, 2, 3]
        assert {entry["version"] for entry in entries} == {3}
        for kind in ("a", "b"):
            last = [entry["balance_after"] for entry in entries if entry["resource"] == kind][-1]
            assert last == (await book.left(packs[owner, kind]))[0]
    await assert_conserved(book)


@pytest.mark.parametrize(
    ("split", "charge", "left", "debt"),
    [
        ([("b", 20)], 20, (30, 30, 30), 0),  # the hold's own split first
        ([("b", 20)], 35, (15, 30, 30), 0),  # then burn-down order
        ([("c", 10), ("a", 5)], 12, (28, 50, 20), 0),
        ([("b", 20)], 105, (0, 0, 5), 0),
        ([("b", 20)], 110, (0, 0, 0), 0),
        ([], 120, (0, 0, 0), 10),  # then debt
        ([("b", 80)], 60, (20, 0, 30), 0),  # of a split only what is left is drawn
        ([("x", 40)], 40, (0, 40, 30), 0),  # a pack that is gone: the others pay
        ([("a", 30), ("b", 50), ("c", 30)], 0, (30, 50, 30), 0),
    ],
)
async def test_draw_follows_the_split_then_burn_down_order_then_debt(
    book: Book, split: list[tuple[str, int]], charge: int, left: tuple[int, int, int], debt: int
) -> None:
    account_id = await book.account()
    sizes = {"a": 30, "b": 50, "c": 30}
    ids = {name: await book.grant(account_id, size) for name, size in sizes.items()} | {"x": new_id()}
    parts = [part for name, amount in split for part in (ids[name], amount)]
    await book.settle(row_of(account_id, charge, split=parts))
    assert await book.left(ids["a"], ids["b"], ids["c"]) == list(left)
    assert await book.debt(account_id) == debt
    await assert_conserved(book)


@pytest.mark.parametrize(
    ("scope", "draws"),
    [
        ({}, True),
        ({"user_id": "u1"}, True),
        ({"user_id": "u2"}, False),
        ({"models": ["x", "m"]}, True),
        ({"models": ["x"]}, False),
        ({"resource": "images"}, False),
        ({"expires_at": at(NOW_MS + 1000)}, True),  # live when it was reserved: it pays
        ({"expires_at": at(NOW_MS)}, False),  # dead when it was reserved
        ({"expires_at": at(NOW_MS - 1000)}, False),
    ],
)
async def test_draw_takes_only_packs_that_fit_and_were_live_when_it_was_reserved(
    book: Book, scope: dict[str, Any], *, draws: bool
) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100, **scope)
    await book.settle(row_of(account_id, 30))
    assert await book.left(pack_id) == [70 if draws else 100]
    assert await book.debt(account_id) == (0 if draws else 30)
    await assert_conserved(book)


async def test_pack_that_pays_its_part_and_more_has_one_entry(book: Book) -> None:
    """One entry per (request, pack): held on both, and used above the hold."""
    account_id = await book.account()
    first, second = await book.grant(account_id, 100, priority=1), await book.grant(account_id, 100, priority=2)
    await book.grant(account_id, None)
    await book.settle(row_of(account_id, 300, reserved=80, split=[first, 10, second, 20]))
    entries = await book.rows("entries", account_id, "version, seq")
    assert [(row["kind"], row["amount"], row["balance_after"]) for row in entries[2:]] == [
        ("usage", 100, 100),
        ("usage", 100, 0),
        ("auto_grant", 100, 100),
        ("usage", 100, 0),
    ]
    await assert_conserved(book)


async def test_event_says_how_much_came_from_where(book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 10, user_id="u1")
    await book.grant(account_id, 20)
    await book.settle(row_of(account_id, 35, session_id="s", reason="r", feature="f"))
    (event,) = await book.rows("events", account_id)
    assert (event["allocated_amount"], event["surplus_amount"], event["debt_amount"]) == (10, 25, 5)
    entries = await book.rows("entries", account_id, "version, seq")
    usage = [entry for entry in entries if entry["kind"] in {"usage", "overdraft"}]
    assert [(entry["kind"], entry["amount"], entry["balance_after"]) for entry in usage] == [
        ("usage", 10, 20),
        ("usage", 20, 0),
        ("overdraft", 5, -5),
    ]
    for entry in usage:
        assert (entry["prompt_tokens"], entry["session_id"], entry["reason"], entry["service"]) == (35, "s", "r", "f")


async def test_unlimited_pack_issues_what_it_is_drawn_for_and_nets_zero(book: Book) -> None:
    account_id = await book.account()
    finite, unlimited = await book.grant(account_id, 10), await book.grant(account_id, None)
    await book.settle(row_of(account_id, 25, split=[finite, 10]))
    assert await book.left(finite, unlimited) == [0, None]
    assert (await book.entries(account_id))[1:] == [
        ("usage", 10, f"pack:{finite}", "usage"),
        ("auto_grant", 15, "issued", f"pack:{unlimited}"),
        ("usage", 15, f"pack:{unlimited}", "usage"),
    ]
    assert await book.debt(account_id) == 0
    await assert_conserved(book)


async def test_unlimited_pack_pays_for_what_its_requests_did_not_hold(book: Book) -> None:
    """Else a request within its hold would be left with debt (DESIGN 3.4)."""
    account_id = await book.account()
    finite = await book.grant(account_id, 100)
    await book.grant(account_id, None, user_id="u2")
    # u1 holds the whole finite pack; u2 was admitted on the unlimited one and needs no hold.
    await book.settle(row_of(account_id, 50, user_id="u2", split=[], reserved=50))
    await book.settle(row_of(account_id, 100, user_id="u1", split=[finite, 100]))
    assert await book.debt(account_id) == 0
    await assert_conserved(book)


async def test_debt_is_repaid_by_the_next_grant_that_would_have_fitted(book: Book) -> None:
    account_id = await book.account()
    await book.settle(row_of(account_id, 30, user_id="u1"), row_of(account_id, 20, user_id="u2"))
    assert await book.debt(account_id) == 50
    images = await book.grant(account_id, 100, resource="images")
    other_model = await book.grant(account_id, 100, models=["x"])
    first = await book.grant(account_id, 100, user_id="u2")
    assert (await book.left(images, other_model, first), await book.debt(account_id)) == ([100, 100, 80], 30)
    small = await book.grant(account_id, 10)
    rest = await book.grant(account_id, 100)
    assert (await book.left(small, rest), await book.debt(account_id)) == ([0, 80], 0)
    assert [entry for entry in await book.entries(account_id) if entry[0] == "repay"] == [
        ("repay", 20, f"pack:{first}", "debt"),
        ("repay", 10, f"pack:{small}", "debt"),
        ("repay", 20, f"pack:{rest}", "debt"),
    ]
    await assert_conserved(book)


async def test_grant_of_the_same_pack_again_changes_nothing(book: Book) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    before = await book.state(account_id)
    await book.grant(account_id, 100, pack_id=pack_id)
    assert await book.state(account_id) == before


async def test_revoked_pack_is_withdrawn_at_once_and_its_requests_go_on_to_the_next(book: Book) -> None:
    account_id = await book.account()
    first, second = await book.grant(account_id, 40), await book.grant(account_id, 10)
    for _ in range(2):
        await book.revoke(first)
    await book.settle(row_of(account_id, 15, split=[first, 15]))
    assert await book.left(first, second) == [0, 0]
    assert await book.debt(account_id) == 5
    assert [entry[0] for entry in await book.entries(account_id)] == ["grant", "grant", "revoke", "usage", "overdraft"]
    await assert_conserved(book)


async def test_expired_pack_is_booked_when_no_request_from_before_can_be_left(book: Book) -> None:
    account_id = await book.account()
    now = datetime.now(UTC)
    long_ago = await book.grant(account_id, 40, expires_at=now - 2 * HOUR)
    lately = await book.grant(account_id, 40, expires_at=now - HOUR / 2)
    unlimited = await book.grant(account_id, None, expires_at=now - 2 * HOUR)
    stays = await book.grant(account_id, 40)
    for _ in range(2):
        await book.connection.fetch("SELECT * FROM expire_packs($1, 100)", HOUR)
    assert await book.left(long_ago, lately, unlimited, stays) == [0, 40, None, 40]
    assert [entry for entry in await book.entries(account_id) if entry[0] == "expire"] == [
        ("expire", 40, f"pack:{long_ago}", "expired")
    ]
    closed = await book.connection.fetch("SELECT pack_id::text FROM packs WHERE closed_at IS NOT NULL")
    assert {row["pack_id"] for row in closed} == {long_ago, unlimited}
    await assert_conserved(book)


@pytest.mark.parametrize("table", ["events", "entries", "corrections", "account_changes"])
async def test_database_refuses_to_change_what_was_booked(book: Book, table: str) -> None:
    account_id = await book.account()
    row = row_of(account_id, 30, source="recovered")
    await book.settle(row)
    await book.settle(row | {"source": "upstream", "charge": 20})
    await book.grant(account_id, 100)
    assert await book.rows(table, account_id)
    for change in (f"UPDATE {table} SET version = 99", f"DELETE FROM {table}"):  # noqa: S608 - the table's name is ours
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await book.connection.execute(change)
    if table != "account_changes":
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await book.connection.execute(f"TRUNCATE {table}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"charge": -1},
        {"prompt_tokens": -1},
        {"model": None},
        {"endpoint": None},
        {"source": "guessed"},
        {"request_id": "no uuid"},
        {"account_id": "01890000-0000-7000-8000-00000000000a"},
        {"account_id": None},
        {"split": {"a": 1}},
        {"split": ["no uuid", 1]},
        {"reason": "\x00"},
        {"charge": 2**63},
    ],
)
async def test_row_that_is_wrong_is_refused_as_data_with_all_of_its_batch(book: Book, wrong: dict[str, Any]) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 100)
    with pytest.raises((asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)):
        await book.settle(row_of(account_id, 10), row_of(account_id, 10) | wrong)
    assert await book.left(pack_id) == [100]
    assert await book.rows("events", account_id) == []
