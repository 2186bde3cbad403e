"""The built dashboard, as it stands in gateway/static: every file is read at the start and served from memory.

A path is looked up among the names of those files, so none leads anywhere else on the disk. What has a digest in its
name (``assets/``) is kept by browsers for ever; the page itself is asked for each time, with a nonce of its own for the
styles that its scripts add.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aiohttp import web

INDEX = "index.html"
ASSETS = "assets/"  # whose names have digests
NONCE = "__CSP_NONCE__"  # where the page wants its nonce; dashboard/vite.config.ts puts it there
STATIC = Path(__file__).parent / "static"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))  # the better one first
FOR_EVER, ASK_EACH_TIME = "public, max-age=31536000, immutable", "no-cache"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TYPES: Mapping[str, str] = {  # of what vite builds: the system's own table may know less, or otherwise
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file in the forms that the build has made of it: by the name of its encoding, "" as it is."""

    forms: Mapping[str, bytes]
    content_type: str
    etag: str
    cache: str


class Site:
    """The files of one build."""

    def __init__(self, files: Mapping[str, File]) -> None:
        self._files = files

    def answer(self, path: str, headers: Mapping[str, str]) -> web.Response:
        """Return a file, or the page for each path that only the app knows. Raises HTTPNotFound for a missing asset."""
        file = self._files.get(path)
        if file is None and path.startswith(ASSETS):
            raise web.HTTPNotFound
        if file is None or path == INDEX:
            return self._page(headers)
        return _sent(file, headers)

    def _page(self, headers: Mapping[str, str]) -> web.Response:
        page = self._files[INDEX]
        text = page.forms[""].decode()
        if NONCE not in text:
            return _sent(page, headers)
        # Without an ETag: an answer that is "not modified" would bring a policy with another nonce than the page has.
        nonce = secrets.token_urlsafe(16)
        response = web.Response(text=text.replace(NONCE, nonce), content_type=page.content_type)
        response.headers.update(_headers(page, nonce))
        return response


def load_site(folder: Path) -> Site | None:
    """Return the site that was built into a folder; None: there is none."""
    if not (folder / INDEX).is_file():
        return None
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("[!.]*") if path.is_file()}
    packed = tuple(suffix for _, suffix in ENCODINGS)
    return Site({name: _file(name, found) for name in found if not name.endswith(packed)})


def _file(name: str, found: Mapping[str, bytes]) -> File:
    forms = {encoding: found[name + suffix] for encoding, suffix in ENCODINGS if name + suffix in found}
    return File(
        forms={**forms, "": found[name]},
        content_type=TYPES.get(PurePosixPath(name).suffix, "application/octet-stream"),
        etag=hashlib.sha256(found[name]).hexdigest()[:32],
        cache=FOR_EVER if name.startswith(ASSETS) else ASK_EACH_TIME,
    )


def _sent(file: File, headers: Mapping[str, str]) -> web.Response:
    encoding = next((name for name in file.forms if name and _accepts(headers.get("Accept-Encoding", ""), name)), "")
    etag = f'"{file.etag}{encoding and "-"}{encoding}"'
    known = {part.strip().removeprefix("W/") for part in headers.get("If-None-Match", "").split(",")}
    response = web.Response(status=304) if known & {etag, "*"} else web.Response(body=file.forms[encoding])
    if encoding and response.body is not None:
        response.headers["Content-Encoding"] = encoding
    if response.body is not None:
        response.content_type = file.content_type
        if file.content_type.startswith("text/"):
            response.charset = "utf-8"
    response.headers.update({**_headers(file), "ETag": etag, "Vary": "Accept-Encoding"})
    return response


def _headers(file: File, nonce: str | None = None) -> dict[str, str]:
    policy = POLICY.format(nonce=f" 'nonce-{nonce}'" if nonce else "")
    return {**HEADERS, "Content-Security-Policy": policy, "Cache-Control": file.cache}


def _accepts(header: str, encoding: str) -> bool:
    """Return whether a client takes an encoding: it is named, and not with the weight 0."""
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == encoding:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


SITE = web.AppKey("site", Site)
