"""Upper bounds for what a prompt holds beside text: images, audio, files.

Nothing is ever fetched, and of a ``data:`` URL only the first bytes are read.
What cannot be known counts as the dearest that it can be.
"""

import binascii
import struct
from typing import NamedTuple

from config.catalog import ModelSpec
from metering.core.images import image_rule
from providers.wire.chat import ContentPart, ImageUrl

__all__ = ["ImageSize", "image_size", "media_tokens_max"]

_HEAD_CHARS = 64  # base64 of 48 bytes: enough for PNG, GIF and WebP
_JPEG_CHARS = (1 << 16, 1 << 22)  # a JPEG's size may come after a preview and a colour profile

# User audio is one token in 100 ms. Slower data than this is not heard as speech:
# telephone quality for WAV, 8 kbit/s for what is compressed.
_AUDIO_TOKENS_PER_SECOND = 10
_WAV_BYTES_PER_SECOND = 8000
_COMPRESSED_BYTES_PER_SECOND = 1000

_PNG_BYTES = 24  # up to and with the size, as the next two
_GIF_BYTES = 10
_WEBP_BYTES = 30
_JPEG_PADDING = 0xFF
# The frame headers, all of one layout; the numbers that are left out are tables.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class ImageSize(NamedTuple):
    """Width and height in pixels, both at least 1."""

    width: int
    height: int


def media_tokens_max(part: ContentPart, spec: ModelSpec) -> int:
    """Return an upper bound of the tokens of a content part that is no text."""
    image = part.image_url
    if image is not None:
        return _image_tokens(image, spec)
    if part.input_audio is not None:
        rate = _WAV_BYTES_PER_SECOND if part.input_audio.format == "wav" else _COMPRESSED_BYTES_PER_SECOND
        return -(-_decoded_bytes(part.input_audio.data) * _AUDIO_TOKENS_PER_SECOND // rate)
    if part.file is not None and part.file.file_data is not None:
        # No text has more tokens than bytes; a page is shown as a picture beside its text.
        page_tokens = image_rule(spec.upstream_model, spec.name).tokens_max(None)
        return min(_decoded_bytes(part.file.file_data) + page_tokens, spec.context_tokens)
    # A file named by its id, or a kind of part that we do not know: it can fill the context.
    return spec.context_tokens


def _image_tokens(image: ImageUrl | str, spec: ModelSpec) -> int:
    url, detail = (image, None) if isinstance(image, str) else (image.url, image.detail)
    rule = image_rule(spec.upstream_model, spec.name)
    size = image_size(url)
    return rule.tokens_max(detail) if size is None else rule.tokens(size.width, size.height, detail)


def _decoded_bytes(base64: str) -> int:
    return len(base64) * 3 // 4


def image_size(url: str) -> ImageSize | None:
    """Return the size of the PNG, JPEG, GIF or WebP in a ``data:`` URL; None when it can't be read there."""
    if url[:5].lower() != "data:":
        return None
    start = url.find(",", 0, 256) + 1
    if start == 0 or not url[:start].lower().endswith(";base64,"):
        return None
    head = _decoded(url, start, _HEAD_CHARS)
    if not head.startswith(b"\xff\xd8\xff"):
        size = _png_size(head) or _gif_size(head) or _webp_size(head)
    else:
        size = next((found for chars in _JPEG_CHARS if (found := _jpeg_size(_decoded(url, start, chars)))), None)
    return size if size is not None and min(size) > 0 else None


def _decoded(url: str, start: int, chars: int) -> bytes:
    text = url[start : start + chars]
    try:
        return binascii.a2b_base64(text[: len(text) // 4 * 4])
    except ValueError:  # no base64, or broken by line ends: binascii.Error is one of these
        return b""


def _png_size(head: bytes) -> ImageSize | None:
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR" or len(head) < _PNG_BYTES:
        return None
    return ImageSize(*struct.unpack_from(">II", head, 16))


def _gif_size(head: bytes) -> ImageSize | None:
    if head[:6] not in {b"GIF87a", b"GIF89a"} or len(head) < _GIF_BYTES:
        return None
    return ImageSize(*struct.unpack_from("<HH", head, 6))


def _webp_size(head: bytes) -> ImageSize | None:
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < _WEBP_BYTES:
        return None
    match head[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 26)
            return ImageSize(width & 0x3FFF, height & 0x3FFF)  # the upper bits are a scale for showing
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return ImageSize((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8X":
            return ImageSize(int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1)
    return None


def _jpeg_size(data: bytes) -> ImageSize | None:
    """Return the size from the frame header, walking over the segments before it."""
    at = 2
    while at + 9 <= len(data) and data[at] == _JPEG_PADDING:
        marker = data[at + 1]
        if marker == _JPEG_PADDING:
            at += 1
            continue
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return ImageSize(width, height)
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
