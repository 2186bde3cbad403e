"""What tells one write from another."""

import pytest

from gateway.idempotency import INLINE_BYTES_MAX, digest_of


@pytest.mark.parametrize("size", [0, 10, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1])
async def test_a_digest_is_of_the_operation_and_of_every_byte(size: int) -> None:
    body = b"x" * size
    digest = await digest_of("chat/completions", body)
    assert len(digest) == 64
    assert digest == await digest_of("chat/completions", body)
    others = [("embeddings", body), ("chat/completions", body + b" "), ("chat/completions\0x", body[1:])]
    assert digest not in [await digest_of(*other) for other in others]
