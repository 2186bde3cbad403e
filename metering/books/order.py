"""What pages may be ordered by: one column, then the time, then what tells rows apart; all up or all down."""

from typing import Any, NamedTuple

# How a column is compared, and its type. Where it may be null, null stands as the least.
AT = ("e.at", "timestamptz")
REQUEST = ("e.request_id", "uuid")
ENTRY_TAIL = (AT, ("e.version", "bigint"), ("e.seq", "integer"), ("e.account_id", "uuid"))
EVENT_TAIL = (AT, REQUEST)
IO_TAIL = (*EVENT_TAIL, ("coalesce(e.io_type, '')", "text"))
NO_UUID = "'00000000-0000-0000-0000-000000000000'"


def _named(kind: str, *names: str) -> dict[str, tuple[str, str]]:
    return {name: (f"e.{name}", kind) for name in names}


def _nullable(kind: str, least: str, *names: str) -> dict[str, tuple[str, str]]:
    return {name: (f"coalesce(e.{name}, {least})", kind) for name in names}


ENTRY_COLUMNS = {
    "at": AT,
    **_named("bigint", "amount", "delta", "balance_after", "version"),
    **_named("text", "kind", "resource"),
    **_nullable("bigint", "-1", "prompt_tokens", "completion_tokens"),
    **_nullable("text", "''", "user_id", "model", "service", "session_id", "reason", "source"),
    **_nullable("uuid", NO_UUID, "pack_id", "request_id", "key_id"),
}
EVENT_COLUMNS = {
    "at": AT,
    "amount": ("e.charge", "bigint"),
    "request_id": REQUEST,
    **_named("bigint", "charge", "allocated_amount", "prompt_tokens", "cached_tokens", "completion_tokens"),
    **_named("bigint", "reasoning_tokens", "counted_prompt_tokens", "duration_ms"),
    **_named("text", "endpoint", "model", "provider", "resource", "source", "status", "reason"),
    **_nullable("bigint", "-1", "cost", "counted_completion_tokens"),
    **_nullable("text", "''", "user_id", "session_id", "feature", "io_type"),
    **_nullable("uuid", NO_UUID, "key_id"),
    "surplus_amount": ("(e.charge - e.allocated_amount)", "bigint"),
    "pool": (
        (
            "(CASE WHEN e.allocated_amount = 0 THEN 'surplus' WHEN e.allocated_amount = e.charge THEN 'allocated'"
            " ELSE 'hybrid' END)"
        ),
        "text",
    ),
}
IO_COLUMNS = {**EVENT_COLUMNS, "amount": ("e.amount", "bigint")}


class Order(NamedTuple):
    """The order of a page: columns and their types, all of them falling or all of them rising."""

    columns: tuple[str, ...]
    casts: tuple[str, ...]
    falls: bool

    @property
    def sql(self) -> str:
        """The ORDER BY."""
        return ", ".join(f"{column} {'DESC' if self.falls else 'ASC'}" for column in self.columns)

    @property
    def key(self) -> str:
        """The columns of the select list that say where a row stands."""
        return ", ".join(f"{column} AS k{index}" for index, column in enumerate(self.columns))

    def place_of(self, row: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a row of a page
        """Return where a row stands."""
        return tuple(row[f"k{index}"] for index in range(len(self.columns)))


class List(NamedTuple):
    """A list that has pages: what it may be sorted by, and what tells its rows apart."""

    columns: dict[str, tuple[str, str]]
    tail: tuple[tuple[str, str], ...]

    def order(self, sort: str) -> Order:
        """Return the order of ``field`` (rising) or ``-field`` (falling). Raises KeyError."""
        first = self.columns[sort.removeprefix("-")]
        columns = (first, *(column for column in self.tail if column != first))
        return Order(
            tuple(column for column, _ in columns), tuple(cast for _, cast in columns), falls=sort.startswith("-")
        )

    @property
    def sorts(self) -> tuple[str, ...]:
        """All that ``sort`` may be."""
        return tuple(sign + name for name in self.columns for sign in ("-", ""))


ENTRY_LIST = List(ENTRY_COLUMNS, ENTRY_TAIL)
EVENT_LIST = List(EVENT_COLUMNS, EVENT_TAIL)
IO_LIST = List(IO_COLUMNS, IO_TAIL)
