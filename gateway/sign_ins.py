"""Sign-ins that fail are counted, for each address and in all; who has failed too often has to wait.

The count is this process's, so N workers let N times as many through; it is exact under concurrency, since a place is
taken before anything is waited for. All that is kept are the failures of the last minute, never more than the total.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from math import ceil

from gateway.addresses import Address
from gateway.errors import ApiError

WINDOW_SECONDS = 60.0
HOME_PREFIX = 64  # what one customer of a provider has of IPv6: all of it counts as one address


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One sign-in that failed, or is not decided yet; ``at`` is a reading of the clock."""

    at: float
    name: str


class SignIns:
    """The failures of the last minute, and the attempts that are not decided yet."""

    def __init__(self, *, each: int, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = each
        self._total = total
        self._clock = clock
        self._attempts: deque[Attempt] = deque()
        self._by_address: Counter[str] = Counter()

    def begin(self, address: Address | None) -> Attempt:
        """Take a place for an attempt, which counts as failed until it is forgiven. Raises ApiError (429)."""
        now, name = self._clock(), name_of(address)
        self._forget(now)
        if self._by_address[name] >= self._each:
            raise self._too_many(next(one.at for one in self._attempts if one.name == name), now)
        if len(self._attempts) >= self._total:
            raise self._too_many(self._attempts[0].at, now)
        attempt = Attempt(now, name)
        self._attempts.append(attempt)
        self._by_address[name] += 1
        return attempt

    def forgive(self, attempt: Attempt) -> None:
        """Give a place back: the key was right, or nobody could tell."""
        if attempt in self._attempts:
            self._attempts.remove(attempt)
            self._lower(attempt.name)

    def _forget(self, now: float) -> None:
        while self._attempts and self._attempts[0].at <= now - WINDOW_SECONDS:
            self._lower(self._attempts.popleft().name)

    def _lower(self, name: str) -> None:
        self._by_address[name] -= 1
        if not self._by_address[name]:
            del self._by_address[name]

    @staticmethod
    def _too_many(oldest: float, now: float) -> ApiError:
        seconds = max(1, ceil(oldest + WINDOW_SECONDS - now))
        return ApiError(
            429,
            f"Too many sign-ins have failed; try again in {seconds} seconds.",
            kind="requests",
            code="rate_limit_exceeded",
            headers={"Retry-After": str(seconds)},
        )


def name_of(address: Address | None) -> str:
    """Return what failures are counted by; all whose address can't be told share one count."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, HOME_PREFIX), strict=False))
    return str(address)
