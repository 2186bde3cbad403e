"""The database itself, read by plain SQL: what the pages are compared with."""

from decimal import Decimal
from typing import Any

import asyncpg

from tests.browser.loops import Loop


class Books:
    """A connection."""

    def __init__(self, url: str) -> None:
        self._loop = Loop()
        self._connection = self._loop.run(asyncpg.connect(url))

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query; sums are integers."""
        return [tuple(_plain(value) for value in row) for row in self._loop.run(self._connection.fetch(sql, *values))]

    def row(self, sql: str, *values: Any) -> tuple[Any, ...]:
        """Return the one row that it finds."""
        (found,) = self.rows(sql, *values)
        return found

    def column(self, sql: str, *values: Any) -> list[Any]:
        """Return its first column."""
        return [row[0] for row in self.rows(sql, *values)]

    def value(self, sql: str, *values: Any) -> Any:
        """Return the one value that it finds."""
        return _plain(self._loop.run(self._connection.fetchval(sql, *values)))

    def close(self) -> None:
        """Leave nothing running."""
        self._loop.run(self._connection.close())
        self._loop.close()


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value
