"""The one small chat request of all benchmarks, and how the fake upstream answers it."""

import msgspec

CHUNKS = 64
"""Content chunks of a streamed answer, one token each."""

PROMPT_TOKENS = 36
COMPLETION_TOKENS = 65
"""As tiktoken counts them, the token that ends the answer included: the meter must find nothing odd here."""

MODEL = "bench"
_ID, _CREATED = "chatcmpl-9f1c2b7a6d5e4f3a2b1c0d9e8f7a6", 1_760_000_000
_WORDS = ("the", "river", "runs", "down", "to", "the", "sea", "and", "the", "bus", "runs", "up", "the", "hill")
_TOKENS = [f" {_WORDS[place % len(_WORDS)]}" for place in range(CHUNKS)]
_USAGE = {
    "prompt_tokens": PROMPT_TOKENS,
    "completion_tokens": COMPLETION_TOKENS,
    "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}


def request_body(*, stream: bool) -> bytes:
    """Return the JSON of a request; a stream asks for its usage, so that every proxy gets the same events."""
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {"max_tokens": 100}
    messages = [
        {"role": "system", "content": "You are a helpful assistant. Answer in one short paragraph."},
        {"role": "user", "content": "Where does the river go, and where does the bus go?"},
    ]
    return msgspec.json.encode({"model": MODEL, "messages": messages, "temperature": 0.7, **options})


def whole_answer() -> bytes:
    """Return the JSON of an answer that is not streamed."""
    message: dict[str, object] = {"role": "assistant", "content": "".join(_TOKENS), "refusal": None, "annotations": []}
    return msgspec.json.encode(
        {
            "id": _ID,
            "object": "chat.completion",
            "created": _CREATED,
            "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": _USAGE,
            "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb",
        }
    )


def events(*, usage: bool) -> list[bytes]:
    """Return the events of a streamed answer: the content, the end, the usage when it is asked for, ``[DONE]``."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": token}, None) for token in _TOKENS]
    found = [_event([_choice(delta, reason)]) for delta, reason in (*deltas, ({}, "stop"))]
    if usage:
        found.append(_event([], usage=_USAGE))
    return [*found, b"data: [DONE]\n\n"]


def _choice(delta: dict[str, str], finish_reason: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    chunk = {
        "id": _ID,
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": choices,
        **more,
    }
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
