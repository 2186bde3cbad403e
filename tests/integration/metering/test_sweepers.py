"""Several gateways that sweep: no work twice, and it is known how late they are."""

import asyncio
import time

from metering.keys import keys_of
from metering.metrics import METRICS
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, Launch, order_of, until

HOLDS = 60


def recovered() -> float:
    value: float = METRICS.recovered._value.get()
    return value


async def test_each_hold_is_claimed_by_one_of_them_and_charged_once(launch: Launch, book: Book) -> None:
    dead = await launch()
    accounts = [await book.account() for _ in range(6)]
    for account_id in accounts:
        await book.grant(account_id, 100_000)
    holds = [await dead.meter.enter(order_of(accounts[n % 6])) for n in range(HOLDS)]
    for hold in holds:
        hold.forwarding()
        await dead.due(hold.order.account_id, hold.request_id)
    await dead.kill()
    heirs = [await launch() for _ in range(4)]
    before = recovered()
    claimed = await asyncio.gather(*(heir.recovery.sweep() for heir in heirs))
    assert sum(claimed) == HOLDS, "what one has claimed, no other one claims"
    assert recovered() - before == HOLDS, "nothing is settled twice, not even in vain"
    assert await book.connection.fetchval("SELECT count(*) FROM events") == HOLDS
    assert await book.connection.fetchval("SELECT sum(charge) FROM events") == HOLDS * 200
    assert [await heir.recovery.sweep() for heir in heirs] == [0, 0, 0, 0]
    await assert_conserved(book)


async def test_a_claim_whose_sweeper_died_is_made_again_and_the_ledger_takes_it_once(
    launch: Launch, book: Book
) -> None:
    dead, slow, heir = await launch(), await launch(lease_seconds=0.3, renew_seconds=0.1), await launch()
    account_id = await book.account()
    await book.grant(account_id, 100_000)
    hold = await dead.meter.enter(order_of(account_id))
    hold.forwarding()
    await dead.due(account_id, hold.request_id)
    await dead.kill()
    async with book.connection.transaction():
        await book.connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", account_id)
        stuck = asyncio.create_task(slow.recovery.sweep())
        await until(lambda: slow.settler.open > 0)
        again = asyncio.create_task(swept(heir))  # the claim has run out meanwhile
        await until(lambda: heir.settler.open > 0)
    assert await stuck == 1
    await again
    (event,) = await book.rows("events", account_id)
    assert event["charge"] == 200
    assert (await heir.view(account_id)).holds == 0
    await assert_conserved(book)


async def swept(gateway: Gateway) -> None:
    """Sweep until something is claimed."""
    await until(gateway.recovery.sweep)


async def test_lag_is_how_late_the_oldest_was_and_grows_while_nobody_sweeps(launch: Launch, book: Book) -> None:
    gateway = await launch(sweep_seconds=0.2)
    account_id = await book.account()
    await book.grant(account_id, 100_000)
    await gateway.recovery.sweep()
    assert gateway.recovery.lag_seconds == 0
    hold = await gateway.meter.enter(order_of(account_id))
    minute_ago = int(time.time() * 1000) - 60_000
    await gateway.store.call(b"ZADD", keys_of(account_id).deadlines, minute_ago, f"{account_id}:{hold.request_id}")
    await gateway.recovery.sweep()
    assert 59 < gateway.recovery.lag_seconds < 90
    await gateway.recovery.sweep()
    assert gateway.recovery.lag_seconds < 1, "nothing is late any more"
    # No sweep has ended for longer than there should be between two.
    await until(lambda: gateway.recovery.lag_seconds > 0.1)
