"""How streams end: what is read after [DONE], what is said when there is none, and what usage looks like."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from providers.adapter import Answer
from providers.errors import ProviderError
from providers.wire.error_body import error_body

HEAD_KEYS = frozenset({"id", "object", "created", "model", "system_fingerprint"})  # the same on all chunks
END_SECONDS_MAX = 1.0  # what follows [DONE] is the end of the body, in the same packet or the next


async def read_to_end(answer: Answer) -> None:
    """Read an answer to its very end, so that its connection can be used again. The client has everything by now."""
    with suppress(ProviderError, TimeoutError):
        async with asyncio.timeout(END_SECONDS_MAX):
            while await answer.chunk():
                pass


def has_usage(data: bytes) -> bool:
    """Return whether an event carries a usage object, readable or not."""
    try:
        event = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return False
    return isinstance(event, dict) and isinstance(event.get("usage"), dict)


def error_event(message: str) -> bytes:
    """Return the event that tells a client that its stream can not go on."""
    return b"data: " + error_body(message, type="server_error", code="upstream_error") + b"\n\n"


def last_events(first_chunk: bytes, unfinished: Sequence[int], usage: tuple[int, int] | None) -> bytes:
    """Return a last chunk for the choices that are not finished, and usage (prompt, completion tokens) if it is given.

    What all chunks have in common is taken from the first one, which may be empty.
    """
    first: dict[str, object] = msgspec.json.decode(first_chunk or b"{}")
    head = {key: value for key, value in first.items() if key in HEAD_KEYS}
    choices: list[dict[str, object]] = [
        {"index": index, "delta": {}, "logprobs": None, "finish_reason": "length"} for index in unfinished
    ]
    events: list[dict[str, object]] = [{**head, "choices": choices}]
    if usage is not None:
        prompt, completion = usage
        counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        events.append({**head, "choices": [], "usage": counts})
    return b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)
