"""The usage object of upstreams: how many tokens they say a request took."""

from typing import TypeVar

import msgspec

__all__ = ["Parts", "Usage", "WireUsage", "read_usage", "typed", "usage_of"]

_T = TypeVar("_T")


class Parts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tokens that some price apart: the first three are part of the prompt, the others of the completion."""

    cache_write: int = 0
    image: int = 0
    audio: int = 0
    image_completion: int = 0
    audio_completion: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Token counts as the upstream reported them, unchecked: they may be absurd or negative.

    ``cached_tokens`` is part of ``prompt_tokens``, ``reasoning_tokens`` of ``completion_tokens``; ``parts`` is None
    where nothing else was reported.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    parts: Parts | None = None


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None  # OpenRouter's name; LiteLLM's is the next
    cache_creation_tokens: int | None = None
    image_tokens: int | None = None
    audio_tokens: int | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    image_tokens: int | None = None
    audio_tokens: int | None = None


class WireUsage(msgspec.Struct, gc=False):
    """A usage object as OpenAI and those who follow it write it."""

    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's name for cached tokens


def usage_of(wire: WireUsage) -> Usage:
    """Return the counts of a usage object; what it does not say is 0."""
    prompt, completion = wire.prompt_tokens_details, wire.completion_tokens_details
    cached_tokens, reasoning_tokens, parts = wire.prompt_cache_hit_tokens, None, None
    # Asked one by one: this is done for every request, and most have none of them.
    if prompt is not None:
        if prompt.cached_tokens is not None:
            cached_tokens = prompt.cached_tokens
        if prompt.audio_tokens or prompt.image_tokens or prompt.cache_write_tokens or prompt.cache_creation_tokens:
            parts = _parts(prompt, completion)
    if completion is not None:
        reasoning_tokens = completion.reasoning_tokens
        if completion.audio_tokens or completion.image_tokens:
            parts = _parts(prompt, completion)
    return Usage(
        prompt_tokens=wire.prompt_tokens,
        completion_tokens=wire.completion_tokens,
        cached_tokens=cached_tokens or 0,
        reasoning_tokens=reasoning_tokens or 0,
        parts=parts,
    )


def _parts(prompt: _PromptDetails | None, completion: _CompletionDetails | None) -> Parts:
    cache_write = image = audio = image_completion = audio_completion = 0
    if prompt is not None:
        cache_write = prompt.cache_write_tokens or prompt.cache_creation_tokens or 0
        image, audio = prompt.image_tokens or 0, prompt.audio_tokens or 0
    if completion is not None:
        image_completion, audio_completion = completion.image_tokens or 0, completion.audio_tokens or 0
    return Parts(
        cache_write=cache_write,
        image=image,
        audio=audio,
        image_completion=image_completion,
        audio_completion=audio_completion,
    )


def read_usage(value: object) -> WireUsage | None:
    """Return a usage object from a plain JSON value; a count of the wrong type is absent."""
    if not isinstance(value, dict):
        return None
    prompt_tokens = _count(value.get("prompt_tokens"))
    completion_tokens = _count(value.get("completion_tokens"))
    if prompt_tokens is None or completion_tokens is None:
        return None
    prompt_details, completion_details = (
        value.get("prompt_tokens_details"),
        value.get("completion_tokens_details"),
    )
    return WireUsage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        prompt_tokens_details=_PromptDetails(
            **{name: _member_count(prompt_details, name) for name in _PromptDetails.__struct_fields__}
        ),
        completion_tokens_details=_CompletionDetails(
            **{name: _member_count(completion_details, name) for name in _CompletionDetails.__struct_fields__}
        ),
        prompt_cache_hit_tokens=_count(value.get("prompt_cache_hit_tokens")),
    )


def _member_count(value: object, name: str) -> int | None:
    return _count(value.get(name)) if isinstance(value, dict) else None


def _count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return typed(value, int)


def typed(value: object, kind: type[_T]) -> _T | None:
    """Return a JSON value of this type; a boolean is no integer."""
    return value if isinstance(value, kind) and not isinstance(value, bool) else None
