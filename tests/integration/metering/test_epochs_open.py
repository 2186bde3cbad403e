"""The end of a barrier: all buckets of an epoch open, whenever each of them may."""

from metering.keys import BUCKETS
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, Launch, until


async def test_buckets_of_an_epoch_that_open_one_after_the_other_all_open(
    gateway: Gateway, launch: Launch, book: Book
) -> None:
    """A barrier may be over for some of them a moment before the others; nobody comes back for the rest."""
    await until(lambda: not gateway.epochs.waiting)
    barrier = gateway.settings.redis.barrier_seconds
    await book.connection.execute(
        "UPDATE epochs SET started_at = clock_timestamp() + make_interval(secs => $1) WHERE bucket >= $2",
        *(1.0 - barrier, BUCKETS // 2),
    )
    other = await launch()
    await until(lambda: other.epochs.open_token(0) is not None)
    assert other.epochs.open_token(BUCKETS - 1) is None
    await until(lambda: not other.epochs.waiting)


async def test_barrier_is_over_for_all_buckets_of_an_epoch_at_once(gateway: Gateway, book: Book) -> None:
    """Each row is compared with the same time, though a table of them takes a while to read."""
    await until(lambda: not gateway.epochs.waiting)
    for _ in range(20):  # the moment has to fall into the read
        await book.connection.execute("UPDATE epochs SET started_at = now()")
        seen: set[int] = set()
        while BUCKETS not in seen:
            seen.add(len(await gateway.ledger.open_buckets(1, seconds=0.02, lease_seconds=60)))
        assert seen <= {0, BUCKETS}
