"""The addresses in a URL that may name several servers: ``scheme://user:password@host:port,host:port/database``."""

from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
REDIS_PORT = 6379
PORT_MAX = 65_535


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ClusterUrl(NamedTuple):
    """The URL of a cluster: some of its nodes, and how all of them are entered."""

    seeds: tuple[Address, ...]
    username: str | None
    password: str | None
    tls: bool

    def of_node(self, address: Address) -> str:
        """Return the URL of one node; it holds the password."""
        user = ":".join(quote(part or "", safe="") for part in (self.username, self.password))
        return f"{'rediss' if self.tls else 'redis'}://{user + '@' if self.password else ''}{address}/0"


def addresses_of(text: str, *, port: int) -> tuple[Address, ...]:
    """Return all addresses of a URL; ``port`` for those that name none. Raises ValueError: one is malformed."""
    hosts = urlsplit(text).netloc.rpartition("@")[2].split(",")
    found = [_address(host, port) for host in hosts]
    if None in found:
        # Its place only: what stands there may be a part of the password.
        raise ValueError(f"address {found.index(None) + 1} of {len(hosts)} is not host:port, separated by commas")
    return tuple(address for address in found if address)


def is_cluster(text: str) -> bool:
    """Return whether a URL of Redis leads to a cluster."""
    return text.partition("://")[0] in CLUSTER_SCHEMES


def parse_cluster_url(text: str) -> ClusterUrl:
    """Return the parts of a ``redis+cluster://`` URL. Raises ValueError, whose text says what is wrong."""
    parts = urlsplit(text)
    if parts.path not in {"", "/", "/0"} or parts.query or parts.fragment:
        raise ValueError("a cluster has one database only, and takes no options: nothing may follow its addresses")
    user, _, _ = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    return ClusterUrl(
        seeds=addresses_of(text, port=REDIS_PORT),
        username=unquote(username) or None,
        password=unquote(password) or None,
        tls=parts.scheme == "rediss+cluster",
    )


def _address(text: str, port: int) -> Address | None:
    # An IPv6 address stands in brackets, since it has colons of its own.
    host, bracket, rest = text.removeprefix("[").partition("]") if text.startswith("[") else (text, "", "")
    if not bracket:
        host, colon, number = text.partition(":")
        rest = colon + number
    number = rest.removeprefix(":")
    if not host or (rest and not (number.isascii() and number.isdigit() and 0 < int(number) <= PORT_MAX)):
        return None
    return Address(host, int(number) if rest else port)
