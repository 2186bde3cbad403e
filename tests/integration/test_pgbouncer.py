"""Everything works through PgBouncer in transaction mode, where each transaction may have another session."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from config.settings import Settings
from gateway.embedded.servers import Endpoints
from metering.errors import LedgerDownError
from metering.ledger import Ledger
from metering.migrate import migrate, migrations
from tests.conftest import with_database
from tests.fakes.upstream import answer, completion, usage
from tests.integration.audit.test_scenario import test_whatever_is_done_the_books_stay_right
from tests.integration.line import ADMIN, PROMPT, SIZE, Line, on
from tests.integration.metering.conftest import book, gateway, launch
from tests.integration.metering.test_recovery import (
    test_many_may_recover_the_same_requests_and_each_is_charged_once,
    test_owner_that_turns_up_after_all_corrects_its_charge_once,
    test_settlement_of_an_account_that_is_gone_is_parked_and_holds_up_no_other,
    test_usage_that_was_known_is_settled_exactly,
)
from tests.integration.test_line import test_one_event_and_one_entry_tell_what_a_request_cost
from tests.integration.test_line_money import (
    test_a_stream_without_a_limit_starts_small_and_grows,
    test_use_above_the_hold_is_debt_and_the_next_grant_repays_it,
)
from tests.servers.debian import MissingError, find_pgbouncer
from tests.servers.pgbouncer import POOL_SIZE, own_pgbouncer, through

__all__ = [
    "book",
    "gateway",
    "launch",
    "test_a_stream_without_a_limit_starts_small_and_grows",
    "test_many_may_recover_the_same_requests_and_each_is_charged_once",
    "test_one_event_and_one_entry_tell_what_a_request_cost",
    "test_owner_that_turns_up_after_all_corrects_its_charge_once",
    "test_settlement_of_an_account_that_is_gone_is_parked_and_holds_up_no_other",
    "test_usage_that_was_known_is_settled_exactly",
    "test_use_above_the_hold_is_debt_and_the_next_grant_repays_it",
    "test_whatever_is_done_the_books_stay_right",
]


@pytest.fixture(scope="module")
def pgbouncer(servers: Endpoints) -> Iterator[int]:
    """The port of a PgBouncer."""
    try:
        program = find_pgbouncer()
    except MissingError as error:
        pytest.skip(f"PgBouncer: {error}")
    with own_pgbouncer(program, servers.database_url) as port:
        yield port


@pytest.fixture
def settings(settings: Settings, pgbouncer: int) -> Settings:
    """The same, through PgBouncer; tests look at the database itself."""
    assert settings.postgres.url
    url = through(pgbouncer, settings.postgres.url)
    return replace(settings, postgres=replace(settings.postgres, url=url, pooling="transaction"))


@pytest.fixture
async def empty_url(servers: Endpoints) -> AsyncIterator[str]:
    """A database in which nothing is yet."""
    name = f"test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f"CREATE DATABASE {name}")
    yield with_database(servers.database_url, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def rows(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_line_is_served_and_leaves_nothing_in_a_session(line: Line, database_url: str) -> None:
    await line.start()
    for _ in range(40):
        line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    replies = await asyncio.gather(*(line.ask(max_tokens=20) for _ in range(40)))
    assert {reply.status for reply in replies} == {200}
    assert (await line.at_rest()).balance == SIZE - 40 * (PROMPT + 3)
    assert len(await line.wallet.events()) == 40
    assert await rows(database_url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []
    sessions = "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'farebox'"
    (count,) = await rows(database_url, f"{sessions} AND datname = current_database()")
    assert 0 < count <= POOL_SIZE


async def test_audit_finds_the_books_right(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    await line.ask(max_tokens=20)
    await line.at_rest()
    async with line.client.post("/admin/v1/audit", headers=ADMIN) as response:
        report = await response.json()
    assert report["clean"], report


async def test_many_migrate_an_empty_database_at_once(empty_url: str, pgbouncer: int) -> None:
    applied = await asyncio.gather(*(migrate(through(pgbouncer, empty_url)) for _ in range(4)))
    assert sorted(name for names in applied for name in names) == [name for _, name, _ in migrations()]
    assert await rows(empty_url, "SELECT number FROM migrations ORDER BY 1") == [one for one, _, _ in migrations()]
    assert await rows(empty_url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []


async def test_any_session_does_for_the_next_statement(settings: Settings) -> None:
    assert settings.postgres.url
    ledger = Ledger(settings.postgres.url, settings.postgres)
    lane = ledger.lane()
    async with AsyncExitStack() as stack, asyncio.timeout(20):
        await ledger.start()
        stack.push_async_callback(ledger.stop)
        stack.callback(lane.close)
        for _ in range(POOL_SIZE - 1):
            await ledger.ping()
            await lane.settle([])
            # Who comes next gets the session that was used last; so the two above need another one each time.
            other = await asyncpg.connect(settings.postgres.url, statement_cache_size=0)
            stack.callback(other.terminate)
            await other.execute("BEGIN; SELECT 1")
        await ledger.ping()
        await lane.settle([])


async def test_pooled_settle_plans_as_a_lane_does(database_url: str) -> None:
    (found,) = await rows(database_url, "SELECT proconfig FROM pg_proc WHERE proname = 'settle_pooled'")
    assert set(found) == {"plan_cache_mode=force_generic_plan", "enable_seqscan=off", "jit=off"}


async def test_setting_that_was_forgotten_is_named(settings: Settings) -> None:
    forgotten = replace(settings.postgres, pooling="session")
    assert forgotten.url
    with pytest.raises(LedgerDownError, match="pooling"):
        await Ledger(forgotten.url, forgotten).start()
