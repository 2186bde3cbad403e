"""Gateways seal by themselves; the command line verifies and shows statements."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config.settings import Settings
from gateway.cli import main
from metering.metrics import METRICS
from tests.conftest import Start, Wallet, deps_of
from tests.waiting import eventually


async def run(settings: Settings, *words: str) -> Result:
    """Run the command line against the test's database and no gateway."""
    environ = {
        "FAREBOX_DATABASE_URL": settings.postgres.url,
        "FAREBOX_STATE_DIR": str(settings.state_dir),
        "FAREBOX_ADMIN_KEY": settings.auth.admin_key,
        "FAREBOX_PORT": "1",
    }
    return await asyncio.to_thread(CliRunner().invoke, main, words, env=environ)


async def sealed(start: Start, settings: Settings, wallet: Wallet, count: int) -> None:
    """Let gateways run until so many entries are sealed."""
    meter = replace(settings.meter, seal_seconds=0.1)
    clients = [await start(replace(settings, meter=meter)) for _ in range(2)]

    async def done() -> bool:
        return int(await wallet.connection.fetchval("SELECT coalesce(sum(entries), 0) FROM seals")) >= count

    await eventually(done)
    for client in clients:
        await client.close()


async def test_gateways_seal_what_is_booked_each_entry_once(start: Start, settings: Settings, wallet: Wallet) -> None:
    for _ in range(3):
        await wallet.grant(10)
    await sealed(start, settings, wallet, 3)
    assert await wallet.connection.fetchval("SELECT sum(entries) FROM seals") == 3


async def test_the_lag_is_shown(start: Start, settings: Settings, wallet: Wallet) -> None:
    await wallet.grant(10)
    await wallet.connection.execute(
        "SET session_replication_role = replica; UPDATE entries SET at = at - interval '2 hours'"
    )
    client = await start(settings)
    await eventually(lambda: METRICS.seal_lag._value.get() > 7000)
    assert deps_of(client).settings.meter.seal_seconds == 600


@pytest.mark.parametrize("words", [["--verify"], ["--since", "HEAD"], ["--anchor", "HEAD"]])
async def test_the_audit_verifies_and_fails_when_something_was_altered(
    start: Start, settings: Settings, wallet: Wallet, words: list[str]
) -> None:
    await wallet.grant(10)
    await sealed(start, settings, wallet, 1)
    good = await run(settings, "audit", "--verify")
    report: dict[str, Any] = json.loads(good.stdout)
    assert (good.exit_code, report["clean"], report["seals"]["clean"]) == (0, True, True)
    assert report["seals"]["entries"] == 1
    asked = [report["seals"]["head"] if word == "HEAD" else word for word in words]
    assert (await run(settings, "audit", *asked)).exit_code == 0
    await wallet.connection.execute("SET session_replication_role = replica; UPDATE entries SET reason = 'x'")
    if words[0] == "--since":  # what is before it is believed; another one is not
        asked[1] = f"1:{'0' * 64}"
    bad = await run(settings, "audit", *asked)
    report = json.loads(bad.stdout)
    assert (bad.exit_code, report["clean"], report["seals"]["clean"]) == (1, False, False)
    assert all(one["broken"] == 0 for one in report["invariants"])
    assert bad.stderr.startswith(f"first finding: {report['seals']['findings'][0]['why']}")


async def test_a_plain_audit_does_not_verify(settings: Settings) -> None:
    done = await run(settings, "audit")
    assert "seals" not in json.loads(done.stdout)


async def test_an_anchor_that_is_none_is_one_line(settings: Settings) -> None:
    done = await run(settings, "audit", "--anchor", "12")
    assert done.exit_code == 1
    assert "POSITION:HASH" in done.stderr


async def test_a_statement_from_a_terminal(start: Start, settings: Settings, wallet: Wallet) -> None:
    await wallet.grant(10)
    client = await start(settings)
    month = str(await wallet.connection.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')"))
    done = await run(
        settings, "statement", wallet.account_id, "--month", month, "--resource", "tokens", "--json",
        "--port", str(client.port),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    shown = done.stdout[done.stdout.index("{\n") :]  # the gateway in this process logs there too
    (statement,) = json.loads(shown)["data"]
    assert (statement["granted"], statement["closes"]) == (10, True)
