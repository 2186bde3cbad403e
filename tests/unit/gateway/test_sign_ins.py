"""The throttle of sign-ins: how many fail in any minute, and for how long the next one has to wait."""

from ipaddress import ip_address

import pytest

from gateway.errors import ApiError
from gateway.sign_ins import Attempt, SignIns

ADA, BOB = ip_address("203.0.113.1"), ip_address("203.0.113.2")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(sign_ins: SignIns, address: object) -> str:
    with pytest.raises(ApiError) as caught:
        sign_ins.begin(address)  # type: ignore[arg-type] # addresses of any kind
    assert caught.value.status == 429
    return caught.value.headers["Retry-After"]


def test_a_place_is_free_again_a_minute_after_it_was_taken() -> None:
    clock = Clock()
    sign_ins = SignIns(each=2, total=10, clock=clock)
    sign_ins.begin(ADA)
    clock.now += 20.5
    sign_ins.begin(ADA)
    assert refused(sign_ins, ADA) == "40"
    clock.now += 39.5
    sign_ins.begin(ADA)
    assert refused(sign_ins, ADA) == "21"
    sign_ins.begin(BOB)


def test_the_total_is_for_everybody() -> None:
    clock = Clock()
    sign_ins = SignIns(each=2, total=3, clock=clock)
    for address in (ADA, ADA, BOB):
        sign_ins.begin(address)
    assert refused(sign_ins, BOB) == refused(sign_ins, None) == "60"
    clock.now += 60
    sign_ins.begin(None)


def test_who_was_right_has_the_place_back_once() -> None:
    sign_ins = SignIns(each=2, total=2, clock=Clock())
    attempt: Attempt = sign_ins.begin(ADA)
    sign_ins.begin(ADA)
    sign_ins.forgive(attempt)
    other = sign_ins.begin(ADA)
    sign_ins.forgive(other)
    sign_ins.forgive(other)
    refused_after = sign_ins.begin(ADA)
    assert refused_after
    refused(sign_ins, ADA)


def test_neighbours_of_one_ipv6_network_are_one() -> None:
    sign_ins = SignIns(each=1, total=10, clock=Clock())
    sign_ins.begin(ip_address("2001:db8::1"))
    refused(sign_ins, ip_address("2001:db8::ffff:1"))
    sign_ins.begin(ip_address("2001:db8:0:1::1"))


def test_nothing_is_kept_beyond_the_total() -> None:
    sign_ins = SignIns(each=10, total=5, clock=Clock())
    for number in range(5):
        sign_ins.begin(ip_address(number))
    for number in range(1000, 1100):
        refused(sign_ins, ip_address(number))
    assert len(sign_ins._attempts) == 5
    assert len(sign_ins._by_address) == 5
