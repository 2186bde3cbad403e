"""A key is not forgotten by whoever dies: Redis, or the gateway that had the request."""

from typing import Any

import pytest

from metering.ask import Claim
from metering.errors import MeterUnavailableError, Repeat, RepeatedError
from metering.hold import Hold
from metering.ids import new_id
from metering.queries import query
from tests.fakes.upstream import Gate, answer, completion, usage
from tests.integration.line import PROMPT, Line, Reply, on
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, Launch, ask_of, order_of, until, used
from tests.waiting import eventually

KEY = {"Idempotency-Key": "order-7"}
CHARGE = PROMPT + 3
CLAIM = Claim(key="order-7", digest="d" * 64)


async def decided(line: Line, **headers: str) -> Reply:
    """Ask until the meter can decide."""

    async def ask() -> Reply | None:
        reply = await line.ask(headers={**KEY, **headers}, max_tokens=20)
        return None if reply.status == 503 else reply

    reply = await eventually(ask)
    assert reply
    return reply


async def test_when_redis_forgot_postgres_is_asked_first(line: Line) -> None:
    await line.start()
    line.upstream.play(answer(completion(on(3), usage(PROMPT, 3))))
    first = await line.ask(headers=KEY, max_tokens=20)
    await line.at_rest()
    await line.deps.store.call(b"FLUSHALL")
    again = await decided(line)
    assert (again.status, again.error["code"]) == (409, "already_used")
    assert again.error["details"] == {"request_id": first.request_id, "charge": CHARGE, "unit": "tokens"}
    other = await line.ask(headers=KEY, max_tokens=21)
    assert (other.status, other.error["code"]) == (422, "idempotency_mismatch")
    assert len(line.upstream.requests) == 1


async def test_when_redis_forgot_the_key_of_a_running_request_is_stated_again(line: Line) -> None:
    await line.start()
    gate = Gate()
    line.upstream.play(gate, answer(completion(on(3), usage(PROMPT, 3))))
    response = line.ask(headers=KEY, max_tokens=20)
    first = line.deps.meter.spawn(response, "first")
    await line.upstream.arrival()
    await line.deps.store.call(b"FLUSHALL")
    again = await decided(line)
    assert (again.status, again.error["code"]) == (409, "request_in_progress")
    gate.open()
    assert (await first).status == 200
    assert (await line.event())["charge"] == CHARGE


async def repeated(gateway: Gateway, account_id: str, claim: Claim = CLAIM) -> RepeatedError:
    """Ask under a key that is taken."""
    with pytest.raises(RepeatedError) as caught:
        await gateway.admission.reserve(ask_of(account_id, 10, claim=claim))
    return caught.value


async def claimed(gateway: Gateway, account_id: str, *, forwarded: bool = True) -> Hold:
    """Start a request under the key."""
    hold = await gateway.meter.enter(order_of(account_id, claim=CLAIM))
    if forwarded:
        hold.forwarding()
    return hold


async def account_with(book: Book, size: int) -> str:
    account_id = await book.account()
    await book.grant(account_id, size)
    return account_id


@pytest.mark.parametrize("journal", [True, False])
async def test_a_request_whose_gateway_died_is_told_with_its_charge(
    launch: Launch, book: Book, *, journal: bool
) -> None:
    dead, heir = await launch(), await launch()
    account_id = await account_with(book, 10_000)
    hold = await claimed(dead, account_id)
    await dead.kill()
    assert (await repeated(heir, account_id)).repeat is Repeat.IN_PROGRESS
    if journal:
        assert await heir.recovery.adopt() == 1
    else:
        await heir.due(account_id, hold.request_id)
        assert await heir.recovery.sweep() == 1
        await until(lambda: not heir.settler.open)
    told = await repeated(heir, account_id)
    charge = await book.connection.fetchval("SELECT charge FROM events WHERE request_id = $1", hold.request_id)
    assert (told.repeat, told.request_id, told.charge) == (Repeat.USED, hold.request_id, charge)
    assert (await repeated(heir, account_id, Claim(key=CLAIM.key, digest="e" * 64))).repeat is Repeat.MISMATCH


async def test_a_request_proved_never_forwarded_frees_its_key(launch: Launch, book: Book) -> None:
    dead, heir = await launch(), await launch()
    account_id = await account_with(book, 10_000)
    await claimed(dead, account_id, forwarded=False)
    await dead.kill()
    assert await heir.recovery.adopt() == 1
    await heir.admission.reserve(ask_of(account_id, 10, claim=CLAIM))


async def test_gateway_and_redis_lost_together_and_still_one_charge(launch: Launch, book: Book) -> None:
    dead, heir = await launch(), await launch()
    heir.keep_beating()
    account_id = await account_with(book, 10_000)
    hold = await claimed(dead, account_id)
    await dead.kill()
    await heir.store.call(b"FLUSHALL")
    with pytest.raises(MeterUnavailableError):  # the barrier waits for the dead one's journal
        await heir.admission.reserve(ask_of(account_id, 10, claim=CLAIM))
    await heir.recovery.adopt()

    async def told() -> Any:
        try:
            await heir.admission.reserve(ask_of(account_id, 10, claim=CLAIM))
        except MeterUnavailableError:
            return None
        except RepeatedError as error:
            return error.repeat, error.request_id

    assert await eventually(told) == (Repeat.USED, hold.request_id)


@pytest.mark.parametrize("replay", [False, True])
async def test_a_charge_that_is_not_booked_yet_is_told_from_its_hold(
    gateway: Gateway, book: Book, *, replay: bool
) -> None:
    account_id = await account_with(book, 10_000)
    hold = await claimed(gateway, account_id)
    async with book.connection.transaction():
        await book.connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", account_id)
        hold.record(used(50))
        told = await repeated(gateway, account_id, Claim(key=CLAIM.key, digest=CLAIM.digest, replay=replay))
    # An account that keeps answers may have it a moment later: it is not stored yet.
    assert (told.repeat, told.charge) == ((Repeat.IN_PROGRESS, 0) if replay else (Repeat.USED, 150))


async def test_a_redis_that_remembers_long_enough_answers_alone(gateway: Gateway, book: Book) -> None:
    account_id = await account_with(book, 10_000)
    await book.connection.execute("UPDATE epochs SET started_at = now() - interval '25 hours'")
    await gateway.admission.reserve(ask_of(account_id, 10, claim=CLAIM))
    await book.connection.execute("ALTER TABLE events RENAME TO away")
    await gateway.admission.reserve(ask_of(account_id, 10, claim=Claim(key="new", digest="d")))
    assert (await repeated(gateway, account_id)).repeat is Repeat.IN_PROGRESS


async def test_a_redis_that_is_young_never_answers_alone(gateway: Gateway, book: Book) -> None:
    account_id = await account_with(book, 10_000)
    await book.connection.execute("UPDATE epochs SET started_at = now() - interval '23 hours'")
    await gateway.admission.reserve(ask_of(account_id, 10, claim=CLAIM))
    await book.connection.execute("ALTER TABLE events RENAME TO away")
    with pytest.raises(MeterUnavailableError):
        await gateway.admission.reserve(ask_of(account_id, 10, claim=Claim(key="new", digest="d")))


async def test_a_corrected_charge_is_told_as_corrected(gateway: Gateway, launch: Launch, book: Book) -> None:
    account_id = await account_with(book, 10_000)
    slept, other = gateway, await launch()
    hold = await claimed(slept, account_id)
    await other.due(account_id, hold.request_id)
    assert await other.recovery.sweep() == 1
    await until(lambda: not other.settler.open)
    hold.record(used(7))
    await until(lambda: not slept.settler.open)
    assert (await repeated(other, account_id)).charge == 107


async def test_keys_are_found_by_their_index(book: Book) -> None:
    await book.connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    await book.connection.execute(f"PREPARE ask (uuid, text, float, int) AS {query('claim_used')}")
    plan = await book.connection.fetch(f"EXPLAIN EXECUTE ask ('{new_id()}', 'k', 86400, 1)")
    text = "\n".join(row[0] for row in plan)
    assert "account_id_idempotency_key" in text, text
    # Partitions of other months are not looked at: the plan leaves them out when it starts.
    assert "Subplans Removed" in text, text
