"""DESIGN 3.3, "disk full": of Postgres, what is finished waits for room; of the journal, nothing is forwarded."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from metering.errors import MeterUnavailableError
from metering.ids import new_id
from metering.journal import Journal
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage, usage_event
from tests.integration.breaking.servers import Ballast, OwnPostgres, own_postgres, server_folder, small_disk
from tests.integration.breaking.test_postgres_down import CHARGE, all_is_booked
from tests.integration.line import PROMPT, SIZE, Line

OK = answer(completion("on on", usage(PROMPT, 2)))
POSTGRES_MEGABYTES, JOURNAL_MEGABYTES = 200, 8


class TestPostgres:
    """A Postgres on a small disk of its own."""

    @pytest.fixture
    def disk(self) -> Iterator[Path]:
        with server_folder() as folder, small_disk(folder / "disk", POSTGRES_MEGABYTES) as mounted:
            yield mounted

    @pytest.fixture
    async def postgres(self, disk: Path) -> AsyncIterator[OwnPostgres]:
        async with own_postgres(disk) as running:
            yield running

    @pytest.fixture
    async def database_url(self, postgres: OwnPostgres) -> str:
        return postgres.url

    async def test_requests_go_on_and_are_settled_when_there_is_room(
        self, line: Line, postgres: OwnPostgres, disk: Path
    ) -> None:
        line.settings = replace(line.settings, postgres=replace(line.settings.postgres, timeout_seconds=1.0))
        await line.start()
        line.upstream.always = (OK,)
        assert (await line.ask(max_tokens=5)).status == 200
        await line.at_rest()
        ballast = Ballast(disk)
        ballast.load()
        # A log segment that is there already takes some more; rows of a megabyte fill it at once.
        with pytest.raises(Exception, match=r"space|closed|connection"):
            await line.wallet.connection.execute(
                "CREATE TABLE filler AS SELECT repeat(md5(g::text), 30000) FROM generate_series(1, 100) g"
            )
        ballast.load()
        count = 1
        while line.deps.settler.open < 3:
            assert (await line.ask(max_tokens=5)).status == 200
            count += 1
            assert count < 5000, "the disk is never full"
        ballast.drop()
        await recovered(postgres)
        await all_is_booked(line, postgres, count)


async def recovered(postgres: OwnPostgres) -> None:
    """Start Postgres again if it has given up: it panics when its log can't grow."""
    if postgres.has_ended():
        await postgres.start_again()


class TestJournal:
    """A gateway whose state directory is on a small disk."""

    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Path]:
        with small_disk(tmp_path / "disk", JOURNAL_MEGABYTES) as mounted:
            yield mounted

    async def test_nothing_is_forwarded_and_what_runs_is_settled(self, line: Line, disk: Path) -> None:
        journal = disk / "state"
        tokenizer = line.settings.state_dir / "tokenizer"
        tokenizer.mkdir(parents=True)
        journal.mkdir()
        (journal / "tokenizer").symlink_to(tokenizer)  # the vocabularies are too large for this disk
        line.settings = replace(line.settings, state_dir=journal)
        await line.start()
        gate = Gate()
        line.upstream.play(stream(delta(" on"), gate, delta(None, finish="stop"), usage_event(PROMPT, 1), DONE))
        running = asyncio.create_task(line.ask(stream=True, max_tokens=50))
        await asyncio.wait_for(gate.reached.wait(), 5)
        ballast = Ballast(disk)
        ballast.load()

        fill(line.deps.meter.journal)
        line.upstream.always = (OK,)
        refused = await line.ask(max_tokens=5)
        assert (refused.status, refused.error["code"]) == (503, "meter_unavailable")
        before = len(line.upstream.requests)
        assert (await line.ask(max_tokens=5)).status == 503
        assert len(line.upstream.requests) == before, "nothing is forwarded that is not written down"
        gate.open()
        assert (await running).body.endswith(DONE)

        ballast.drop()
        assert (await line.ask(max_tokens=5)).status == 200
        view = await line.at_rest()
        events = await line.wallet.events()
        assert len(events) == len(line.upstream.requests)
        assert view.balance == SIZE - (len(events) - 1) * CHARGE - (PROMPT + 1)


def fill(journal: Journal) -> None:
    """Use up the room that it had allocated before, for some hundred requests, by records about nobody."""
    with suppress(MeterUnavailableError):
        while True:
            journal.give_up(new_id())
