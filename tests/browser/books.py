"""The database itself, read by plain SQL: what the pages are compared with."""

import asyncio
import threading
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, TypeVar

import asyncpg

SECONDS_MAX = 20
T = TypeVar("T")


class Books:
    """A connection with an event loop in a thread of its own: the browser's needs this thread's."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._connection = self._run(asyncpg.connect(url))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query; sums are integers."""
        return [tuple(_plain(value) for value in row) for row in self._run(self._connection.fetch(sql, *values))]

    def column(self, sql: str, *values: Any) -> list[Any]:
        """Return its first column."""
        return [row[0] for row in self.rows(sql, *values)]

    def value(self, sql: str, *values: Any) -> Any:
        """Return the one value that it finds."""
        return _plain(self._run(self._connection.fetchval(sql, *values)))

    def close(self) -> None:
        """Leave nothing running."""
        self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS_MAX)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS_MAX)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value
