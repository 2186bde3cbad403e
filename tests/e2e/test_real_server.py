"""The main job on real input: the official client, Farebox as a user starts it, a real llama.cpp server.

The ledger, the server's own usage and a count by tiktoken agree, to the token. The model's weights are random, so a
word that is one token is forced upon it; what it says is then as long as it is.
"""

from typing import Any

import openai
import pytest
import tiktoken
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.farebox import Account, Farebox

WORD = " on"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
COOKBOOK: list[ChatCompletionMessageParam] = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon "
        "into plain English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities "
        "for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]
WORLD: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Du hörst zu.\n\n\tUnd zählst: 1234567,89 €."},
    {"role": "user", "content": "お誕生日おめでとう 🎂🚌 — it's"},
    {"role": "assistant", "content": "  ok\r\n"},
    {"role": "user", "content": "def f(x):\n    return x  # 你好世界" * 40},
]


@pytest.fixture
def forced(tokenizer: tiktoken.Encoding) -> dict[str, int]:
    """A bias that leaves the model one word to say."""
    (token,) = tokenizer.encode_ordinary(WORD)
    return {str(token): 100}


def prompt_of(tokenizer: tiktoken.Encoding, messages: list[ChatCompletionMessageParam]) -> int:
    """Count a prompt by the published formula, with tiktoken and nothing of ours."""

    def count(text: Any) -> int:
        return len(tokenizer.encode_ordinary(str(text)))

    names = [message["name"] for message in messages if "name" in message]
    texts = [text for message in messages for text in (message["role"], message.get("content"))]
    return 3 + 3 * len(messages) + sum(map(count, texts)) + sum(1 + count(name) for name in names)


def check_booked(account: Account, request_id: str, prompt: int, completion: int, source: str = "upstream") -> None:
    """Check the event, the ledger and the balance of an account's only request."""
    event = account.event(request_id)
    assert (event["prompt_tokens"], event["completion_tokens"]) == (prompt, completion)
    assert (event["charge"], event["source"], event["status"]) == (prompt + completion, source, "completed")
    assert event["counted_completion_tokens"] == completion
    entries = account.rows("/ledger", request_id=request_id)
    assert [(entry["kind"], entry["amount"], entry["pack_id"]) for entry in entries] == [
        ("usage", prompt + completion, account.pack_id)
    ]
    assert (entries[0]["prompt_tokens"], entries[0]["completion_tokens"]) == (prompt, completion)
    balance = account.at_rest()
    assert balance["balance"] == balance["available"] == entries[0]["balance_after"]


@pytest.mark.parametrize("messages", [HELLO, COOKBOOK, WORLD], ids=["hello", "cookbook", "world"])
def test_plain(
    farebox: Farebox,
    forced: dict[str, int],
    tokenizer: tiktoken.Encoding,
    messages: list[ChatCompletionMessageParam],
) -> None:
    account = farebox.account(100_000)
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny", messages=messages, max_tokens=37, logit_bias=forced
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == WORD * 37
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    prompt = prompt_of(tokenizer, messages)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (prompt, 37)
    if messages is COOKBOOK:
        assert prompt == 129, "what OpenAI itself has published"
    assert raw.headers["x-farebox-charged"] == str(prompt + 37)
    assert raw.headers["x-farebox-available"] == str(100_000 - prompt - 37)
    request_id = raw.headers["x-request-id"]
    check_booked(account, request_id, prompt, 37)
    assert account.event(request_id)["counted_prompt_tokens"] == prompt


@pytest.mark.parametrize("asked", [False, True])
def test_streamed(farebox: Farebox, forced: dict[str, int], tokenizer: tiktoken.Encoding, *, asked: bool) -> None:
    account = farebox.account(100_000)
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asked else {}
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny", messages=COOKBOOK, max_tokens=300, logit_bias=forced, stream=True, **options
    )
    chunks = list(raw.parse())
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == WORD * 300
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    prompt = prompt_of(tokenizer, COOKBOOK)
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in usages] == ([(prompt, 300)] if asked else [])
    assert all(chunk.choices for chunk in chunks) or asked
    check_booked(account, raw.headers["x-request-id"], prompt, 300)


@pytest.mark.parametrize("stream", [False, True])
def test_a_stream_and_a_whole_answer_without_a_limit_end_where_the_tokens_do(
    farebox: Farebox, forced: dict[str, int], *, stream: bool
) -> None:
    """No limit, and a model that never stops: the pack pays for so many, and not one more is asked of the server."""
    account = farebox.account(8 + 50)
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, logit_bias=forced, stream=stream
    )
    assert raw.headers["x-farebox-clamped-to"] == "50"
    answer = raw.parse()
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
    else:
        text = answer.choices[0].message.content
    assert text == WORD * 50
    check_booked(account, raw.headers["x-request-id"], 8, 50)
    assert account.balance()["available"] == 0


def test_a_stream_that_outgrows_the_balance_is_ended_properly(farebox: Farebox, forced: dict[str, int]) -> None:
    """It starts with the model's default hold and grows; what the client got is what is charged."""
    account = farebox.account(8 + 900)
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, logit_bias=forced, stream=True, stream_options={"include_usage": True}
    )
    assert "x-farebox-clamped-to" not in raw.headers
    chunks = list(raw.parse())
    words = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).count(WORD)
    assert [choice.finish_reason for choice in chunks[-2].choices] == ["length"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == words
    event = account.event(raw.headers["x-request-id"])
    assert (event["status"], event["charge"]) == ("cut_off", 8 + words)
    assert 900 <= words <= 900 + 16, "the server sends a few tokens at a time"
    account.at_rest()


def test_with_tools(farebox: Farebox, forced: dict[str, int]) -> None:
    """Only OpenAI renders tools as OpenAI does: this server's template leaves them out of the prompt.

    So its usage, which is what is charged, is that of the bare messages; beside it stands our own count, which is
    OpenAI's for the same request (reference vector T2).
    """
    account = farebox.account(100_000)
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny",
        messages=HELLO,
        max_tokens=20,
        logit_bias=forced,
        tools=[{"type": "function", "function": {"name": "foo", "parameters": {"type": "object", "properties": {}}}}],
    )
    usage = raw.parse().usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (8, 20)
    check_booked(account, raw.headers["x-request-id"], 8, 20)
    assert account.event(raw.headers["x-request-id"])["counted_prompt_tokens"] == 31


@pytest.mark.parametrize("stream", [False, True])
def test_two_choices(farebox: Farebox, forced: dict[str, int], *, stream: bool) -> None:
    """llama.cpp reports the tokens of one choice only: half of what was seen is not believed."""
    account = farebox.account(100_000)
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, max_tokens=20, n=2, logit_bias=forced, stream=stream, **options
    )
    answer = raw.parse()
    if stream:
        usages = [chunk.usage for chunk in answer if chunk.usage]
    else:
        usages = [answer.usage]
        assert [choice.message.content for choice in answer.choices] == [WORD * 20] * 2
    assert {(usage.prompt_tokens, usage.completion_tokens) for usage in usages} == {(8, 20)}
    check_booked(account, raw.headers["x-request-id"], 8, 40, source="policy")


def test_random_words(farebox: Farebox, tokenizer: tiktoken.Encoding) -> None:
    """Nothing is forced: the server's count is charged; ours, of a text that need not re-tokenize, is near."""
    account = farebox.account(100_000)
    raw = account.client().chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, max_tokens=200, temperature=1.0, seed=7
    )
    answer = raw.parse()
    assert answer.usage is not None
    event = account.event(raw.headers["x-request-id"])
    assert (event["prompt_tokens"], event["completion_tokens"]) == (8, answer.usage.completion_tokens)
    assert (event["charge"], event["source"]) == (answer.usage.total_tokens, "upstream")
    text = answer.choices[0].message.content or ""
    assert event["counted_completion_tokens"] == len(tokenizer.encode_ordinary(text))


def test_the_servers_refusal_reaches_the_client(farebox: Farebox) -> None:
    account = farebox.account(100_000)
    with pytest.raises(openai.BadRequestError) as caught:
        account.client().chat.completions.create(
            model="tiny", messages=HELLO, max_tokens=5, extra_body={"grammar": "this is no grammar ::= ("}
        )
    assert caught.value.response.headers["x-request-id"]
    assert account.at_rest()["balance"] == 100_000
    assert account.rows("/events") == []


def test_who_has_no_tokens_is_told_so_once(farebox: Farebox) -> None:
    account = farebox.account(10)
    with pytest.raises(openai.APIStatusError) as caught:
        account.client().with_options(max_retries=2).chat.completions.create(
            model="tiny", messages=HELLO, max_tokens=500
        )
    assert caught.value.status_code == 402
    assert caught.value.code == "insufficient_balance"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


def test_the_audit_finds_nothing(farebox: Farebox) -> None:
    status, report = farebox.audit()
    broken = [invariant for invariant in report["invariants"] if invariant["broken"]]
    assert (status, report["clean"], broken) == (0, True, [])
