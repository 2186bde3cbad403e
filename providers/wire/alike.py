"""Chunks of a stream that differ in their text alone, read as one.

Nearly all chunks of a stream are the same but for some letters. Once one of them was decoded, what stands before its
text and behind it is known, and the next ones need no decoder: however many arrived together, their texts are one
replacement away. Whatever is not exactly so is left to the decoder.
"""

import re
from typing import Final, NamedTuple

import msgspec

from providers.wire.answers import Chunk, ChunkChoice, Delta, decode_chunk

__all__ = ["Alike", "alike_of"]

_DATA: Final = b"data: "
_END: Final = b"\n\n"
_PROBE: Final = "what no upstream says"
# What may stand between the quotes of a JSON string. Not half of a surrogate pair, whose other half may come next.
_PLAIN: Final = re.compile(r'[^"\x00-\x1f]*+').fullmatch
_STRING: Final = re.compile(r'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4})*+')


class Alike(NamedTuple):
    """Chunks of one choice that hold a piece of its content and nothing else: what they have in common."""

    choice: int
    prefix: bytes
    """From the start of the event to the quote before the text."""
    suffix: bytes
    """From the quote behind the text to the end of the event, the empty line included."""
    between: str
    """From the quote behind a text to the one before the next: both."""

    def text_of(self, run: bytes) -> str | None:
        """Return the joined texts of one chunk or more, or None: something else is among them.

        ``run`` starts as one of them and ends as one.
        """
        try:
            # Before the texts are joined: each must be UTF-8 by itself.
            body = run[len(self.prefix) : -len(self.suffix)].decode()
        except UnicodeDecodeError:
            return None
        if "\\" not in body:
            text = body.replace(self.between, "")
            return text if _PLAIN(text) else None
        texts = body.split(self.between)
        if not all(map(_STRING.fullmatch, texts)):
            return None
        return msgspec.json.decode(f'"{"".join(texts)}"', type=str)


def alike_of(raw: bytes, chunk: Chunk) -> Alike | None:
    """Return what the event ``raw``, which holds ``chunk``, has in common with others like it; None: nothing sure."""
    if chunk.has_error or len(chunk.choices) != 1 or not raw.startswith(_DATA) or not raw.endswith(_END):
        return None
    choice = chunk.choices[0]
    text = choice.delta.content if choice.delta is not None else None
    quoted = f'"{text}"'.encode("utf-8", "surrogatepass")
    if not text or raw.count(quoted) != 1 or raw.count(b"\n") != len(_END) or b"\r" in raw:
        return None
    before, _, behind = raw.partition(quoted)
    prefix, suffix = before + b'"', b'"' + behind
    try:
        alike = Alike(choice.index, prefix, suffix, (suffix + prefix).decode())
    except UnicodeDecodeError:
        return None
    # Whether these quotes are those of the content, and nothing but the content matters, only the decoder can tell.
    probe = decode_chunk(alike.prefix[len(_DATA) :] + _PROBE.encode() + alike.suffix)
    wanted = Chunk(
        service_tier=chunk.service_tier,
        error=chunk.error,
        choices=[ChunkChoice(index=choice.index, delta=Delta(content=_PROBE))],
    )
    return alike if probe == wanted else None
