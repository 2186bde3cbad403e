"""What the books refuse.

MeteringError
└── ChangeRefusedError   the change would make the ledger say something that is not so
"""

from metering.errors import MeteringError


class ChangeRefusedError(MeteringError):
    """A change that the ledger can't take; the text says what to write instead, ``param`` where."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
