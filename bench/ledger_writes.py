"""What the indexes for reading cost a settlement: python bench/ledger_writes.py [--seconds 4] [--rounds 3].

Two ledgers on one server, one with all indexes and one without those of migrations/0007_reads.sql, are settled into in
turns (A B A B), as a gateway settles: four lanes, everything on disk.
"""

import argparse
import os
import re
import statistics
from pathlib import Path

import asyncpg
import uvloop

from bench.machine import Watch, pin, processor, split_cores
from bench.meter import ACCOUNTS, disturbed, settle
from bench.stack import Account, embedded, open_accounts, work_folder
from config.settings import PostgresSettings
from metering.ledger import Ledger
from metering.queries import FOLDER

BATCHES = (16, 128, 512)
MIGRATION = FOLDER / "migrations" / "0007_reads.sql"


def indexes() -> list[str]:
    """Return the names of the indexes that are measured."""
    names = re.findall(r"^CREATE INDEX (\w+) ON (?:events|entries)", MIGRATION.read_text(), re.MULTILINE)
    return [name for name in names if name != "entries_of_pack"]  # it took the place of another


async def database(url: str, name: str, without: list[str]) -> tuple[Ledger, list[Account]]:
    """Return a ledger that has not these indexes, and its accounts."""
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    head, _, tail = url.rpartition("/")
    own = f"{head}/{name}{tail[tail.find('?') :] if '?' in tail else ''}"
    accounts = await open_accounts(own, ACCOUNTS)
    connection = await asyncpg.connect(own)
    for index in without:
        await connection.execute(f"DROP INDEX {index}")
    await connection.close()
    return Ledger(own, PostgresSettings()), accounts


async def run(url: str, seconds: float, rounds: int) -> None:
    """Measure, and print rows a second."""
    sides = {
        "without": await database(url, "without_reads", indexes()),
        "with": await database(url, "with_reads", []),
    }
    print(f"\nsettle, {ACCOUNTS} accounts, median of {rounds}\n  {'batch':>6}{'without':>10}{'with':>10}{'ratio':>8}")
    for batch in BATCHES:
        found: dict[str, list[float]] = {name: [] for name in sides}
        watch = Watch(os.getpid())
        for _ in range(rounds):
            for name, (ledger, accounts) in sides.items():
                rows, took = await settle(ledger, accounts, batch, seconds)
                found[name].append(rows / took)
        before, after = (statistics.median(found[name]) for name in sides)
        remark = disturbed(watch, rounds * seconds * len(sides))
        print(f"  {batch:6}{before:10.0f}{after:10.0f}{after / before:8.2f}{remark}", flush=True)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="of each side")
    options = parser.parse_args()
    cores = split_cores()
    pin(0, cores.others)
    print(f"{processor()}; {cores}")
    with work_folder() as folder, embedded(Path(folder)) as endpoints:
        pin(0, cores.measured)
        uvloop.run(run(endpoints.database_url, options.seconds, options.rounds))


if __name__ == "__main__":
    main()
