"""Which count to believe (DESIGN 3.2 step 5)."""

from metering.core.settlement import Outcome, Source, Status
from providers.wire.answers import Parts, Usage

# An upstream that reports less than 60 % of what was seen has not counted all of it (llama.cpp counts one choice).
BELIEVED_PERCENT_MIN = 60


def believed(
    reported: Usage, *, prompt: int, counted_completion: int, completion_max: int, context_tokens: int
) -> bool:
    """Return whether an upstream's report can be true.

    ``completion_max`` bounds the completion of all choices together.
    """
    if (
        min(
            reported.prompt_tokens,
            reported.completion_tokens,
            reported.cached_tokens,
            reported.reasoning_tokens,
        )
        < 0
    ):
        return False
    if reported.parts is not None and not _parts_believed(reported, reported.parts):
        return False
    if reported.cached_tokens > reported.prompt_tokens or (prompt and not reported.prompt_tokens):
        return False
    if reported.completion_tokens * 100 < counted_completion * BELIEVED_PERCENT_MIN:
        return False
    return reported.prompt_tokens <= context_tokens and reported.completion_tokens <= completion_max


def _parts_believed(reported: Usage, parts: Parts) -> bool:
    prompt = (parts.cache_write, parts.image, parts.audio)
    completion = (parts.image_completion, parts.audio_completion)
    return min(*prompt, *completion) >= 0 and (
        max(prompt) <= reported.prompt_tokens and max(completion) <= reported.completion_tokens
    )


def outcome_of(  # noqa: PLR0913 - the two counts and what bounds them
    reported: Usage | None,
    *,
    status: Status,
    prompt: int,
    counted_completion: int,
    completion_max: int,
    context_tokens: int,
    service_tier: str | None = None,
    units: int | None = None,
) -> Outcome:
    """Return the usage to charge, with its source. ``reported`` is None when the upstream said nothing.

    ``units`` are the words or characters of the reply, counted here: no upstream reports them.
    """
    if reported is not None and believed(
        reported,
        prompt=prompt,
        counted_completion=counted_completion,
        completion_max=completion_max,
        context_tokens=context_tokens,
    ):
        return Outcome(
            prompt_tokens=reported.prompt_tokens,
            cached_tokens=reported.cached_tokens,
            completion_tokens=reported.completion_tokens,
            reasoning_tokens=reported.reasoning_tokens,
            parts=reported.parts,
            source=Source.UPSTREAM,
            status=status,
            counted_completion_tokens=counted_completion,
            units=units,
            service_tier=service_tier,
        )
    return Outcome(
        prompt_tokens=prompt,
        completion_tokens=counted_completion,
        source=Source.TOKENIZER if reported is None else Source.POLICY,
        status=status,
        counted_completion_tokens=counted_completion,
        units=units,
        service_tier=service_tier,
    )
