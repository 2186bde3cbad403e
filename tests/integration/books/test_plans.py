"""Pages are read from indexes, in order, within the partitions of their time: page 1,000 costs what page 1 costs."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.books.filters import Filters
from metering.books.order import ENTRY_LIST, EVENT_LIST
from metering.books.pages import entries_selection, events_selection, statement_of
from metering.ids import new_id
from metering.queries import query
from tests.integration.booking import Booking

DAY = timedelta(days=1)
KEY = new_id()


@pytest.fixture
async def filled(booking: Booking) -> Booking:
    """Three thousand requests of one account: enough for Postgres to see what an index is worth."""
    await booking.grant(10**9)
    await booking.grant(10**6, user_id="u7")
    for batch in range(6):
        await booking.book(
            *(
                booking.row(
                    1 + number,
                    user_id=f"u{number % 50}",
                    key_id=KEY if number == 7 else None,
                    model=f"m{number % 40}",
                    session_id=f"s{batch * 100 + number // 5}",
                    feature="f" if number % 100 == 0 else None,
                    endpoint="embeddings" if number % 100 == 0 else "chat/completions",
                )
                for number in range(500)
            )
        )
    await booking.execute("ANALYZE events; ANALYZE entries; ANALYZE packs")
    return booking


async def plan_of(booking: Booking, name: str, sort: str, after: tuple[Any, ...] | None = None, **asked: Any) -> str:
    """Return the plan of a page, planned as it is planned in production."""
    order = (ENTRY_LIST if name == "entries" else EVENT_LIST).order(sort)
    select = entries_selection if name == "entries" else events_selection
    filters = Filters(**{"account_id": booking.account_id, **asked})
    async with booking.ledger.connection() as connection, connection.transaction(readonly=True):
        await connection.execute(query("read_plans"))
        selection = await select(connection, filters, None)
        if after is not None:
            selection.after(after, order.columns, order.casts, falls=order.falls)
        text = statement_of(f"{name}_page", where=selection.where, order=order.sql, key=order.key, limit="26")
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *selection.values))


@pytest.mark.parametrize("name", ["entries", "events"])
@pytest.mark.parametrize("sort", ["-at", "at"])
@pytest.mark.parametrize("deep", [True, False])
async def test_an_accounts_page_is_read_from_its_index_in_order(
    filled: Booking, name: str, sort: str, *, deep: bool
) -> None:
    at = datetime.now(UTC) + (DAY if sort == "-at" else -DAY)
    place = (at, 3, 7, filled.account_id) if name == "entries" else (at, new_id())
    plan = await plan_of(filled, name, sort, place if deep else None)
    assert not re.search(r"(?<!Incremental) Sort +\(", plan), plan
    assert "Seq Scan" not in plan, plan


FILTERED = [
    ("events", {"user_ids": ("u9",)}, "user_id"),
    ("events", {"key_id": KEY}, "key_id"),
    ("events", {"session_id": "s3"}, "session_id"),
    ("events", {"model": "none"}, "model"),
    ("events", {"feature": "f"}, "feature"),
    ("events", {"endpoint": "embeddings"}, "endpoint"),
    ("events", {"resource": "images"}, "resource"),
    ("events", {"min_amount": 499}, "charge"),
    ("events", {"request_id": new_id()}, "pkey"),
    ("entries", {"kinds": ("refund",)}, "kind"),
    ("entries", {"session_id": "s3"}, "request_id"),
    ("entries", {"user_ids": ("u9",)}, "request_id"),
    ("entries", {"request_id": new_id()}, "request_id"),
]


@pytest.mark.parametrize(
    ("name", "asked", "index"), FILTERED, ids=[f"{name}-{[*asked]}" for name, asked, _ in FILTERED]
)
async def test_what_is_rare_is_read_from_an_index_of_its_own(
    filled: Booking, name: str, asked: dict[str, Any], index: str
) -> None:
    now = datetime.now(UTC)
    plan = await plan_of(filled, name, "-at", since=now - DAY, until=now + DAY, **asked)
    assert re.search(rf"Index Scan (?:using|on) {name}_\w*{index}\w*", plan), plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("name", ["entries", "events"])
async def test_pages_of_the_whole_platform_are_read_in_order(filled: Booking, name: str) -> None:
    plan = await plan_of(filled, name, "-at", account_id=None)
    assert not re.search(r"(?<!Incremental) Sort +\(.*\n.*\n +-> +(Append|Index)", plan.partition("SELECT* 2")[0]), plan
    assert re.search(rf"{name}_\w*_at_", plan), plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize("name", ["entries", "events"])
async def test_a_time_is_looked_for_in_its_own_partitions_only(filled: Booking, name: str) -> None:
    now = datetime.now(UTC)
    plan = await plan_of(filled, name, "-at", since=now - timedelta(days=1), until=now)
    touched = set(re.findall(rf"{name}_(\d{{6}})", plan))
    near = {f"{now + timedelta(days=days):%Y%m}" for days in range(-3, 2)}
    assert touched <= near, plan
    assert f"{now:%Y%m}" in touched, plan


async def test_a_request_that_was_booked_months_later_is_found_in_the_time_of_its_booking(booking: Booking) -> None:
    """Its partition is that of its own day: a dead gateway's journal, adopted late."""
    old = "0190" + new_id()[4:]
    await booking.grant(100)
    await booking.charge(5, request_id=old)
    now = datetime.now(UTC)
    found = await booking.events(since=now - DAY, until=now + DAY)
    assert [event.request_id for event in found] == [old]
    early = await booking.events(since=now - 900 * DAY, until=now - DAY)
    assert early == []


async def test_the_ledger_of_few_requests_is_the_ledger_that_is_walked_through(
    filled: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking up the requests first changes how entries are found, never which."""
    refunded = (await filled.events(session_id="s3"))[0].request_id
    await filled.books.pages.refund(refunded, 1, "x")
    for asked in (
        {"session_id": "s3"}, {"user_ids": ("u7",)}, {"key_id": KEY}, {"feature": "f"}, {"endpoint": "embeddings"},
        {"pool": "allocated"}, {"min_amount": 480}, {"resource": "tokens"}, {"model": "m3"},
    ):  # fmt: skip
        filters = Filters(account_id=filled.account_id, **asked)  # type: ignore[arg-type]
        monkeypatch.setattr("metering.books.pages.PROBE_MAX", 100_000)
        probed = await filled.books.pages.entries(filters, limit=1000)
        monkeypatch.setattr("metering.books.pages.PROBE_MAX", -1)
        walked = await filled.books.pages.entries(filters, limit=1000)
        assert probed.rows == walked.rows, asked
        assert walked.rows, asked
