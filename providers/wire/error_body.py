"""The OpenAI error object, the only error body that Farebox answers with."""

import json

import msgspec

__all__ = ["error_body"]

_ENCODER = msgspec.json.Encoder()


def error_body(
    message: str,
    *,
    type: str,  # noqa: A002 -- the wire's own word, as at every call
    code: str | None = None,
    param: str | None = None,
    **extra: object,
) -> bytes:
    """Return ``{"error": {"message", "type", "param", "code", **extra}}`` as JSON.

    All four keys are always there, since clients read them without asking;
    ``extra`` holds plain JSON values such as the ``details`` of a 402.
    """
    body = {"error": {"message": message, "type": type, "param": param, "code": code, **extra}}
    try:
        return _ENCODER.encode(body)
    except UnicodeEncodeError:
        # A text quoted from the client may hold half a surrogate pair, which only an escape can carry.
        return json.dumps(body).encode()
