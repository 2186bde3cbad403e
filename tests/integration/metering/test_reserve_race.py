"""Hundreds that ask at once. Any order of moves is tried by tests/model."""

import asyncio

from metering.errors import RefusedError
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, ask_of


async def test_hundreds_that_ask_at_once_are_promised_no_more_than_there_is(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 1_050)
    samples: list[int] = []
    done = asyncio.Event()

    async def sample() -> None:
        while not done.is_set():
            view = await gateway.view(account_id)
            samples.append(view.balance - view.reserved)

    watcher = asyncio.create_task(sample())
    answers = await asyncio.gather(
        *(gateway.admission.reserve(ask_of(account_id, 20)) for _ in range(300)), return_exceptions=True
    )
    done.set()
    await watcher
    refused = [answer for answer in answers if isinstance(answer, RefusedError)]
    assert (len(answers) - len(refused), {str(answer) for answer in refused}) == (52, {"balance_held"})
    assert min(samples) == 10
