"""Two gateways under load, one of which is killed again and again: python bench/failover.py [--minutes 10].

Both have a state directory of their own and share Postgres and Valkey. Each gets half of the rate. Asked is: does a
request fail that the other one had accepted, and how long after a kill are settlements later than a second? At the end
the ledger is compared with the answers: every answer is charged once.
"""

import argparse
import asyncio
import math
import re
import statistics
import sys
import time
from dataclasses import dataclass, field

import asyncpg
import uvloop

from bench import chat
from bench.load import Ask, Figures, Load, request_of
from bench.machine import processor
from bench.stack import Account, Server, Servers, embedded, open_accounts, work_folder
from gateway.embedded import Endpoints

PATH = "/v1/chat/completions"
LATE_SECONDS = 1.0
SAMPLE_SECONDS = 0.25
SETTLED_SECONDS_MAX = 120.0
NO_CORES: frozenset[int] = frozenset()
LAG = re.compile(r'^farebox_settle_lag_seconds_(?:bucket\{le="1\.0"\}|count) (\S+)', re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class Gateway:
    """One of the two, and the load on it."""

    name: str
    server: Server
    load: Load
    late: list[float] = field(default_factory=list)  # when (time.monotonic) settlements were seen that were late
    _seen: int = 0

    async def sample(self) -> None:
        """Look whether settlements were late since the last look."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            text = (await reader.read()).decode()
            writer.close()
        except OSError:
            return
        within, count = (int(float(value)) for value in LAG.findall(text))
        if count - within > self._seen:
            self.late.append(time.monotonic())
        self._seen = count - within


def load_of(server: Server, accounts: list[Account]) -> Load:
    """Return a load of small requests on a gateway."""
    body = chat.request_body(stream=False)
    requests = tuple(request_of("127.0.0.1", server.port, PATH, account.key, body) for account in accounts)
    return Load(Ask("127.0.0.1", server.port, requests, len(chat.whole_answer()), b"}"))


async def run(options: argparse.Namespace, endpoints: Endpoints, servers: Servers) -> bool:
    """Load both, kill the second one again and again, and say what happened."""
    accounts = await open_accounts(endpoints.database_url, 8)
    upstream = servers.upstream(pace_ms=0, cores=NO_CORES)
    gateways: list[Gateway] = []
    for name in ("kept", "killed"):
        server = servers.gateway(upstream=upstream, endpoints=endpoints, cores=NO_CORES, name=name)
        gateways.append(Gateway(name=name, server=server, load=load_of(server, accounts)))
    kept, killed = gateways
    kills: list[float] = []

    async def during() -> Figures:
        deadline = time.monotonic() + options.minutes * 60
        kept.load.mark()
        next_kill = time.monotonic() + options.every
        while time.monotonic() < deadline:
            await asyncio.sleep(SAMPLE_SECONDS)
            await asyncio.gather(*(gateway.sample() for gateway in gateways))
            if time.monotonic() >= next_kill:
                kills.append(time.monotonic())
                killed.server.process.kill()
                killed.server.process.wait()
                port = killed.server.port
                killed.server = await asyncio.to_thread(
                    servers.gateway, upstream=upstream, endpoints=endpoints, cores=NO_CORES, name="killed", port=port
                )
                killed._seen = 0  # noqa: SLF001 - a new process counts from nothing
                next_kill = time.monotonic() + options.every
        return kept.load.figures()

    async def until_kept_ends() -> Figures:
        await done.wait()
        return killed.load.figures()

    done = asyncio.Event()
    other = asyncio.create_task(killed.load.open(options.rate / 2, until_kept_ends))
    figures = await kept.load.open(options.rate / 2, during)
    done.set()
    await other
    return await report(endpoints, kept, killed, figures, kills)


async def report(endpoints: Endpoints, kept: Gateway, killed: Gateway, figures: Figures, kills: list[float]) -> bool:
    """Print the figures; return whether all is as promised."""
    answers = kept.load.whole + killed.load.whole
    ledger = await asyncpg.connect(endpoints.database_url)
    started = time.monotonic()
    while (events := await ledger.fetchval("SELECT count(*) FROM events")) < answers:
        if time.monotonic() > started + SETTLED_SECONDS_MAX:
            break
        await asyncio.sleep(0.2)
    recovered = await ledger.fetchval("SELECT count(*) FROM events WHERE source = 'recovered'")
    await ledger.close()
    tails = []
    for kill, following in zip(kills, [*kills[1:], math.inf], strict=True):
        tails.append(max([at - kill for at in kept.late + killed.late if kill <= at < following], default=0.0))
    latency = f"p50 {figures.percentile_ms(50):.1f} ms, p99 {figures.percentile_ms(99):.1f} ms"
    print(f"kept    {figures.requests} answers, {figures.errors} failed ({kept.load.first_error}), {latency}")
    print(f"killed  {len(kills)} times, {killed.load.whole} answers, the others failed as they must")
    print(
        f"settled later than {LATE_SECONDS:g} s: at most {max(tails, default=0.0):.1f} s after a kill, "
        f"half of the times {statistics.median(tails or [0.0]):.1f} s"
    )
    print(f"{answers} answers, {events} events, {recovered} of them recovered for a dead process")
    return figures.errors == 0 and events >= answers


def main() -> None:
    """Read the options and run; ends with 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second on both together")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two kills")
    options = parser.parse_args()
    print(f"{processor()}; {options.rate:g}/s on two gateways, {options.minutes:g} min", flush=True)
    with work_folder() as folder, embedded(folder) as endpoints, Servers(folder) as servers:
        kept_promises = uvloop.run(run(options, endpoints, servers))
    sys.exit(0 if kept_promises else 1)


if __name__ == "__main__":
    main()
