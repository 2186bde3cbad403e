"""The meter's two halves alone: python bench/meter.py [--seconds 4].

Settle: rows a second that ``settle()`` books, at several batch sizes, from as many connections as a gateway has lanes.
Reserve: holds a second that ``reserve.lua`` takes, through the gateway's own client, at several depths of the pipeline.
"""

import argparse
import asyncio
import contextlib
import itertools
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator

import structlog
import uvloop

from bench.chat import COMPLETION_TOKENS, PROMPT_TOKENS
from bench.machine import Watch, pin, processor, split_cores
from bench.stack import Account, embedded, open_accounts, work_folder
from config.loader import load_settings
from config.settings import Settings
from gateway.embedded import Endpoints
from metering.admission import Admission
from metering.ask import Ask
from metering.core.settlement import (
    Facts,
    Orphan,
    Outcome,
    Reservation,
    Source,
    Status,
    encode_facts,
    result_of,
    row_of,
)
from metering.epochs import Epochs
from metering.ids import new_id
from metering.ledger import Lane, Ledger
from metering.stores import open_store

ACCOUNTS = 64
LANES = 4
BATCHES = (1, 16, 128, 512)
PIPELINES = (1, 8, 32, 128)
LIMIT = 100
HELD = PROMPT_TOKENS + LIMIT
CHARGE = PROMPT_TOKENS + COMPLETION_TOKENS
RATE = 1_000_000  # micro-units: a token is a token
HOLDS_PER_ACCOUNT_MAX = 9000  # below the limit of one account, whose holds are never released here


def facts_of(account: Account) -> Facts:
    """Return the facts of a new request, as the gateway would."""
    return Facts(
        request_id=new_id(),
        account_id=account.account_id,
        user_id="u1",
        key_id=account.account_id,
        endpoint="chat/completions",
        model="bench",
        provider="bench",
        resource="tokens",
        stream=False,
        counted_prompt_tokens=PROMPT_TOKENS,
        rates=(RATE, RATE, RATE),
        rate_version="bench",
        session_id=None,
        reason="chat/completions",
        feature=None,
        orphan=Orphan.BOUNDED,
        started_at_ms=time.time_ns() // 1_000_000,
    )


def settlement_row(account: Account) -> bytes:
    """Return the row of a finished request."""
    facts = facts_of(account)
    outcome = Outcome(
        prompt_tokens=PROMPT_TOKENS,
        completion_tokens=COMPLETION_TOKENS,
        source=Source.UPSTREAM,
        status=Status.COMPLETED,
        counted_completion_tokens=COMPLETION_TOKENS,
    )
    reservation = Reservation(HELD, facts.started_at_ms, [account.pack_id, HELD])
    return row_of(encode_facts(facts), result_of(reservation, outcome, charge=CHARGE, duration_ms=1000))


async def settle(ledger: Ledger, accounts: list[Account], batch: int, seconds: float) -> tuple[int, float]:
    """Book batches on all lanes, each with its own accounts; return rows and seconds."""
    rows = 0
    started = time.perf_counter()

    async def fill(lane: Lane, turns: Iterator[Account]) -> None:
        nonlocal rows
        while time.perf_counter() - started < seconds:
            await lane.settle([settlement_row(next(turns)) for _ in range(batch)])
            rows += batch

    lanes = [ledger.lane() for _ in range(LANES)]
    await asyncio.gather(*(fill(lane, itertools.cycle(accounts[at::LANES])) for at, lane in enumerate(lanes)))
    for lane in lanes:
        lane.close()
    return rows, time.perf_counter() - started


async def reserve(
    admission: Admission, accounts: list[Account], pipeline: int, seconds: float
) -> tuple[int, float, float]:
    """Take holds from so many tasks at once; return holds, seconds, and our CPU seconds."""
    holds = 0
    turns = itertools.cycle(accounts)
    started, cpu = time.perf_counter(), time.process_time()

    async def client() -> None:
        nonlocal holds
        while time.perf_counter() - started < seconds and holds < ACCOUNTS * HOLDS_PER_ACCOUNT_MAX:
            account = next(turns)
            facts = facts_of(account)
            await admission.reserve(
                Ask(
                    request_id=facts.request_id,
                    account_id=account.account_id,
                    resource="tokens",
                    user_id="u1",
                    model="bench",
                    want=HELD,
                    least=HELD,
                    facts=encode_facts(facts),
                )
            )
            holds += 1

    await asyncio.gather(*(client() for _ in range(pipeline)))
    return holds, time.perf_counter() - started, time.process_time() - cpu


@contextlib.asynccontextmanager
async def admission_of(settings: Settings, ledger: Ledger) -> AsyncIterator[Admission]:
    """Connect, as a gateway does."""
    url, instance_id = settings.redis.url, new_id()
    assert url
    await ledger.beat(instance_id)
    epochs = Epochs(ledger, instance_id, settings.meter, settings.redis)
    store = open_store(url, settings.redis, epochs.served, epochs.parted)
    epochs.store = store
    await store.start()
    yield Admission(store, epochs, ledger, settings.meter, instance_id)
    await store.stop()
    await ledger.forget_instance(instance_id)


async def run(settings: Settings, endpoints: Endpoints, seconds: float) -> None:
    """Measure both, and print."""
    accounts = await open_accounts(endpoints.database_url, ACCOUNTS)
    ledger = Ledger(endpoints.database_url, settings.postgres)
    await ledger.start()
    print(f"\nsettle, {ACCOUNTS} accounts, {LANES} connections, everything on disk\n  {'batch':>6}{'rows/s':>10}")
    for batch in BATCHES:
        watch = Watch(os.getpid())
        rows, took = await settle(ledger, accounts, batch, seconds)
        print(f"  {batch:6}{rows / took:10.0f}{disturbed(watch, took)}", flush=True)
    print(f"\nreserve, {ACCOUNTS} accounts, one connection\n  {'at once':>7}{'holds/s':>10}{'our CPU us':>12}")
    async with admission_of(settings, ledger) as admission:
        for pipeline in PIPELINES:
            accounts = await open_accounts(endpoints.database_url, ACCOUNTS)  # these have no holds yet
            await reserve(admission, accounts, ACCOUNTS, 0.2)  # loads them
            watch = Watch(os.getpid())
            holds, took, cpu = await reserve(admission, accounts, pipeline, seconds)
            cpu_us = cpu / holds * 1e6
            print(f"  {pipeline:7}{holds / took:10.0f}{cpu_us:12.1f}{disturbed(watch, took)}", flush=True)
    await ledger.stop()


def disturbed(watch: Watch, seconds: float) -> str:
    """Return a remark where others used much of the machine."""
    percent = 100 * watch.foreign_seconds() / seconds
    return f"   DISTURBED: others used {percent:.0f} % of a core" if percent > 10 else ""  # noqa: PLR2004 - percent


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    cores = split_cores()
    pin(0, cores.others)
    print(f"{processor()}; {cores}")
    with work_folder() as folder, embedded(folder) as endpoints:
        pin(0, cores.measured)
        urls = {"FAREBOX_DATABASE_URL": endpoints.database_url, "FAREBOX_REDIS_URL": endpoints.redis_url}
        settings = load_settings(None, {**urls, "FAREBOX_STATE_DIR": str(folder / "state")})
        uvloop.run(run(settings, endpoints, options.seconds))


if __name__ == "__main__":
    main()
