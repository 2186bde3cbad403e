"""Pages of entries and events: order, keyset, filters, scope, corrections."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.books import Books
from metering.books.filters import Filters, Scope
from metering.books.order import ENTRY_LIST
from metering.books.pages import statement_of
from metering.books.records import Account, ApiKey, Entry, Event, Pack
from metering.ids import new_id
from metering.ledger import Ledger
from metering.queries import query
from tests.integration.booking import Booking

DAY = timedelta(days=1)


def place_of(row: Entry | Event) -> tuple[Any, ...]:
    at = datetime.fromisoformat(row.at)
    return (at, row.version, row.seq, row.account_id) if isinstance(row, Entry) else (at, row.request_id)


@pytest.fixture
async def busy(booking: Booking, books: Books) -> Booking:
    """Two accounts, nine requests of one in three batches, one of the other."""
    await booking.grant(1000)
    for batch in range(3):
        await booking.book(*(booking.row(10 * batch + number + 1) for number in range(3)))
    other = await books.accounts.create(name="other")
    await Booking(booking.ledger, books, other.id).charge(5)
    return booking


@pytest.mark.parametrize("sort", ["-at", "at"])
@pytest.mark.parametrize("limit", [1, 2, 4, 1000])
@pytest.mark.parametrize("name", ["entries", "events"])
async def test_pages_put_together_are_the_whole_list(busy: Booking, name: str, limit: int, sort: str) -> None:
    read = getattr(busy.books.pages, name)
    whole = (await read(Filters(), limit=1000, sort=sort)).rows
    assert [place_of(row) for row in whole] == sorted(map(place_of, whole), reverse=sort == "-at")
    seen: list[Entry | Event] = []
    more, after = True, None
    while more:
        page = await read(Filters(), limit=limit, sort=sort, after=after)
        assert 0 < len(page.rows) <= limit
        seen += page.rows
        more, after = page.more, page.after
    assert seen == whole
    assert len(whole) == (11 if name == "entries" else 10)


async def test_an_entry_says_what_moved(booking: Booking) -> None:
    pack = await booking.grant(100, note="hello")
    request_id = await booking.charge(30, feature="chat", session_id="s", reason="why", prompt_tokens=20)
    usage, grant = (await booking.books.pages.entries(Filters(), limit=10)).rows
    assert isinstance(grant, Entry)
    assert isinstance(usage, Entry)
    assert (grant.kind, grant.amount, grant.delta, grant.book_from, grant.book_to) == (
        "grant", 100, 100, "issued", f"pack:{pack.id}",
    )  # fmt: skip
    assert (grant.version, grant.seq, grant.balance_after, grant.reason) == (1, 1, 100, "hello")
    assert (usage.kind, usage.amount, usage.delta, usage.book_from, usage.book_to) == (
        "usage", 30, -30, f"pack:{pack.id}", "usage",
    )  # fmt: skip
    assert (usage.version, usage.seq, usage.balance_after, usage.pack_id) == (2, 1, 70, pack.id)
    assert (usage.request_id, usage.user_id, usage.model, usage.service) == (request_id, "u1", "m", "chat")
    assert (usage.session_id, usage.reason, usage.prompt_tokens, usage.completion_tokens) == ("s", "why", 20, 10)
    assert usage.source == "upstream"
    assert (usage.resource, usage.type) == ("tokens", "Usage")


async def test_an_entry_says_what_it_is_an_amount_of_even_if_no_pack_does(booking: Booking) -> None:
    await booking.charge(4, resource="images")
    (owed,) = (await booking.books.pages.entries(Filters(), limit=10)).rows
    assert isinstance(owed, Entry)
    assert (owed.kind, owed.pack_id, owed.resource, owed.balance_after) == ("overdraft", None, "images", -4)


async def test_a_request_that_draws_on_two_packs_is_two_entries_and_one_hybrid_event(booking: Booking) -> None:
    await booking.grant(30, user_id="u1")
    await booking.grant(30)
    request_id = await booking.charge(40)
    event = await booking.event(request_id)
    assert (event.pool, event.allocated_amount, event.surplus_amount, event.charge) == ("hybrid", 30, 10, 40)
    assert (event.unit, event.resource) == ("tokens", "tokens")
    entries = await booking.books.pages.entries(Filters(request_id=request_id), limit=10)
    assert sorted(row.amount for row in entries.rows if isinstance(row, Entry)) == [10, 30]


@pytest.fixture
async def mixed(booking: Booking) -> dict[str, Any]:
    """Requests that differ in everything that may be filtered by, each under a name."""
    own = await booking.grant(50, user_id="u1")
    shared = await booking.grant(1000)
    return {
        "booking": booking,
        "own": own.id,
        "shared": shared.id,
        "key": (key := new_id()),
        "allocated": await booking.charge(40),
        "hybrid": await booking.charge(60, feature="summary"),
        "surplus": await booking.charge(20, user_id="u2", key_id=key, model="n", session_id="s", endpoint="embeddings"),
        "debt": await booking.charge(2000, user_id=None),
    }


FILTERED: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"allocated", "hybrid", "surplus", "debt"}),
    ({"user_ids": ("u1",)}, {"allocated", "hybrid"}),
    ({"user_ids": ("u1", "u2")}, {"allocated", "hybrid", "surplus"}),
    ({"model": "n"}, {"surplus"}),
    ({"key_id": "@key"}, {"surplus"}),
    ({"session_id": "s"}, {"surplus"}),
    ({"request_id": "@hybrid"}, {"hybrid"}),
    ({"pack_id": "@own"}, {"allocated", "hybrid"}),
    ({"kinds": ("overdraft",)}, {"debt"}),
    ({"kinds": ("refund",)}, set()),
    ({"resource": "images"}, set()),
    ({"resource": "tokens"}, {"allocated", "hybrid", "surplus", "debt"}),
    ({"pool": "hybrid"}, {"hybrid"}),
    ({"feature": "summary"}, {"hybrid"}),
    ({"endpoint": "embeddings"}, {"surplus"}),
    ({"since": datetime.now(UTC) + DAY}, set()),
    ({"since": datetime.now(UTC) - DAY}, {"allocated", "hybrid", "surplus", "debt"}),
    ({"until": datetime.now(UTC) - DAY}, set()),
    ({"until": datetime.now(UTC) + DAY}, {"allocated", "hybrid", "surplus", "debt"}),
    ({"user_ids": ("u1",), "feature": "summary", "pool": "hybrid"}, {"hybrid"}),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERED, ids=[str(list(filters)) for filters, _ in FILTERED])
async def test_events_and_entries_are_narrowed_down_alike(
    mixed: dict[str, Any], filters: dict[str, Any], expected: set[str]
) -> None:
    pages = mixed["booking"].books.pages
    asked = Filters(**{name: mixed.get(str(value)[1:], value) for name, value in filters.items()})
    events = await pages.events(asked, limit=100, total=True)
    entries = await pages.entries(asked, limit=100, total=True)
    names = {mixed[name]: name for name in ("allocated", "hybrid", "surplus", "debt")}
    assert {names[row.request_id] for row in events.rows} == expected
    assert {names[row.request_id] for row in entries.rows if row.request_id} == expected
    assert (events.total, entries.total) == (len(events.rows), len(entries.rows))


@pytest.mark.parametrize(
    ("filters", "events", "amounts"),
    [
        ({"pool": "allocated"}, {"allocated"}, {40, 10, 50}),
        ({"pool": "surplus"}, {"surplus", "debt"}, {50, 20, 930, 1070, 1000}),
        ({"min_amount": 60}, {"hybrid", "debt"}, {930, 1070, 1000}),
        ({"max_amount": 20}, {"surplus"}, {10, 20}),
        ({"min_amount": 40, "max_amount": 50}, {"allocated"}, {40, 50}),
    ],
)
async def test_an_events_amount_is_its_charge_and_an_entrys_what_it_moved(
    mixed: dict[str, Any], filters: dict[str, Any], events: set[str], amounts: set[int]
) -> None:
    pages = mixed["booking"].books.pages
    found = await pages.events(Filters(**filters), limit=100)
    assert {row.request_id for row in found.rows} == {mixed[name] for name in events}
    entries = await pages.entries(Filters(**filters), limit=100)
    assert {row.amount for row in entries.rows} == amounts


async def test_from_is_inclusive_and_to_is_exclusive(booking: Booking) -> None:
    await booking.charge(1)
    (event,) = await booking.events()
    at = datetime.fromisoformat(event.at)
    assert await booking.events(since=at) == [event]
    assert await booking.events(until=at) == []
    assert await booking.events(since=at + timedelta(microseconds=1)) == []


async def test_a_scope_hides_other_accounts_and_from_members_other_members(mixed: dict[str, Any], books: Books) -> None:
    booking: Booking = mixed["booking"]
    other = await books.accounts.create(name="other")
    foreign = await Booking(booking.ledger, books, other.id).charge(5)

    async def seen(scope: Scope, **filters: Any) -> set[str | None]:
        events = await books.pages.events(Filters(**filters), limit=100, scope=scope)
        entries = await books.pages.entries(Filters(**filters), limit=100, scope=scope)
        requests = {row.request_id for row in events.rows}
        assert {row.request_id for row in entries.rows} - {None} == requests
        return {row.request_id for row in entries.rows}

    account = booking.account_id
    own = {mixed["allocated"], mixed["hybrid"]}
    assert await seen(Scope(account, True, "u1")) == own
    assert await seen(Scope(account, True, "u1"), user_ids=("u2",)) == set()
    assert await seen(Scope(account, True, None)) == {mixed["debt"]}
    assert await seen(Scope(account, False, "u1")) == own | {mixed["surplus"], mixed["debt"], None}
    assert await seen(Scope(account, False, None), account_id=other.id) == set()
    assert await seen(Scope(other.id, False, None)) == {foreign}


async def test_a_corrected_event_shows_what_holds_now_and_keeps_what_was_booked_first(booking: Booking) -> None:
    await booking.grant(50, user_id="u1")
    await booking.grant(100)
    request_id = await booking.recover(80, 60)
    event = await booking.event(request_id)
    assert (event.charge, event.source, event.prompt_tokens, event.completion_tokens) == (60, "upstream", 30, 30)
    assert (event.allocated_amount, event.surplus_amount) == (50, 10)
    first = event.recovered
    assert first
    assert (first.charge, first.source, first.prompt_tokens, first.completion_tokens) == (80, "recovered", 40, 40)
    assert (first.allocated_amount, first.surplus_amount) == (50, 30)
    assert first.corrected_at > event.at
    assert await booking.events(min_amount=61) == []
    assert await booking.events(max_amount=60) == [event]


@pytest.mark.parametrize(("exact", "allocated"), [(20, 20), (60, 50), (120, 50)])
async def test_a_correction_moves_the_pools_too(booking: Booking, exact: int, allocated: int) -> None:
    await booking.grant(50, user_id="u1")
    await booking.grant(30)
    event = await booking.event(await booking.recover(70, exact))
    assert (event.charge, event.allocated_amount, event.surplus_amount) == (exact, allocated, exact - allocated)
    assert event.pool == ("allocated" if exact == allocated else "hybrid")
    assert await booking.events(pool=event.pool) == [event]


async def test_a_correction_of_debt_that_an_allocated_pack_repaid_stays_within_the_charge(booking: Booking) -> None:
    row = booking.row(100, source="recovered", status="recovered")
    await booking.book(row)
    await booking.grant(100, user_id="u1")
    await booking.book(booking.row(70, request_id=row["request_id"]))
    event = await booking.event(row["request_id"])
    assert (event.charge, event.allocated_amount, event.surplus_amount, event.pool) == (70, 0, 70, "surplus")


async def test_an_event_that_was_not_corrected_has_no_recovered(booking: Booking) -> None:
    event = await booking.event(await booking.charge(5))
    assert not event.recovered
    event = await booking.event(await booking.charge(5, source="recovered", status="recovered"))
    assert (event.source, bool(event.recovered)) == ("recovered", False)


async def test_columns_stand_in_the_order_of_the_fields(booking: Booking, ledger: Ledger) -> None:
    """Records are made by position: what must differ in each column is looked at in each field."""
    await booking.charge(5)
    order = ENTRY_LIST.order("-at")
    async with ledger.connection() as connection:
        statement = await connection.prepare(
            statement_of("entries_page", where="true", order=order.sql, key=order.key, limit="1")
        )
        names = [attribute.name for attribute in statement.get_attributes()][: -len(order.columns)]
        for name, kind in (("account_get", Account), ("key_get", ApiKey), ("pack_get", Pack)):
            own = await connection.prepare(query(name))
            page = await connection.prepare(query(name.replace("_get", "s_page")))
            assert [one.type for one in own.get_attributes()] == [one.type for one in page.get_attributes()]
            assert len(own.get_attributes()) == len(kind.__struct_fields__)
    fields = [name for name in Entry.__struct_fields__ if name != "type"]  # made of the kind
    assert [name if name != "to_char" else "at" for name in names] == fields


@pytest.mark.parametrize("amount", [None, 30, 31])
async def test_a_refund_gives_back_at_most_what_is_left(booking: Booking, amount: int | None) -> None:
    pack = await booking.grant(100)
    request_id = await booking.charge(40)
    await booking.books.pages.refund(request_id, 10, "first")
    refunded = await booking.books.pages.refund(request_id, amount, "second")
    assert refunded
    refund, state = refunded
    assert (refund.refunded, refund.account_id, refund.request_id) == (30, booking.account_id, request_id)
    assert (state.version, refund.version) == (4, 4)
    found = await booking.books.packs.get(pack.id)
    assert found
    assert found.remaining == 100
    again = await booking.books.pages.refund(request_id, None, "third")
    assert again
    assert (again[0].refunded, again[0].version) == (0, 4)


async def test_an_unknown_request_has_no_refund(booking: Booking) -> None:
    assert await booking.books.pages.refund(new_id(), None, "x") is None
