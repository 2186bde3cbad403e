"""A client that tries again with its Idempotency-Key, while gateways are killed."""

import openai
import pytest
import tiktoken
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.farebox import Account, Farebox
from tests.waiting import eventually_now

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
PROMPT = 8
KEY = {"Idempotency-Key": "one-question"}


def refusal(account: Account, bias: dict[str, int]) -> openai.APIStatusError | None:
    """Ask again; return how that was refused, once the meter can decide."""
    with pytest.raises(openai.APIStatusError) as refused:
        account.client().chat.completions.create(
            model="tiny", messages=HELLO, max_tokens=3500, logit_bias=bias, stream=True, extra_headers=KEY
        )
    return refused.value if refused.value.code == "already_used" else None


def test_a_stream_whose_gateway_was_killed_is_not_asked_for_twice(
    farebox: Farebox, tokenizer: tiktoken.Encoding
) -> None:
    account = farebox.account(100_000)
    (token,) = tokenizer.encode_ordinary(" on")
    bias = {str(token): 100}
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, max_tokens=3500, logit_bias=bias, stream=True, extra_headers=KEY
    )
    stream = iter(raw.parse())
    produced = 0
    while produced < 300:
        produced += bool(next(stream).choices[0].delta.content)
    farebox.kill()

    farebox.start()
    refused = eventually_now(lambda: refusal(account, bias))
    assert refused
    event = account.event(raw.headers["x-request-id"])
    assert isinstance(refused.body, dict)
    assert refused.body["details"] == {
        "request_id": event["request_id"],
        "charge": event["charge"],
        "unit": "tokens",
    }
    assert event["charge"] >= PROMPT + produced
    assert account.at_rest()["balance"] == 100_000 - event["charge"]
    assert len(account.rows("/events")) == 1
    assert farebox.audit()[0] == 0
