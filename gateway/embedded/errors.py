"""What can go wrong with the embedded servers.

::

    EmbeddedError    nothing was left running; one line says what to do
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class EmbeddedError(Exception):
    """The embedded servers can't run; the text is one line for the operator."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of the file system below the state directory into one line.

    Raises:
        EmbeddedError: reading or writing failed.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        where = error.filename or path
        raise EmbeddedError(
            f"the embedded servers can't be started in {path} ({where}: {reason}); "
            "correct that, or choose another directory with --state-dir or FAREBOX_STATE_DIR"
        ) from error
