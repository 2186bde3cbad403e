"""Who is killed, where, and what becomes of it: the points of a request's life, by name.

A request has 100 prompt tokens and holds 1,100; it has produced 300 tokens at its last note and 333 when its usage is
known. The gateway runs in a process of its own; a tap on its line to Redis or Postgres sees the moment come.
"""

import json
from dataclasses import dataclass

import asyncpg
import pytest

from config.settings import Settings
from metering.audit import Audit
from metering.books import Books
from metering.ids import new_id
from metering.redis_audit import RedisAudit
from metering.scripts import load_scripts
from tests.integration.crash.conftest import Stores, connected
from tests.integration.crash.scene import Scene, scene_of
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, Launch

SIZE = 100_000
RELEASED = None
EXACT = (433, "upstream")
UNNOTED = (100 + 256, "recovered")
NOTED = (100 + 300 + 256, "recovered")
BATCH = 20


@dataclass(frozen=True)
class Point:
    """A moment: a word of the gateway, or something that goes by on its line to a server."""

    name: str
    line: str = "says"  # or "redis", "postgres"
    mark: str = ""  # the word, the script, or part of the statement; "request": the id of the request
    when: str = "sent"


AFTER_JOURNAL_I = Point("after journal I", "redis", "reserve", "sent")
AFTER_RESERVE = Point("after reserve", "redis", "reserve", "answered")
BEFORE_JOURNAL_F = Point("before journal F", mark="held")
AFTER_JOURNAL_F = Point("after journal F", mark="forwarded")
MID_STREAM = Point("mid-stream", mark="noted")
BEFORE_FINISH = Point("before finish", "redis", "finish", "sent")
AFTER_FINISH = Point("after finish", "redis", "finish", "answered")
BEFORE_COMMIT = Point("before commit", "postgres", "request", "sent")
MID_BATCH = Point("mid-batch", "postgres", "request", "passed")
AFTER_COMMIT = Point("after commit", "postgres", "request", "answered")
BEFORE_APPLY = Point("before apply", "redis", "apply", "sent")
AFTER_APPLY = Point("after apply", "redis", "apply", "answered")
DURING_LOAD = Point("during load", "redis", "load", "sent")
AFTER_LOAD = Point("after load", "redis", "load", "answered")

# point, victim, requests, what each of them is charged in the end
LIFE: list[tuple[Point, str, int, tuple[int, str] | None]] = [
    (AFTER_JOURNAL_I, "gateway", 1, RELEASED),
    (AFTER_JOURNAL_I, "redis", 1, RELEASED),
    (DURING_LOAD, "gateway", 1, RELEASED),
    (DURING_LOAD, "redis", 1, RELEASED),
    (AFTER_LOAD, "gateway", 1, RELEASED),
    (AFTER_LOAD, "redis", 1, RELEASED),
    (AFTER_RESERVE, "gateway", 1, RELEASED),
    (AFTER_RESERVE, "redis", 1, RELEASED),
    (BEFORE_JOURNAL_F, "gateway", 1, RELEASED),
    (AFTER_JOURNAL_F, "gateway", 1, UNNOTED),
    (AFTER_JOURNAL_F, "redis", 1, EXACT),
    (AFTER_JOURNAL_F, "postgres", 1, EXACT),
    (MID_STREAM, "gateway", 1, NOTED),
    (MID_STREAM, "redis", 1, EXACT),
    (MID_STREAM, "postgres", 1, EXACT),
    (BEFORE_FINISH, "gateway", 1, EXACT),
    (BEFORE_FINISH, "redis", 1, EXACT),
    (AFTER_FINISH, "gateway", 1, EXACT),
    (AFTER_FINISH, "redis", 1, EXACT),
    (BEFORE_COMMIT, "gateway", 1, EXACT),
    (BEFORE_COMMIT, "postgres", 1, EXACT),
    (MID_BATCH, "gateway", BATCH, EXACT),
    (MID_BATCH, "redis", BATCH, EXACT),
    (MID_BATCH, "postgres", BATCH, EXACT),
    (AFTER_COMMIT, "gateway", 1, EXACT),
    (AFTER_COMMIT, "redis", 1, EXACT),
    (AFTER_COMMIT, "postgres", 1, EXACT),
    (BEFORE_APPLY, "gateway", 1, EXACT),
    (BEFORE_APPLY, "redis", 1, EXACT),
    (AFTER_APPLY, "gateway", 1, EXACT),
    (AFTER_APPLY, "redis", 1, EXACT),
]


def set_trap(scene: Scene, point: Point, victim: str, request_id: str) -> None:
    """Strike when the point is reached on a line."""

    async def strike() -> None:
        await scene.strike(victim)

    mark = request_id.encode() if point.mark == "request" else point.mark.encode()
    if point.line == "redis":
        mark = load_scripts()[point.mark].digest
    if point.line != "says":
        scene.taps[point.line].trap(mark, point.when, strike)


async def played(scene: Scene, point: Point, victim: str, request_id: str) -> None:
    """Let the gateway live up to the point, and on if it is not the victim."""
    set_trap(scene, point, victim, request_id)

    async def told(word: str) -> None:
        if point.line == "says" and word == point.mark:
            await scene.strike(victim)

    assert await scene.play(told) == ("" if victim == "gateway" else "over")


async def charges(url: str) -> dict[str, tuple[int, str]]:
    connection = await connected(url)
    rows = await connection.fetch("SELECT request_id::text, charge, source FROM events")
    await connection.close()
    return {row["request_id"]: (row["charge"], row["source"]) for row in rows}


async def assert_at_rest(heir: Gateway, account_id: str, balance: int) -> None:
    """Nothing is held, Redis has what the ledger has, and no invariant is broken."""
    view = await heir.view(account_id)
    assert (view.balance, view.reserved, view.holds, view.unsettled) == (balance, 0, 0, 0)
    books = Books(heir.ledger, heir.settings.meter)
    redis = RedisAudit(heir.ledger, heir.admission, heir.store, books.balances, heir.settings.meter)
    report = await Audit(heir.ledger, redis).run()
    broken = {one.name: [json.loads(bytes(row)) for row in one.rows] for one in report.invariants if one.broken}
    assert broken == {}
    assert [path.name for path in (heir.settings.state_dir / "journal").iterdir()] == [heir.instance_id]


async def account_of(url: str) -> str:
    connection: asyncpg.Connection[asyncpg.Record] = await connected(url)
    book = Book(connection)
    account_id = await book.account()
    await book.grant(account_id, SIZE)
    await connection.close()
    return account_id


@pytest.mark.parametrize(
    ("point", "victim", "requests", "charge"),
    LIFE,
    ids=[f"{point.name} x {victim}" for point, victim, _, _ in LIFE],
)
async def test_request(
    settings: Settings,
    stores: Stores,
    launch: Launch,
    point: Point,
    victim: str,
    requests: int,
    charge: tuple[int, str] | None,
) -> None:
    url = str(settings.postgres.url)
    account_id = await account_of(url)
    ids = [new_id() for _ in range(requests)]
    async with scene_of(settings, stores) as scene:
        await scene.start("serve", account_id, ids)
        await played(scene, point, victim, ids[-1])
    await charges(url)  # Postgres is back
    heir = await launch()
    await heir.recovery.adopt()
    assert await charges(url) == {one: charge for one in ids if charge}
    await assert_at_rest(heir, account_id, SIZE - (charge[0] if charge else 0) * requests)
