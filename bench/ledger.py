"""The ledger's reads on many rows: python bench/ledger.py [--events 1000000] [--others 0] [--no-series].

Makes events and entries of one account (and of others beside it), rolls them up, then asks for what people ask for:
every page of the account within 31 days and one more filter, other sorts, totals, series. Prints the median and the
95th percentile of each in milliseconds, and the index that it was read from.
"""

import argparse
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import uvloop

from bench.ledger_rows import Filled, fill
from bench.machine import processor
from bench.stack import embedded, work_folder
from config.settings import MeterSettings, PostgresSettings
from metering.books import Books
from metering.books.filters import Filters
from metering.books.order import ENTRY_LIST, EVENT_LIST
from metering.books.pages import entries_selection, events_selection, statement_of
from metering.books.series import Question
from metering.ledger import Ledger
from metering.queries import query

RUNS = 40
PAGE = 25
GOAL_MS = 100.0
MONTH = timedelta(days=31)
INDEX = re.compile(r'"Index Name": "(\w+)"')


class Case(NamedTuple):
    """What is asked: a name for people, the list, filters, order, and whether the total is asked too."""

    name: str
    of: str
    filters: dict[str, Any]
    sort: str = "-at"
    total: bool = False


def cases(filled: Filled) -> list[Case]:
    """Return all pages that are measured: common values and rare ones."""
    narrow: dict[str, dict[str, Any]] = {
        "nothing more": {},
        "a busy member": {"user_ids": ("member-0",)},
        "a quiet member": {"user_ids": ("member-997",)},
        "three members": {"user_ids": ("member-0", "member-500", "member-997")},
        "a key": {"key_id": filled.key_id},
        "a common model": {"model": "model-0"},
        "a rare model": {"model": "model-11"},
        "no such model": {"model": "none"},
        "a session": {"session_id": filled.session_id},
        "a feature": {"feature": "feature-19"},
        "an endpoint": {"endpoint": "embeddings"},
        "a resource": {"resource": "images"},
        "pool allocated": {"pool": "allocated"},
        "pool surplus": {"pool": "surplus"},
        "pool hybrid": {"pool": "hybrid"},
        "large amounts": {"min_amount": 8000},
        "no such amount": {"min_amount": 10**9},
        "small amounts": {"max_amount": 25},
    }
    found = [Case(name, of, filters) for of in ("events", "entries") for name, filters in narrow.items()]
    found += [Case("a kind", "entries", {"kinds": ("grant",)}), Case("a pack", "entries", {"pack_id": filled.pack_id})]
    found += [Case(f"sort {sort}", "events", {}, sort) for sort in ("at", "-charge", "user_id", "-duration_ms")]
    found += [Case("sort -amount", "entries", {}, "-amount")]
    found += [Case("with the total", of, {}, total=True) for of in ("events", "entries")]
    return [*found, Case("a member's total", "events", {"user_ids": ("member-0",)}, total=True)]


async def measure(ask: Callable[[datetime], Awaitable[Any]], filled: Filled) -> list[float]:
    """Return the milliseconds of each run, each over other days; the first run, which warms up, is left out."""
    took = []
    for _ in range(RUNS + 1):
        since = filled.since + random.random() * max(timedelta(), filled.until - MONTH - filled.since)
        started = time.perf_counter()
        await ask(since)
        took.append((time.perf_counter() - started) * 1000)
    return sorted(took[1:])


async def indexes_of(ledger: Ledger, case: Case, filters: Filters) -> str:
    """Return the names of the indexes that a page is read from."""
    order = (EVENT_LIST if case.of == "events" else ENTRY_LIST).order(case.sort)
    async with ledger.connection() as connection, connection.transaction(readonly=True):
        await connection.execute(query("read_plans"))
        select = events_selection if case.of == "events" else entries_selection
        selection = await select(connection, filters, None)
        text = statement_of(
            f"{case.of}_page", where=selection.where, order=order.sql, key=order.key, limit=str(PAGE + 1)
        )
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *selection.values)
        names = set(INDEX.findall(json.dumps(json.loads(plan))))
        rows = await connection.fetch(
            "SELECT DISTINCT coalesce(p.relname, c.relname) AS name FROM pg_class c"
            " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent"
            " WHERE c.relname = ANY($1::text[])",
            list(names),
        )
    hidden = {"events_recovered", "corrections_pkey"}
    return ", ".join(sorted(row["name"] for row in rows if row["name"] not in hidden))


async def measure_pages(ledger: Ledger, books: Books, filled: Filled) -> None:
    """Measure and print every page."""
    print(f"\n{'account, 31 days and …':30}{'p50 ms':>9}{'p95 ms':>9}  read from")
    for case in cases(filled):

        def filters_at(since: datetime, case: Case = case) -> Filters:
            return Filters(account_id=filled.account_id, since=since, until=since + MONTH, **case.filters)

        async def ask(since: datetime, case: Case = case) -> None:
            read: Any = getattr(books.pages, case.of)
            await read(filters_at(since, case), limit=PAGE, sort=case.sort, total=case.total)

        took = await measure(ask, filled)
        used = await indexes_of(ledger, case, filters_at(filled.until - MONTH))
        show(f"{case.of}: {case.name}", took, used)


async def measure_others(books: Books, filled: Filled) -> None:
    """Measure and print pages of the whole platform, and series of the account."""
    print(f"\n{'without an account, and series':30}{'p50 ms':>9}{'p95 ms':>9}")
    for of in ("events", "entries"):
        read: Any = getattr(books.pages, of)
        show(f"{of} of all accounts", await measure(lambda _, read=read: read(Filters(), limit=PAGE), filled))
    for interval, groups, days in (
        ("day", (), 7), ("hour", (), 31), ("month", (), 366), ("day", ("model",), 31), ("month", ("model",), 366),
        ("day", ("user_id",), 31), ("month", ("user_id",), 366), ("all", ("user_id", "model"), 366),
        ("all", ("session_id",), 1),
    ):  # fmt: skip

        async def ask(
            _: datetime, interval: str = interval, groups: tuple[str, ...] = groups, days: int = days
        ) -> None:
            filters = Filters(
                account_id=filled.account_id, since=filled.until - timedelta(days=days), until=filled.until
            )
            asked = Question(filters=filters, interval=interval, groups=groups, sort="-at")
            await books.usage.series(asked, limit=1000)

        show(f"{interval} over {days} days by {' and '.join(groups) or 'nothing'}", await measure(ask, filled))


def show(name: str, took: list[float], used: str = "") -> None:
    """Print one line."""
    p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
    print(f"{name:46.46}{p50:9.1f}{p95:9.1f}{' !' if p95 > GOAL_MS else '  '} {used}", flush=True)


async def run(database_url: str, options: argparse.Namespace) -> None:
    """Fill, measure, print."""
    filled = await fill(
        database_url, events=options.events, others=options.others, months=options.months, rolled=options.series
    )
    ledger = Ledger(database_url, PostgresSettings(timeout_seconds=120))
    await ledger.start()
    books = Books(ledger, MeterSettings())
    await measure_pages(ledger, books, filled)
    if options.series:
        await measure_others(books, filled)
    await ledger.stop()
    connection = await asyncpg.connect(database_url)
    size = await connection.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
    print(f"\ndatabase {size}")
    await connection.close()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the account that is asked for")
    parser.add_argument("--others", type=int, default=0, help="events of nine other accounts together")
    parser.add_argument("--months", type=int, default=12, help="that they are spread over")
    parser.add_argument("--no-series", dest="series", action="store_false", help="leave out the roll-ups")
    options = parser.parse_args()
    rows = f"{options.events:,} events of one account, {options.others:,} of others"
    print(f"{processor()}; {datetime.now(UTC):%Y-%m-%d}; {rows}")
    with work_folder() as folder, embedded(Path(folder)) as endpoints:
        uvloop.run(run(endpoints.database_url, options))


if __name__ == "__main__":
    main()
