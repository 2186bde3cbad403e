"""Wait for a condition, never for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
SECONDS_MAX = 15.0
POLL_SECONDS = 0.01


async def eventually(check: Callable[[], T | Awaitable[T]], *, seconds: float = SECONDS_MAX) -> T:
    """Return the first true value of ``check``; fail when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        value: T = await found if inspect.isawaitable(found) else found
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {inspect.getsource(check).strip()}"
        await asyncio.sleep(POLL_SECONDS)


def eventually_now(check: Callable[[], T], *, seconds: float = SECONDS_MAX) -> T:
    """Do the same where no event loop runs."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {inspect.getsource(check).strip()}"
        time.sleep(POLL_SECONDS)
    return value
