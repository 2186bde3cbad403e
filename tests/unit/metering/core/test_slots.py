"""Who serves a bucket, from what the nodes of a cluster say."""

import pytest

from config.hosts import Address
from metering.core.slots import SLOTS, Claim, masters_of, parse_view, slot_of
from metering.keys import BUCKETS

A, B, C = Address("10.0.0.1", 6379), Address("10.0.0.2", 6379), Address("10.0.0.3", 6380)
ASKED = Address("seed", 7000)
ALL = (range(SLOTS),)
VIEW = """\
a1 10.0.0.1:6379@16379 myself,master - 0 0 3 connected 0-5460 [5461->-b2]
b2 10.0.0.2:6379@16379,node-b master - 0 1 5 connected 5461-10922 16000
c3 10.0.0.3:6380@16380 master,fail - 1 1 4 disconnected 10923-15999
d4 10.0.0.4:6379@16379 slave b2 0 1 5 connected
e5 10.0.0.5:6379@16379 handshake - 0 0 0 disconnected
f6 :0@0 slave,fail,noaddr - 1 1 4 disconnected
vars currentEpoch 6 lastVoteEpoch 0
"""


def test_masters_that_live_claim_their_slots() -> None:
    view = parse_view(VIEW, ASKED, tls=False)
    assert view.claims == (
        Claim(A, 3, (range(5461),)),
        Claim(B, 5, (range(5461, 10_923), range(16_000, 16_001))),
    )


def test_replicas_are_remembered_since_one_may_be_all_that_is_left() -> None:
    assert {address.host for address in parse_view(VIEW, ASKED, tls=False).addresses} == {
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.4",
    }


def test_node_that_does_not_know_its_address_is_where_it_was_asked() -> None:
    view = parse_view("a1 :7000@17000 myself,master - 0 0 1 connected 0-16383", ASKED, tls=False)
    assert view.claims == (Claim(ASKED, 1, ALL),)


@pytest.mark.parametrize(("tls", "host"), [(True, "node-b"), (False, "10.0.0.2")])
def test_certificate_is_for_the_name(tls: bool, host: str) -> None:  # noqa: FBT001 - a table
    line = "b2 10.0.0.2:6379@16379,node-b,shard-id=1 master - 0 1 5 connected 0-16383"
    assert parse_view(line, ASKED, tls=tls).claims[0].address.host == host


@pytest.mark.parametrize(
    ("claims", "master"),
    [
        ([Claim(A, 1, ALL)], A),
        ([Claim(A, 1, ALL), Claim(B, 2, ALL)], B),  # a node that was cut off still believes in A
        ([Claim(B, 2, ALL), Claim(A, 1, ALL)], B),
        ([], None),
        ([Claim(A, 1, ())], None),
    ],
)
def test_newest_claim_wins(claims: list[Claim], master: Address | None) -> None:
    assert masters_of(claims) == [master] * BUCKETS


def test_buckets_are_spread_over_all_masters() -> None:
    thirds = [range(SLOTS * n // 3, SLOTS * (n + 1) // 3) for n in range(3)]
    masters = masters_of([Claim(at, 1, (third,)) for at, third in zip((A, B, C), thirds, strict=True)])
    assert all(masters.count(at) > BUCKETS // 4 for at in (A, B, C))


def test_slot_is_that_of_the_tag_as_redis_says() -> None:
    # CLUSTER KEYSLOT "{b0}e", "{b17}a:x", "{b1023}d"
    assert [slot_of(0), slot_of(17), slot_of(1023)] == [6939, 1307, 10080]
