"""Two hundred for fifty places, and a gateway that is killed in mid-stream."""

import asyncio
from typing import Any

import openai
import tiktoken
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.farebox import Account, Farebox
from tests.waiting import eventually_now

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
PROMPT, TOKENS = 8, 32
COST = PROMPT + TOKENS
REQUESTS, PLACES = 200, 50
REFUSALS = {"balance_held", "insufficient_balance", "no_active_pack"}


async def ask(client: openai.AsyncOpenAI) -> tuple[int, int]:
    """Ask once; return the status, and what was available afterwards."""
    try:
        raw = await client.chat.completions.with_raw_response.create(
            model="simulated", messages=HELLO, max_tokens=TOKENS
        )
    except openai.APIStatusError as error:
        if error.code not in REFUSALS:
            raise
        return error.status_code, int(error.response.headers["x-farebox-available"])
    answer = raw.parse()
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (PROMPT, TOKENS)
    return raw.status_code, int(raw.headers["x-farebox-available"])


async def watch(account: Account, until: "asyncio.Future[Any]") -> list[int]:
    """Sample what is available until something is done."""
    samples = []
    while not until.done():
        samples.append((await asyncio.to_thread(account.balance))["available"])
    return samples


async def test_the_race(farebox: Farebox) -> None:
    account = farebox.account(PLACES * COST, min_reserve=0)
    async with account.async_client() as client:
        everyone = asyncio.gather(*(ask(client) for _ in range(REQUESTS)))
        samples = await watch(account, everyone)
        answers = await everyone
    statuses = [status for status, _ in answers]
    assert (statuses.count(200), statuses.count(402)) == (PLACES, REQUESTS - PLACES)
    assert min(available for _, available in answers) >= 0
    assert len(samples) > 1
    assert min(samples) >= 0
    rest = await asyncio.to_thread(account.at_rest)
    assert (rest["balance"], rest["reserved"], rest["available"], rest["debt"]) == (0, 0, 0, 0)
    pack = farebox.admin("GET", f"/packs/{account.pack_id}")
    assert (pack["remaining"], pack["status"]) == (0, "depleted")
    events = account.rows("/events")
    assert [event["charge"] for event in events] == [COST] * PLACES


def test_a_gateway_killed_in_mid_stream(farebox: Farebox, tokenizer: tiktoken.Encoding) -> None:
    account = farebox.account(100_000)
    (token,) = tokenizer.encode_ordinary(" on")
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, max_tokens=3500, logit_bias={str(token): 100}, stream=True
    )
    stream = iter(raw.parse())
    produced = 0
    while produced < 300:
        produced += bool(next(stream).choices[0].delta.content)
    assert account.balance()["reserved"] == PROMPT + 3500
    farebox.kill()

    farebox.start()
    event = account.event(raw.headers["x-request-id"])
    assert (event["source"], event["status"]) == ("recovered", "adopted")
    assert PROMPT + produced <= event["charge"] <= PROMPT + 3500
    balance = account.at_rest()
    assert balance["balance"] == balance["available"] == 100_000 - event["charge"]
    assert audit_of(farebox) == (0, True, [])


def test_gateways_killed_again_and_again_lose_nothing(farebox: Farebox, tokenizer: tiktoken.Encoding) -> None:
    """Streams, whole answers and the moments between: whatever a kill hits is charged once, or never was forwarded."""
    account = farebox.account(1_000_000)
    bias = {str(token): 100 for token in tokenizer.encode_ordinary(" on")}
    answered: dict[str, int] = {}

    async def busy(client: openai.AsyncOpenAI, tokens: int, *, model: str) -> None:
        try:
            while True:
                raw = await client.chat.completions.with_raw_response.create(
                    model=model, messages=HELLO, max_tokens=tokens, logit_bias=bias
                )
                answered[raw.headers["x-request-id"]] = int(raw.headers["x-farebox-charged"])
        except openai.APIConnectionError:
            return

    async def until_killed(count: int) -> None:
        async with account.async_client() as client:
            crowd = [asyncio.create_task(busy(client, 5 + n, model=("tiny", "simulated")[n % 2])) for n in range(12)]
            while len(answered) < count:
                await asyncio.wait(crowd, timeout=0.01)
            farebox.kill()
            await asyncio.gather(*crowd)

    for round_number in (1, 2, 3):
        asyncio.run(until_killed(40 * round_number))
        farebox.start()
        account.at_rest()
    events = eventually_now(lambda: all_booked(account, answered))
    exact = {event["request_id"]: event["charge"] for event in events if event["request_id"] in answered}
    assert exact == answered, "what a client was told is what it paid"
    assert account.balance()["balance"] == 1_000_000 - sum(event["charge"] for event in events)
    assert audit_of(farebox) == (0, True, [])


def all_booked(account: Account, answered: dict[str, int]) -> list[dict[str, Any]]:
    """Return all events when every answered request has one."""
    events = account.rows("/events")
    return events if answered.keys() <= {event["request_id"] for event in events} else []


def audit_of(farebox: Farebox) -> tuple[int, bool, list[dict[str, Any]]]:
    """Run the audit; return its exit status, its verdict and what is broken."""
    status, report = farebox.audit()
    return status, report["clean"], [invariant for invariant in report["invariants"] if invariant["broken"]]
