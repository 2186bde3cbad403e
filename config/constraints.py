"""What a setting may hold, written beside its type as ``Annotated[int, Range(1)]`` and read by the loader."""

from typing import NamedTuple


class Range(NamedTuple):
    """A number from ``least`` to ``most``, both included; ``most`` None means no upper bound."""

    least: float
    most: float | None = None


class Micro(NamedTuple):
    """A decimal with at most six places, stored as an integer of millionths (1.5 is 1_500_000).

    The range is in the unit that the operator writes, not in millionths.
    """

    least: int
    most: int


class Url(NamedTuple):
    """An absolute URL with one of these schemes."""

    schemes: tuple[str, ...]


class Cidr(NamedTuple):
    """An address range such as 10.0.0.0/8, or one address; hosts bits must not be set."""


class Text(NamedTuple):
    """A text that is not empty, at most ``characters_max`` long."""

    characters_max: int
