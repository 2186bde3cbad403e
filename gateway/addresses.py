"""Where a request comes from: its peer, or what a proxy that is trusted says of it."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from multidict import CIMultiDictProxy

HEADER = "x-forwarded-for"
PROTO = "x-forwarded-proto"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Addresses:
    """Tells who is behind the proxies that are trusted."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted = [ip_network(text) for text in trusted_proxies]

    def origin(self, peer: str | None, headers: Mapping[str, str]) -> Address | None:
        """Return the address that a request comes from; None: it can't be told, so no range may let it in.

        Each proxy adds the one it was called by at the end of X-Forwarded-For, so the list is believed from its end, as
        far as the proxies are ours; what stands before that, anybody may have written.
        """
        found = parse_address(peer or "")
        if found is None or not self._is_trusted(found):
            return found
        for text in reversed(_forwarded(headers)):
            found = parse_address(text)
            if found is None or not self._is_trusted(found):
                return found
        return found

    def is_secure(self, peer: str | None, headers: Mapping[str, str]) -> bool:
        """Return whether a proxy that is trusted says that it was called by TLS. The last word counts: it is ours."""
        found = parse_address(peer or "")
        said = _lines(headers, PROTO).rpartition(",")[2].strip().lower()
        return said == "https" and found is not None and self._is_trusted(found)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def parse_address(text: str) -> Address | None:
    """Return an address, with or without its port; an IPv4 one also where it is written as IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _forwarded(headers: Mapping[str, str]) -> list[str]:
    return [part for part in _lines(headers, HEADER).split(",") if part.strip()]


def _lines(headers: Mapping[str, str], name: str) -> str:
    # A plain mapping is the doorway's, which takes no request that has the header twice.
    lines = headers.getall(name, []) if isinstance(headers, CIMultiDictProxy) else [headers.get(name, "")]
    return ",".join(lines)
