"""The real scripts and the real settle statement beside a small model: after each step both agree.

``MODEL_SEED`` starts another run and ``MODEL_EXAMPLES`` a longer one; a failure prints the seed, and the steps that
lead to it, as few as hypothesis can find.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import uvloop
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as profile
from hypothesis.stateful import run_state_machine_as_test

from config.settings import Settings
from metering.audit import Audit
from metering.books import Books
from metering.redis_audit import RedisAudit
from tests.integration.metering.parts import Gateway
from tests.model.gateways import Machine
from tests.model.real import Real

SEED = int(os.environ.get("MODEL_SEED", "1"))
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "300"))
SHRINK = os.environ.get("MODEL_SHRINK", "yes") == "yes"
STEPS = 100  # of an example, at most
ENOUGH = 100  # examples, in which everything happens


async def begin(settings: Settings) -> Real:
    # No barrier and no sync: what is compared is the same, and a step takes a millisecond.
    gateway = Gateway(replace(settings, redis=replace(settings.redis, barrier_seconds=0.0)))
    connection = await asyncpg.connect(settings.postgres.url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await connection.close()
    await gateway.start()
    await gateway.meter.stop()
    url = str(settings.postgres.url)
    real = Real(gateway, await asyncpg.connect(url), await asyncpg.connect(url))
    await real.see_own_rows_only()
    return real


async def stop(real: Real) -> None:
    await real.connection.close()
    await real.invariants.close()
    real.lane.close()
    await real.gateway.stop()


async def audit(real: Real) -> None:
    """Fail with every row that breaks an invariant."""
    gateway = real.gateway
    books = Books(gateway.ledger, gateway.settings.meter)
    redis = RedisAudit(gateway.ledger, gateway.admission, gateway.store, books.balances, gateway.settings.meter)
    report = await Audit(gateway.ledger, redis).run()
    broken = {one.name: [json.loads(bytes(row)) for row in one.rows] for one in report.invariants if one.broken}
    assert broken == {}


@pytest.fixture
def machine(settings: Settings) -> Iterator[type[Machine]]:
    """The machine, on a gateway and a loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        real = runner.run(begin(settings))

        class Bound(Machine):
            """One of its own for each test."""

        Bound.real, Bound.run, Bound.taken = real, staticmethod(runner.run), Counter()  # type: ignore[assignment]
        yield Bound
        runner.run(stop(real))


def test_meter_is_what_the_model_says(machine: type[Machine], record_property: Any) -> None:
    print(f"MODEL_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
    run_state_machine_as_test(
        seed(SEED)(machine),
        settings=profile(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate, *([Phase.shrink] if SHRINK else [])],
            suppress_health_check=list(HealthCheck),
        ),
    )
    machine.run(audit(machine.real))
    assert EXAMPLES < ENOUGH or machine.taken["spend believed"], "no sum of spend was ever compared"
    print(machine.taken.total(), machine.taken)  # noqa: T201
    record_property("steps", machine.taken.total())
