"""Which way leads to an upstream: directly, or through the operator's proxy. Pure."""

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Origin(NamedTuple):
    """Where an upstream listens; connections are pooled by it."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """A name or an address; an IPv6 address without brackets."""
    port: int

    @property
    def authority(self) -> str:
        """``host:port`` in ASCII, with brackets around an IPv6 address."""
        host = self.host if self.host.isascii() else self.host.encode("idna").decode("ascii")
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy."""

    origin: Origin
    authorization: bytes | None = field(default=None, repr=False)
    """The value of ``Proxy-Authorization``."""

    def connect(self, target: Origin) -> bytes:
        """Return the request for a tunnel to ``target``."""
        authority = target.authority.encode()
        return b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (authority, authority, self._header())

    def absolute(self, target: Origin, head: bytes) -> bytes:
        """Return ``head`` as a proxy takes it for an ``http`` origin: whole URL, proxy's key."""
        method, path, rest = head.split(b" ", 2)
        version, headers = rest.split(b"\r\n", 1)
        url = str(target).encode() + path
        return b"%b %b %b\r\n%b%b" % (method, url, version, self._header(), headers)

    def _header(self) -> bytes:
        return b"Proxy-Authorization: %b\r\n" % self.authorization if self.authorization else b""


def parse_proxy(url: str) -> Proxy:
    """Return the proxy that ``http[s]://[user:password@]host[:port]`` means.

    Raises:
        ValueError: it is another kind of proxy, or no URL; the message holds no password.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"a proxy must be http://host:port or https://host:port, not {parts.scheme}://…")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # Its message may hold half of a password with a slash in it.
        raise ValueError("a proxy's port must be a number") from None
    authorization = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = b"Basic " + base64.b64encode(credentials.encode())
    return Proxy(origin=Origin(parts.scheme, parts.hostname, port), authorization=authorization)


class Proxies:
    """The proxies of an environment.

    ``https_proxy`` leads to ``https`` origins (the loader takes it from
    ``HTTPS_PROXY``), ``HTTP_PROXY`` to ``http`` ones, ``NO_PROXY`` lists hosts that
    are reached directly: names with all below them, addresses, networks, ``*``.
    Loopback is always reached directly: no proxy can.
    """

    def __init__(self, *, https_proxy: str | None, environ: Mapping[str, str]) -> None:
        http_proxy = environ.get("HTTP_PROXY") or environ.get("http_proxy")
        self._https = parse_proxy(https_proxy) if https_proxy else None
        self._http = parse_proxy(http_proxy) if http_proxy else None
        no_proxy = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
        self._direct = [entry.lower() for entry in re.split(r"[\s,]+", no_proxy) if entry]

    def of(self, origin: Origin) -> Proxy | None:
        """Return the proxy to ``origin``; None means directly."""
        proxy = self._https if origin.scheme == "https" else self._http
        if proxy is None or _is_loopback(origin.host):
            return None
        return None if any(_covers(entry, origin) for entry in self._direct) else proxy


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address_of(host)
    return address.is_loopback if address else host.lower() == "localhost"


def _covers(entry: str, origin: Origin) -> bool:
    """Tell whether one entry of ``NO_PROXY`` means ``origin``."""
    if entry == "*":
        return True
    address = _address_of(origin.host)
    if "/" in entry and address is not None:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, _, port = entry.rpartition(":")
    if name and port.isdigit() and (":" not in name or name.endswith("]")):
        if int(port) != origin.port:
            return False
        entry = name
    host = origin.host.lower()
    entry = entry.removeprefix("*").strip("[].")
    return host == entry or (address is None and host.endswith("." + entry))
