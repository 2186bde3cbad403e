"""Keys that are made once and kept in the state directory, in files that only their owner may read."""

import os
from pathlib import Path


class KeepError(Exception):
    """The state directory can't be read or written; the text is one line for the operator."""


def kept(path: Path) -> str | None:
    """Return the text of a file, or None when there is none. Raises KeepError."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeepError(f"{path} can't be read: {error.strerror or error}; see --state-dir") from error


def keep(path: Path, text: str) -> str:
    """Write a file that must not exist yet; return ``text``. Raises KeepError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise KeepError(f"{path} can't be written: {error.strerror or error}; see --state-dir") from error
    return text
