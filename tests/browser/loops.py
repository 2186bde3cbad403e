"""An event loop in a thread of its own: the browser's needs the thread of the tests."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

SECONDS_MAX = 20
T = TypeVar("T")


class Loop:
    """Runs until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what comes of some work there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS_MAX)

    def call(self, work: Callable[..., T], *given: Any) -> T:
        """Call a function there, which needs the loop or may not meet another one; return what it does."""

        async def called() -> T:
            return work(*given)

        return self.run(called())

    def close(self) -> None:
        """Leave nothing running."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS_MAX)
        self._loop.close()
