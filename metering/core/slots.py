"""Which master of a cluster serves a bucket, worked out from what its nodes say.

Every node has its own opinion, and one that is cut off has an old one: the claim with the highest configuration epoch
wins, since the cluster gives each new owner of a slot a higher one.
"""

from binascii import crc_hqx
from collections.abc import Iterable
from typing import NamedTuple

from config.hosts import Address
from metering.keys import BUCKETS

SLOTS = 16_384
FIELDS = 8  # of a line of CLUSTER NODES, before its slots
ADDRESS, FLAGS, EPOCH = 1, 2, 6


def slot_of(bucket: int) -> int:
    """Return the slot of a bucket's keys: of a key with a tag in braces, only the tag counts."""
    return crc_hqx(b"b%d" % bucket, 0) % SLOTS


class Claim(NamedTuple):
    """A master, as one node sees it: the slots that it serves, and since which configuration epoch."""

    address: Address
    epoch: int
    slots: tuple[range, ...]


class View(NamedTuple):
    """What one node says: all addresses that it knows, and the masters."""

    addresses: frozenset[Address]
    claims: tuple[Claim, ...]


def parse_view(text: str, asked: Address, *, tls: bool) -> View:
    """Return what a node answered to CLUSTER NODES. ``asked``: where it was reached, if it does not say so itself."""
    addresses: set[Address] = set()
    claims: list[Claim] = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < FIELDS:
            continue
        flags = fields[FLAGS].split(",")
        address = _address(fields[ADDRESS], asked, myself="myself" in flags, tls=tls)
        if address is None or "handshake" in flags:
            continue
        addresses.add(address)
        if "master" in flags and "fail" not in flags:
            # In brackets stand slots that are on their way: until they arrive, they are served here.
            slots = tuple(_slots(part) for part in fields[FIELDS:] if not part.startswith("["))
            claims.append(Claim(address, int(fields[EPOCH]), slots))
    return View(frozenset(addresses), tuple(claims))


def masters_of(claims: Iterable[Claim]) -> list[Address | None]:
    """Return the master of each bucket, or None where nobody claims its slot."""
    by_epoch = sorted(set(claims), key=lambda claim: claim.epoch, reverse=True)
    return [
        next((claim.address for claim in by_epoch if any(slot in slots for slots in claim.slots)), None)
        for slot in map(slot_of, range(BUCKETS))
    ]


def _address(text: str, asked: Address, *, myself: bool, tls: bool) -> Address | None:
    """Return the address in ``ip:port@busport,hostname``; a certificate names the host, not its number."""
    place, _, names = text.partition(",")
    host, _, port = place.partition("@")[0].rpartition(":")
    name = names.partition(",")[0]
    host = (name if tls and name and "=" not in name else host) or (asked.host if myself else "")
    return Address(host.strip("[]"), int(port)) if host and port.isdigit() else None


def _slots(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
