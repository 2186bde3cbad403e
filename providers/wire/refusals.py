"""From a decoder's error to what a client can act on: the field at fault and what was expected there."""

import re

import msgspec

from providers.wire.errors import InvalidRequestError

__all__ = ["refusal_of"]

_AT = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_TYPES = re.compile(r"`([^`]*)`")
# One half of a surrogate pair without the other, as a JSON escape.
_LONE_SURROGATE = re.compile(
    rb"\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}",
    re.IGNORECASE,
)
_WORDS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def refusal_of(error: Exception, body: bytes) -> InvalidRequestError:
    """Return the 400 for ``error``, which msgspec (or the codec below it) raised on ``body``."""
    if isinstance(error, RecursionError):
        return InvalidRequestError("The request body is nested too deeply.")
    if isinstance(error, UnicodeDecodeError):
        return InvalidRequestError("The request body is not valid UTF-8.")
    if isinstance(error, msgspec.ValidationError):
        return _invalid_value(str(error))
    if not body.strip():
        return InvalidRequestError("The request body is empty: a JSON object is needed.")
    if _LONE_SURROGATE.search(body) is not None:
        return InvalidRequestError(
            "The request body holds half of a surrogate pair (an escape like \\ud83d alone), which is no "
            "character: a text was probably cut in the middle of an emoji."
        )
    return InvalidRequestError(f"The request body is not valid JSON: {error}.")


def _invalid_value(text: str) -> InvalidRequestError:
    at = _AT.search(text)
    path = "" if at is None else at[1]
    reason = text if at is None else text[: at.start()]
    missing = _MISSING.fullmatch(reason)
    if missing is not None:
        param = f"{path}.{missing[1]}" if path else missing[1]
        return InvalidRequestError(f"Missing required parameter: '{param}'.", param)
    reason = _TYPES.sub(_words_of, reason)
    reason = reason[:1].lower() + reason[1:]
    if not path:
        return InvalidRequestError(f"The request body must be a JSON object: {reason}.")
    return InvalidRequestError(f"Invalid value for '{path}': {reason}.", path)


def _words_of(types: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(name, name) for name in types[1].split(" | "))
