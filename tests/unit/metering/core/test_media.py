import base64
import struct
from collections.abc import Callable

import msgspec
import pytest

from config.catalog import ModelSpec
from metering.core.media import image_size, media_tokens_max
from providers.wire.chat import ContentPart

Specs = Callable[..., ModelSpec]


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x06\0\0\0" + bytes(100)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(100)


def jpeg(width: int, height: int, *, before: int = 0) -> bytes:
    segments = b""
    while before > 0:
        size = min(before, 65_000)
        segments += b"\xff\xe2" + struct.pack(">H", size + 2) + b"\xff\xc0" * (size // 2) + b"x" * (size % 2)
        before -= size
    tables = b"\xff\xc4" + struct.pack(">H", 4) + b"\0\0"
    frame = b"\xff\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width)
    return b"\xff\xd8" + segments + tables + frame + bytes(100)


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + struct.pack("<I", len(body)) + body + bytes(50)


WEBP_LOSSY = webp(b"VP8 ", b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", 640 | 0x4000, 480))
WEBP_LOSSLESS = webp(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 479 << 14 | 1 << 28))
WEBP_EXTENDED = webp(b"VP8X", b"\x10\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"))


@pytest.mark.parametrize(
    "data",
    [
        png(640, 480),
        gif(640, 480),
        jpeg(640, 480),
        jpeg(640, 480, before=200_000),
        WEBP_LOSSY,
        WEBP_LOSSLESS,
        WEBP_EXTENDED,
    ],
    ids=["png", "gif", "jpeg", "jpeg with a long profile", "webp lossy", "webp lossless", "webp extended"],
)
def test_size_is_read_from_the_first_bytes(data: bytes) -> None:
    assert image_size(data_url(data)) == (640, 480)


def test_what_comes_after_the_header_is_not_read() -> None:
    assert image_size(data_url(png(640, 480)) + "\udc80 not base64" * 10) == (640, 480)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://example.com/a.png",
        "data:image/png;base64,",
        "data:image/png," + "A" * 100,
        "data:image/png;base64,AAAA",
        "data:image/png;base64,é" + "A" * 100,
        "data:image/png;base64" + "x" * 1000,
        data_url(png(0, 480)),
        data_url(png(640, 480)[:20]),
        data_url(gif(640, 480)[:8]),
        data_url(b"\xff\xd8\xff\xe0"),
        data_url(b"\xff\xd8\xff\xe0\0\0" * 20),
        data_url(jpeg(640, 480, before=4_000_000)),
        data_url(webp(b"VP9 ", bytes(20))),
    ],
)
def test_size_that_cannot_be_read_is_unknown(url: str) -> None:
    assert image_size(url) is None


def part(**fields: object) -> ContentPart:
    return msgspec.convert(fields, ContentPart)


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"type": "image_url", "image_url": {"url": data_url(png(1024, 1024))}}, 765),
        ({"type": "image_url", "image_url": {"url": data_url(png(1024, 1024)), "detail": "low"}}, 85),
        ({"type": "image_url", "image_url": data_url(png(1024, 1024))}, 765),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, 1445),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}, 85),
        ({"type": "input_audio", "input_audio": {"data": "A" * 128_000, "format": "wav"}}, 120),
        ({"type": "input_audio", "input_audio": {"data": "A" * 128_000, "format": "mp3"}}, 960),
        ({"type": "file", "file": {"file_data": data_url(bytes(3000), "application/pdf")}}, 3021 + 1445),
        ({"type": "file", "file": {"file_data": "A" * 10_000_000}}, 128_000),
        ({"type": "file", "file": {"file_id": "file-1"}}, 128_000),
        ({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}, 128_000),
    ],
)
def test_media_count_at_most(fields: dict[str, object], tokens: int, spec_of: Specs) -> None:
    assert media_tokens_max(part(**fields), spec_of()) == tokens
