"""Gateway and bare proxy, side by side: python bench/proxies.py [--seconds 8] [--connections 32].

Both run all the time, on one core, and get the same load in turns; the upstream, the load generator, Postgres and
Valkey share the others. What counts is the CPU time of the measured process: it hardly depends on who was slow.
At the end the events in Postgres are compared with the answers that clients got.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg
import uvloop

from bench import chat
from bench.load import Ask, Figures, Load, during_seconds, request_of
from bench.machine import Cores, Watch, pin, processor, split_cores
from bench.stack import Account, Server, Servers, body_for_gateway, embedded, open_accounts, path_of, work_folder
from gateway.embedded import Endpoints

WARM_SECONDS = 1.5
DISTURBED_PERCENT = 10.0
SETTLE_SECONDS_MAX = 60.0
GATEWAY, BARE, SERVER, DIRECT = "farebox", "bare aiohttp proxy", "bare aiohttp server", "upstream itself"
PATH = "/v1/chat/completions"


class Kind(NamedTuple):
    """One kind of load."""

    name: str
    stream: bool
    paced: bool


PLAIN = Kind("plain", stream=False, paced=False)
FAST_STREAM = Kind("streamed, as fast as it goes", stream=True, paced=False)
PACED_STREAM = Kind("streamed, every event alone", stream=True, paced=True)


class Run(NamedTuple):
    """One measured run of one server."""

    cpu_us: float
    per_second: float
    p50_ms: float
    p99_ms: float
    busy_percent: float
    chunks: float  # reads of the proxy in each streamed answer
    settled_per_second: float
    foreign_percent: float


@dataclass(slots=True, kw_only=True)
class Bench:
    """What runs, and what was counted."""

    options: argparse.Namespace
    accounts: list[Account]
    upstream: Server
    servers: dict[str, Server]
    ledger: "asyncpg.Connection[asyncpg.Record]"
    answered_by_gateway: int = 0
    errors: int = 0

    def load(self, name: str, kind: Kind) -> Load:
        """Return a load of this kind on this server."""
        port = self.servers[name].port
        body = chat.request_body(stream=kind.stream)
        path = path_of(paced=kind.paced)
        if name == GATEWAY:
            path, body = PATH, body_for_gateway(body, paced=kind.paced)
        whole = sum(map(len, chat.events(usage=True))) if kind.stream else len(chat.whole_answer())
        keys = tuple(request_of("127.0.0.1", port, path, account.key, body) for account in self.accounts)
        return Load(Ask("127.0.0.1", port, keys, whole, b"data: [DONE]\n\n" if kind.stream else b"}"))

    async def events(self) -> int:
        """Return how many requests are in the ledger."""
        return int(await self.ledger.fetchval("SELECT count(*) FROM events"))

    def close(self, name: str, load: Load, figures: Figures) -> None:
        """Add up what a load got; errors are said at once."""
        if name == GATEWAY:
            self.answered_by_gateway += load.whole
        self.errors += figures.errors
        if load.first_error:
            print(f"  ERROR {name}: {figures.errors} failed, the first: {load.first_error}", flush=True)

    async def ready(self) -> None:
        """Wait until every server answers."""
        for name in self.servers:
            deadline = time.monotonic() + SETTLE_SECONDS_MAX
            while True:
                load = self.load(name, PLAIN)
                answered = await load.once()
                if name == GATEWAY:
                    self.answered_by_gateway += load.whole
                if answered:
                    break
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{name} does not answer: {load.first_error}")
                await asyncio.sleep(0.2)

    async def closed(self, name: str, kind: Kind) -> Run:
        """Measure one server under a closed loop."""
        load, pid = self.load(name, kind), self.servers[name].pid
        measured: list[tuple[float, float, int]] = []

        async def during() -> Figures:
            await asyncio.sleep(WARM_SECONDS)
            events = await self.events() if name == GATEWAY else 0
            watch = Watch(pid)
            load.mark()
            await asyncio.sleep(self.options.seconds)
            figures = load.figures()
            cpu, foreign = watch.process_seconds(), watch.foreign_seconds()
            measured.append((cpu, foreign, await self.events() - events if name == GATEWAY else 0))
            return figures

        connections = self.options.streams if kind.paced else self.options.connections
        figures = await load.closed(connections, during)
        self.close(name, load, figures)
        cpu, foreign, settled = measured[0]
        return Run(
            cpu_us=cpu / max(1, figures.requests) * 1e6,
            per_second=figures.per_second,
            p50_ms=figures.percentile_ms(50),
            p99_ms=figures.percentile_ms(99),
            busy_percent=100 * cpu / figures.seconds,
            chunks=figures.chunks / max(1, figures.requests),
            settled_per_second=settled / figures.seconds,
            foreign_percent=100 * foreign / figures.seconds,
        )

    async def open(self, name: str) -> Figures:
        """Measure the latency of one server at a fixed rate."""
        load = self.load(name, PLAIN)
        figures = await load.open(
            self.options.rate, lambda: during_seconds(load, warm_seconds=WARM_SECONDS, seconds=self.options.seconds)
        )
        self.close(name, load, figures)
        return figures

    async def upstream_connections(self) -> tuple[int, int]:
        """Return how many connections and requests the upstream has seen."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream.port)
        writer.write(b"GET /totals HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        text = (await reader.read(64)).split()
        writer.close()
        return int(text[0]), int(text[1])


def median(runs: list[Run]) -> Run:
    """Return the medians of every figure."""
    return Run(*(statistics.median(values) for values in zip(*runs, strict=True)))


def lines(kind: Kind, found: dict[str, list[Run]], *, reconnects: float) -> Iterator[str]:
    """Yield the table of one kind of load."""
    yield f"\n{kind.name}"
    head = f"  {'':22}{'CPU us':>9}{'1/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'busy %':>8}{'settled/s':>11}"
    yield head + (f"{'chunks':>8}" if kind.stream else "") + f"{'others %':>10}"
    for name, runs in found.items():
        run = median(runs)
        settled = f"{run.settled_per_second:11.0f}" if name == GATEWAY else f"{'':11}"
        line = f"  {name:22}{run.cpu_us:9.1f}{run.per_second:9.0f}{run.p50_ms:9.2f}{run.p99_ms:9.2f}"
        line += f"{run.busy_percent:8.0f}{settled}" + (f"{run.chunks:8.1f}" if kind.stream else "")
        yield line + f"{run.foreign_percent:10.1f}"
    if {GATEWAY, BARE} <= found.keys():
        ours, bare = median(found[GATEWAY]), median(found[BARE])
        yield (
            f"  {'farebox / bare proxy':22}{ours.cpu_us / bare.cpu_us:9.2f}{ours.per_second / bare.per_second:9.2f}"
            f"{ours.p50_ms / bare.p50_ms:9.2f}{ours.p99_ms / bare.p99_ms:9.2f}"
        )
    spread = "; ".join(f"{name} {', '.join(f'{run.cpu_us:.0f}' for run in runs)}" for name, runs in found.items())
    yield f"  CPU us of each round: {spread}"
    yield f"  requests a connection to the upstream: {reconnects:.0f}"
    if any(run.foreign_percent > DISTURBED_PERCENT for runs in found.values() for run in runs):
        yield "  DISTURBED: something else was running on this machine; repeat."


async def measure(bench: Bench) -> None:
    """Run everything, and print as it comes."""
    await bench.ready()
    for kind in (PLAIN, PACED_STREAM, FAST_STREAM):
        names = [BARE, GATEWAY] + ([SERVER] if kind is PLAIN else [])
        found: dict[str, list[Run]] = {name: [] for name in names}
        connections, requests = await bench.upstream_connections()
        for _ in range(bench.options.rounds):
            for name in names:
                found[name].append(await bench.closed(name, kind))
        connections_after, requests_after = await bench.upstream_connections()
        per_connection = (requests_after - requests) / max(1, connections_after - connections - 1)
        print("\n".join(lines(kind, found, reconnects=per_connection)), flush=True)
    print(f"\nadded latency at {bench.options.rate}/s, plain, ms (to the upstream itself: as it is)")
    direct = await bench.open(DIRECT)
    print(f"  {DIRECT:22} p50 {direct.percentile_ms(50):6.2f}   p99 {direct.percentile_ms(99):6.2f}")
    for name in (BARE, GATEWAY):
        figures = await bench.open(name)
        p50, p99 = (figures.percentile_ms(percent) - direct.percentile_ms(percent) for percent in (50, 99))
        print(f"  {name:22} p50 {p50:+6.2f}   p99 {p99:+6.2f}   ({figures.per_second:.0f}/s)", flush=True)


async def check_nothing_lost(bench: Bench) -> bool:
    """Wait for the settlements, compare the ledger with the answers, and say so."""
    started = time.monotonic()
    events = await bench.events()
    while events < bench.answered_by_gateway and time.monotonic() - started < SETTLE_SECONDS_MAX:
        await asyncio.sleep(0.05)
        events = await bench.events()
    await asyncio.sleep(1)  # one too many would be as wrong
    events = await bench.events()
    exact = events == bench.answered_by_gateway and not bench.errors
    verdict = "nothing lost, nothing twice" if exact else "NOT EQUAL, or with errors"
    print(f"\n{bench.answered_by_gateway} answers, {events} events in Postgres, {bench.errors} errors: {verdict}")
    return exact


async def run(options: argparse.Namespace, endpoints: Endpoints, servers: Servers, cores: Cores) -> bool:
    """Start everything, measure, compare."""
    accounts = await open_accounts(endpoints.database_url, options.accounts)
    upstream = servers.upstream(pace_ms=options.pace_ms, cores=cores.others)
    running = {
        DIRECT: upstream,
        SERVER: servers.bare(upstream=None, cores=cores.measured),
        BARE: servers.bare(upstream=upstream, cores=cores.measured),
        GATEWAY: servers.gateway(upstream=upstream, endpoints=endpoints, cores=cores.measured),
    }
    ledger = await asyncpg.connect(endpoints.database_url)
    bench = Bench(options=options, accounts=accounts, upstream=upstream, servers=running, ledger=ledger)
    await measure(bench)
    exact = await check_nothing_lost(bench)
    await ledger.close()
    return exact


def main() -> None:
    """Read the options and run; ends with 1 when a request was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run, after the warm-up")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--streams", type=int, default=128, help="open at once, where events are paced")
    parser.add_argument("--pace-ms", type=float, default=5.0, help="between the events of a paced stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second for the latencies")
    parser.add_argument("--accounts", type=int, default=1, help="that the connections are spread over")
    options = parser.parse_args()
    cores = split_cores()
    pin(0, cores.others)
    print(f"{processor()}; {cores}; {options.connections} connections, {options.accounts} account(s)", flush=True)
    with work_folder() as folder, embedded(folder) as endpoints, Servers(folder) as servers:
        exact = uvloop.run(run(options, endpoints, servers, cores))
    sys.exit(0 if exact else 1)


if __name__ == "__main__":
    main()
