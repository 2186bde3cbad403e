"""Which count is believed."""

import pytest

from metering.core.settlement import Source, Status
from metering.core.usage import believed, outcome_of
from providers.wire.chat import Usage


@pytest.mark.parametrize(
    ("prompt", "completion", "cached", "reasoning", "trusted"),
    [
        (100, 50, 0, 0, True),
        (100, 30, 0, 0, True),  # 60 % of what was seen: just believed
        (100, 29, 0, 0, False),
        (100, 0, 0, 0, False),
        (100, 500, 0, 400, True),  # reasoning is not seen: more than counted is no surprise
        (100, 1000, 0, 0, True),
        (100, 1001, 0, 0, False),  # above every choice's limit
        (8000, 50, 0, 0, True),
        (8001, 50, 0, 0, False),  # above the context
        (100, 50, 100, 0, True),
        (100, 50, 101, 0, False),  # more cached than there is
        (0, 50, 0, 0, False),  # the prompt was not free
        (-1, 50, 0, 0, False),
        (100, -50, 0, 0, False),
        (100, 50, -1, 0, False),
        (100, 50, 0, -1, False),
        (2**63, 2**63, 0, 0, False),
    ],
)
def test_report_is_believed_only_where_it_can_be_true(
    prompt: int, completion: int, cached: int, reasoning: int, *, trusted: bool
) -> None:
    usage = Usage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached, reasoning_tokens=reasoning)
    assert believed(usage, prompt=100, counted_completion=50, completion_max=1000, context_tokens=8000) is trusted


def test_empty_reply_is_believed_to_be_empty() -> None:
    usage = Usage(prompt_tokens=5, completion_tokens=0)
    assert believed(usage, prompt=5, counted_completion=0, completion_max=10, context_tokens=100)


def test_prompt_of_nothing_is_believed_where_none_was_counted() -> None:
    usage = Usage(prompt_tokens=0, completion_tokens=1)
    assert believed(usage, prompt=0, counted_completion=1, completion_max=10, context_tokens=100)


@pytest.mark.parametrize(
    ("reported", "source", "prompt", "completion", "cached"),
    [
        (Usage(prompt_tokens=110, completion_tokens=55, cached_tokens=64), Source.UPSTREAM, 110, 55, 64),
        (None, Source.TOKENIZER, 100, 50, 0),
        (Usage(prompt_tokens=110, completion_tokens=5, cached_tokens=64), Source.POLICY, 100, 50, 0),
    ],
)
def test_outcome_charges_the_believed_count_and_keeps_ours_beside_it(
    reported: Usage | None, source: Source, prompt: int, completion: int, cached: int
) -> None:
    outcome = outcome_of(
        reported,
        status=Status.COMPLETED,
        prompt=100,
        counted_completion=50,
        completion_max=1000,
        context_tokens=8000,
    )
    assert outcome.source is source
    assert (outcome.prompt_tokens, outcome.completion_tokens, outcome.cached_tokens) == (prompt, completion, cached)
    assert outcome.counted_completion_tokens == 50


@pytest.mark.parametrize("status", list(Status))
def test_how_a_request_ended_does_not_change_which_count_is_charged(status: Status) -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=50, reasoning_tokens=20)
    outcome = outcome_of(
        usage, status=status, prompt=100, counted_completion=50, completion_max=100, context_tokens=800
    )
    assert (outcome.status, outcome.source, outcome.reasoning_tokens) == (status, Source.UPSTREAM, 20)
