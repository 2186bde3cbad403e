"""The built-in provider: a model that needs no account anywhere.

It answers in OpenAI's format with words that are one token each, streams them, honours the limits and ``n``,
and reports its usage, so that everything can be tried, and metered, without a network.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle, islice

import msgspec

from config.catalog import ModelSpec
from providers.errors import UpstreamGoneError, UpstreamTooLargeError

# Each of these, with its blank, is one token of o200k_base and of cl100k_base.
WORDS = (
    " you", " pay", " before", " you", " ride", " and", " every", " token", " is", " counted", " once",
    " on", " the", " way", " in", " and", " once", " on", " the", " way", " out",
)  # fmt: skip
DEFAULT_TOKENS = 48
CREATED = 1_760_000_000
TOKEN_SECONDS = 0.002


class _Ask(msgspec.Struct):
    model: str
    messages: list[msgspec.Raw] = []
    stream: bool | None = False
    n: int | None = 1
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


_decode = msgspec.json.Decoder(_Ask).decode
_encode = msgspec.json.Encoder().encode


class MemoryAnswer:
    """An answer that is made here, piece by piece."""

    def __init__(self, pieces: Iterator[bytes], *, content_type: bytes, pause_seconds: float) -> None:
        self.status = 200
        self.headers = [(b"content-type", content_type)]
        self._pieces = pieces
        self._pause_seconds = pause_seconds
        self._closed = False

    def header(self, name: bytes) -> bytes | None:
        """Return a header."""
        return dict(self.headers).get(name)

    async def chunk(self) -> bytes:
        """Return the next piece."""
        if self._closed:
            raise UpstreamGoneError("the answer was closed here")
        if self._pause_seconds:
            await asyncio.sleep(self._pause_seconds)
        return next(self._pieces, b"")

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand the pieces to ``sink``; see ``providers.adapter.Answer``."""
        while data := await self.chunk():
            if not sink(data):
                return False
        return True

    def ready(self) -> bytes | None:
        """Return None: pieces come by ``chunk()``."""
        return None

    async def read(self, bytes_max: int) -> bytes:
        """Return all pieces."""
        body = b"".join(self._pieces)
        if len(body) > bytes_max:
            raise UpstreamTooLargeError(bytes_max=bytes_max)
        return body

    def close(self) -> None:
        """Stop."""
        self._closed = True


class SimulatedAdapter:
    """See the module."""

    kind = "simulated"

    def __init__(
        self,
        *,
        count_prompt: Callable[[bytes, ModelSpec], Awaitable[int]],
        token_seconds: float = TOKEN_SECONDS,
    ) -> None:
        """``count_prompt`` counts a request body's prompt: the model reports what a real one would."""
        self._count_prompt = count_prompt
        self._token_seconds = token_seconds

    async def open(self, path: str, spec: ModelSpec, body: bytes, *, on_send: Callable[[], None]) -> MemoryAnswer:
        """Answer a request; see ``providers.adapter.Adapter``."""
        del path
        on_send()
        ask = _decode(body)
        limit = ask.max_completion_tokens or ask.max_tokens or spec.max_completion_tokens
        tokens = min(limit, DEFAULT_TOKENS)
        choices = ask.n or 1
        prompt = await self._count_prompt(body, spec)
        usage = _usage(prompt, choices * (tokens + (tokens < limit and spec.stop_token)))
        reason = "length" if tokens == limit else "stop"
        if ask.stream:
            events = _events(ask.model, tokens, choices, reason, usage)
            return MemoryAnswer(events, content_type=b"text/event-stream", pause_seconds=self._token_seconds)
        whole = _whole(ask.model, tokens, choices, reason, usage)
        return MemoryAnswer(iter((whole,)), content_type=b"application/json", pause_seconds=0)


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _head(model: str, kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-simulated", "object": kind, "created": CREATED, "model": model}


def _whole(model: str, tokens: int, choices: int, reason: str, usage: dict[str, int]) -> bytes:
    message = {"role": "assistant", "content": "".join(islice(cycle(WORDS), tokens)), "refusal": None}
    return _encode(
        {
            **_head(model, "chat.completion"),
            "choices": [
                {"index": index, "message": message, "logprobs": None, "finish_reason": reason}
                for index in range(choices)
            ],
            "usage": usage,
        }
    )


def _events(model: str, tokens: int, choices: int, reason: str, usage: dict[str, int]) -> Iterator[bytes]:
    head = _head(model, "chat.completion.chunk")

    def event(index: int, delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + _encode({**head, "choices": [choice], "usage": None}) + b"\n\n"

    for index in range(choices):
        yield event(index, {"role": "assistant", "content": ""}, None)
    for word in islice(cycle(WORDS), tokens):
        for index in range(choices):
            yield event(index, {"content": word}, None)
    for index in range(choices):
        yield event(index, {}, reason)
    yield b"data: " + _encode({**head, "choices": [], "usage": usage}) + b"\n\n"
    yield b"data: [DONE]\n\n"
