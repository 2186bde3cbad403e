"""Where a request comes from."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.addresses import Addresses, parse_address

OURS = Addresses(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "origin"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger may write what they like
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),  # only its end is the proxy's
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("fd00::1", "[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.1", "198.51.100.1, unknown", "None"),
        ("", "198.51.100.1", "None"),
        (None, "198.51.100.1", "None"),
    ],
)
def test_the_origin_is_what_trusted_proxies_say(peer: str | None, forwarded: str, origin: str) -> None:
    assert str(OURS.origin(peer, {"x-forwarded-for": forwarded})) == origin


def test_a_header_that_stands_twice_is_one_list() -> None:
    headers = CIMultiDict([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.9, 10.0.0.2")])
    assert str(OURS.origin("10.0.0.1", CIMultiDictProxy(headers))) == "203.0.113.9"


def test_without_a_trusted_proxy_nothing_is_believed() -> None:
    assert str(Addresses([]).origin("127.0.0.1", {"x-forwarded-for": "203.0.113.9"})) == "127.0.0.1"


def test_an_address_is_no_name() -> None:
    assert parse_address("localhost") is None
