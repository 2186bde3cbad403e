"""What usage objects say beside prompt and completion tokens."""

import msgspec
import pytest

from providers.wire.answers import Parts, Usage, decode_response


def usage(**fields: object) -> Usage | None:
    response = decode_response(msgspec.json.encode({"usage": {"prompt_tokens": 10, "completion_tokens": 5, **fields}}))
    assert response is not None
    return response.usage


@pytest.mark.parametrize(
    ("details", "parts"),
    [
        ({}, None),
        ({"prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0}}, None),
        ({"prompt_tokens_details": {"audio_tokens": 4}}, Parts(audio=4)),
        ({"prompt_tokens_details": {"image_tokens": 4, "cache_write_tokens": 2}}, Parts(image=4, cache_write=2)),
        ({"prompt_tokens_details": {"cache_creation_tokens": 2}}, Parts(cache_write=2)),
        ({"completion_tokens_details": {"audio_tokens": 4}}, Parts(audio_completion=4)),
        ({"completion_tokens_details": {"image_tokens": 4}}, Parts(image_completion=4)),
        # read loosely, a part of the wrong type is absent and the rest is still seen
        ({"prompt_tokens_details": {"audio_tokens": 4, "image_tokens": "many"}}, Parts(audio=4)),
        ({"prompt_tokens_details": {"audio_tokens": 4}, "completion_tokens_details": []}, Parts(audio=4)),
    ],
)
def test_parts_are_there_only_where_they_are_reported(details: dict[str, object], parts: Parts | None) -> None:
    found = usage(**details)
    assert found is not None
    assert found.parts == parts


@pytest.mark.parametrize(("written", "tier"), [('"flex"', "flex"), ("null", None), ("7", None)])
def test_an_answer_says_how_it_was_served(written: str, tier: str | None) -> None:
    response = decode_response(b'{"service_tier": %b, "choices": []}' % written.encode())
    assert response is not None
    assert response.service_tier == tier
