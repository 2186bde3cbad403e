"""A pack that expires while something is held on it: its rest is booked when no such hold can be left."""

from metering.upkeep import Upkeep
from tests.integration.metering.books import Book, assert_conserved
from tests.integration.metering.parts import Gateway, order_of, used


def upkeep_of(gateway: Gateway) -> Upkeep:
    upkeep = Upkeep(
        settings=gateway.settings,
        ledger=gateway.ledger,
        store=gateway.store,
        epochs=gateway.epochs,
        meter=gateway.meter,
        settler=gateway.settler,
        recovery=gateway.recovery,
    )
    upkeep._recovered = True
    return upkeep


async def test_request_draws_on_the_pack_that_it_held(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 1000)
    hold = await gateway.meter.enter(order_of(account_id))
    await book.connection.execute("UPDATE packs SET expires_at = clock_timestamp() WHERE pack_id = $1", pack_id)
    await upkeep_of(gateway)._expire()
    hold.forwarding()
    hold.record(used(50))
    await gateway.meter.drain(5)
    assert (await book.left(pack_id), await book.debt(account_id)) == ([850], 0)
    await assert_conserved(book)


async def test_rest_of_a_pack_is_booked_when_no_hold_from_before_can_be_left(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    pack_id = await book.grant(account_id, 1000)
    meter = gateway.settings.meter
    seconds = meter.request_seconds_max + 2 * meter.lease_seconds + 1
    await book.connection.execute(
        "UPDATE packs SET expires_at = clock_timestamp() - make_interval(secs => $2) WHERE pack_id = $1",
        pack_id,
        seconds,
    )
    await upkeep_of(gateway)._expire()
    assert (await book.entries(account_id))[-1] == ("expire", 1000, f"pack:{pack_id}", "expired")
    assert (await gateway.view(account_id)).balance == 0
