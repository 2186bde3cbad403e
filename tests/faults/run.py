"""The fault harness: kill everything at random moments, then prove that every token was charged once.

    python -m tests.faults.run --seed 1 --minutes 10

Prints a table, writes the same as JSON, and exits with 1 when the books are wrong.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.accounts import Admin
from tests.faults.auditor import Findings, audit
from tests.faults.clients import Crowd
from tests.faults.report import show, write
from tests.faults.weather import WEATHERS, Weather
from tests.faults.world import World

CLIENTS = 32
SPELL_SECONDS = 17.0  # one weather
PAUSE_SECONDS = 0.18  # between two faults, on average


async def run(folder: Path, *, seed: int, seconds: float, kills: int = 0) -> Findings:
    """Run until so many seconds have passed and so many processes were killed; return what the auditor found."""
    rng = random.Random(seed)
    world = World(folder)
    try:
        await world.start()
        admin = Admin(world, rng)
        await admin.make_accounts()
        weather = Weather(world, random.Random(rng.random()))
        crowd = Crowd(world, admin.accounts, rng)
        began, spell = time.monotonic(), 0
        while time.monotonic() - began < seconds or weather.kills < kills:
            await storm(world, admin, crowd, weather, spell)
            spell += 1
        report = await world.audit()
        facts = {"seed": seed, "seconds": round(time.monotonic() - began), "faults": dict(weather.counts)}
        return await audit(folder, world.postgres.url, report, facts)
    finally:
        await world.stop()


async def storm(world: World, admin: Admin, crowd: Crowd, weather: Weather, spell: int) -> None:
    """One weather from beginning to end: load, faults, then everything mended and at rest."""
    weather.begin(WEATHERS[spell % len(WEATHERS)])
    work: list[asyncio.Task[Any]] = [asyncio.create_task(crowd.work(CLIENTS)), asyncio.create_task(admin.work())]
    end = time.monotonic() + SPELL_SECONDS
    over = asyncio.create_task(weather.storm(pause_seconds=PAUSE_SECONDS, until=lambda: time.monotonic() > end))
    await asyncio.wait([over, *work], return_when=asyncio.FIRST_COMPLETED)
    for task in work:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await over
    await world.rest()


def main() -> None:
    """Run once, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kills", type=int, default=0, help="go on until so many processes were killed")
    parser.add_argument("--json", type=Path, default=Path("faults.json"), help="where to write the report")
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it")
    given = parser.parse_args()
    if given.keep:
        given.keep.mkdir(parents=True)
        given.keep.chmod(0o711)
        found = asyncio.run(run(given.keep, seed=given.seed, seconds=60 * given.minutes, kills=given.kills))
    else:
        with tempfile.TemporaryDirectory(prefix="farebox-faults-") as folder:
            Path(folder).chmod(0o711)  # as root the servers run as another user, who must get there
            found = asyncio.run(run(Path(folder), seed=given.seed, seconds=60 * given.minutes, kills=given.kills))
    write(found, given.json)
    show(found)
    sys.exit(0 if found.clean else 1)


if __name__ == "__main__":
    main()
