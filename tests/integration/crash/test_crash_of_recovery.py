"""Who is killed while a recovery, a correction, an announcement or a grant is under way, and what becomes of it."""

import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from config.settings import Settings
from metering.errors import MeterUnavailableError
from metering.ids import new_id
from tests.integration.crash.conftest import Stores, connected
from tests.integration.crash.scene import Scene, scene_of
from tests.integration.crash.test_crash_points import (
    AFTER_COMMIT,
    BEFORE_APPLY,
    BEFORE_COMMIT,
    EXACT,
    MID_BATCH,
    SIZE,
    UNNOTED,
    Point,
    account_of,
    assert_at_rest,
    charges,
    set_trap,
)
from tests.integration.metering.parts import Gateway, Launch, order_of

RECOVERY = [
    (BEFORE_COMMIT, "gateway"),
    (BEFORE_COMMIT, "postgres"),
    (MID_BATCH, "gateway"),
    (MID_BATCH, "redis"),
    (MID_BATCH, "postgres"),
    (AFTER_COMMIT, "gateway"),
    (AFTER_COMMIT, "postgres"),
    (BEFORE_APPLY, "gateway"),
    (BEFORE_APPLY, "redis"),
]
each_crash = pytest.mark.parametrize(
    ("point", "victim"), RECOVERY, ids=[f"{point.name} x {victim}" for point, victim in RECOVERY]
)


async def nothing(word: str) -> None:
    del word


async def played(
    scene: Scene, point: Point, victim: str, request_id: str, told: Callable[[str], Awaitable[None]] = nothing
) -> None:
    set_trap(scene, point, victim, request_id)
    assert await scene.play(told) == ("" if victim == "gateway" else "over")
    await charges(str(scene.settings.postgres.url))  # Postgres is back


async def orphan_of(gateway: Gateway, account_id: str) -> str:
    """A request whose gateway is killed right after its first byte went upstream."""
    hold = await gateway.meter.enter(order_of(account_id, limit=1000))
    hold.forwarding()
    await gateway.kill()
    return hold.request_id


@each_crash
async def test_during_adopt(settings: Settings, stores: Stores, launch: Launch, point: Point, victim: str) -> None:
    url = str(settings.postgres.url)
    account_id = await account_of(url)
    request_id = await orphan_of(await launch(), account_id)
    async with scene_of(settings, stores) as scene:
        await scene.start("adopt", account_id, [])
        await played(scene, point, victim, request_id)
    heir = await launch()
    await heir.recovery.adopt()
    assert await charges(url) == {request_id: UNNOTED}
    await assert_at_rest(heir, account_id, SIZE - UNNOTED[0])


@each_crash
async def test_during_sweep(settings: Settings, stores: Stores, launch: Launch, point: Point, victim: str) -> None:
    """Its disk is gone: only the hold tells. A claim is a later deadline, so the next sweeper finds it again."""
    url = str(settings.postgres.url)
    account_id = await account_of(url)
    owner = await launch()
    request_id = await orphan_of(owner, account_id)
    shutil.rmtree(settings.state_dir / "journal" / owner.instance_id)
    async with scene_of(settings, stores) as scene:
        await scene.start("sweep", account_id, [])
        other = await launch()
        await other.due(account_id, request_id)
        await other.stop()
        await played(scene, point, victim, request_id)
    heir = await launch()
    if await heir.hold_of(account_id, request_id):
        await heir.due(account_id, request_id)
    await heir.recovery.sweep()
    await heir.recovery.adopt()
    assert await charges(url) == {request_id: UNNOTED}
    await assert_at_rest(heir, account_id, SIZE - UNNOTED[0])


@each_crash
async def test_during_correct(settings: Settings, stores: Stores, launch: Launch, point: Point, victim: str) -> None:
    """It was too slow and was swept; its own usage corrects that, once."""
    url = str(settings.postgres.url)
    account_id, request_id = await account_of(url), new_id()

    async def told(word: str) -> None:
        if word == "forwarded":
            sweeper = await launch()
            await sweeper.due(account_id, request_id)
            assert await sweeper.recovery.sweep() == 1
            await sweeper.stop()

    async with scene_of(settings, stores) as scene:
        await scene.start("serve", account_id, [request_id])
        await played(scene, point, victim, request_id, told)
    heir = await launch()
    await heir.recovery.adopt()
    assert await charges(url) == {request_id: UNNOTED}
    connection = await connected(url)
    assert await connection.fetchval("SELECT array_agg(exact) FROM corrections") == [EXACT[0]]
    await connection.close()
    await assert_at_rest(heir, account_id, SIZE - EXACT[0])


@pytest.mark.parametrize(("victim", "charge"), [("gateway", UNNOTED), ("redis", EXACT), ("postgres", EXACT)])
async def test_during_announce(
    settings: Settings, stores: Stores, launch: Launch, victim: str, charge: tuple[int, str]
) -> None:
    """Redis forgot everything, and the owner of a hold is about to state it again."""
    url = str(settings.postgres.url)
    account_id, request_id = await account_of(url), new_id()
    async with scene_of(settings, stores) as scene:

        async def told(word: str) -> None:
            if word == "forwarded":
                other = await launch()
                await other.store.call(b"FLUSHALL")
                with suppress(MeterUnavailableError):
                    await other.view(account_id)  # finds that Redis forgot
                await scene.struck.wait()
                await charges(url)
                await other.stop()

        await scene.start("serve", account_id, [request_id])
        await played(scene, Point("during announce", "redis", "announce", "sent"), victim, request_id, told)
    heir = await launch()
    await heir.recovery.adopt()
    assert await charges(url) == {request_id: charge}
    await assert_at_rest(heir, account_id, SIZE - charge[0])


GRANT = "a gift"


@pytest.mark.parametrize(
    ("point", "victim", "packs"),
    [
        (Point("before commit", "postgres", GRANT, "sent"), "gateway", {0}),
        (Point("before commit", "postgres", GRANT, "sent"), "postgres", {0}),
        (Point("under way", "postgres", GRANT, "passed"), "gateway", {0, 1}),
        (Point("under way", "postgres", GRANT, "passed"), "postgres", {0, 1}),
        (Point("before push", "redis", "apply", "sent"), "gateway", {1}),
        (Point("before push", "redis", "apply", "sent"), "redis", {1}),
        (Point("after push", "redis", "apply", "answered"), "gateway", {1}),
        (Point("after push", "redis", "apply", "answered"), "redis", {1}),
    ],
    ids=lambda value: value.name if isinstance(value, Point) else str(value),
)
async def test_during_grant(
    settings: Settings, stores: Stores, launch: Launch, point: Point, victim: str, packs: set[int]
) -> None:
    """It is granted whole or not at all; Redis has it as soon as anybody tells."""
    url = str(settings.postgres.url)
    account_id = await account_of(url)
    async with scene_of(settings, stores) as scene:
        await scene.start("grant", account_id, [])
        await played(scene, point, victim, "")
    connection = await connected(url)
    granted = await connection.fetchval("SELECT count(*) FROM packs WHERE note = $1", GRANT)
    await connection.close()
    assert granted in packs
    heir = await launch()
    await heir.recovery.adopt()
    await heir.admission.load(account_id)
    await assert_at_rest(heir, account_id, SIZE + 500 * granted)
