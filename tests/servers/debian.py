"""Programs of Debian packages, for tests on servers that no wheel brings; unpacked beside the system, never installed.

They are kept in the system's temporary folder, so that the next run finds them. What can't be had raises
``MissingError``, whose text says why: its tests are skipped with it.
"""

import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SECONDS_MAX = 120.0
INSTALL_SECONDS_MAX = 600.0


class MissingError(Exception):
    """The program is not here, and can't be had."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and what it needs in its environment to find its libraries."""

    path: Path
    environment: dict[str, str]

    def said(self, *arguments: str) -> str:
        """Return what it prints."""
        done = subprocess.run(
            [self.path, *arguments], capture_output=True, text=True, check=False, env=self.environment
        )
        return done.stdout + done.stderr


def find_redis7() -> Program:
    """Return Redis 7.0: Debian 12's. Raises MissingError."""
    program = _find("redis-server", "redis-server", "redis-tools", "libjemalloc2", "liblzf1")
    version = program.said("--version")
    if "v=7.0." not in version:
        raise MissingError(f"redis-server is not 7.0: {version.strip() or 'it does not run'}")
    return program


def find_pgbouncer() -> Program:
    """Return PgBouncer. Raises MissingError."""
    program = _find("pgbouncer", "pgbouncer", "libevent-2.1-7", "libc-ares2")
    if not program.said("--version").startswith("PgBouncer"):
        raise MissingError(f"pgbouncer does not run: {program.said('--version').strip()}")
    return program


def find_chromium() -> Program:
    """Return Chromium. As root it is installed where it is missing: it needs more packages than can be laid beside.

    Raises MissingError.
    """
    if not shutil.which("chromium"):
        if os.getuid() != 0 or not shutil.which("apt-get"):
            raise MissingError("chromium is not installed; on Debian: apt-get install chromium")
        install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"]
        folder = Path(tempfile.gettempdir())
        try:
            _run(install, folder, INSTALL_SECONDS_MAX)
        except MissingError:
            _run(["apt-get", "update", "-q"], folder)  # a fresh machine has no lists yet
            _run(install, folder, INSTALL_SECONDS_MAX)
    program = Program(Path(shutil.which("chromium") or ""), {})
    if "Chromium" not in program.said("--version"):
        raise MissingError("chromium does not run")
    return program


def _find(name: str, *packages: str) -> Program:
    found = _tried(name, packages)
    if isinstance(found, MissingError):
        raise found
    return found


@cache
def _tried(name: str, packages: tuple[str, ...]) -> Program | MissingError:
    """Return the program, or why there is none: a run without network finds that out once."""
    try:
        return _program(name, packages)
    except MissingError as error:
        return error


def _program(name: str, packages: tuple[str, ...]) -> Program:
    installed = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if installed:
        return Program(Path(installed), {"LANG": "C.UTF-8"})
    root = _unpacked(packages)
    found = next((folder / name for folder in (root / "usr/bin", root / "usr/sbin") if (folder / name).exists()), None)
    if found is None:
        raise MissingError(f"the packages {', '.join(packages)} have no {name}")
    libraries = ":".join(str(path) for path in sorted((root / "usr/lib").glob("*-linux-gnu*")))
    return Program(found, {"LANG": "C.UTF-8", "LD_LIBRARY_PATH": libraries})


def _unpacked(packages: tuple[str, ...]) -> Path:
    root = _own_folder() / packages[0]
    if root.is_dir():
        return root
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise MissingError(f"{packages[0]} is not installed, and there is no apt-get to fetch it with")
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        draft = Path(folder) / "root"
        _fetch(packages, Path(folder))
        for package in sorted(Path(folder).glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), str(draft)], Path(folder))
        try:
            draft.rename(root)
        except OSError:
            if not root.is_dir():  # else another run was faster
                raise
    return root


def _own_folder() -> Path:
    """Return a folder that is ours, which everybody may enter: the servers run as another user."""
    folder = Path(tempfile.gettempdir()) / f"farebox-tests-debian-{os.getuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise MissingError(f"{folder} belongs to somebody else")
    return folder


def _fetch(packages: tuple[str, ...], folder: Path) -> None:
    fetch = ["apt-get", "download", "-q", *packages]
    try:
        _run(fetch, folder)
    except MissingError:
        if os.getuid() != 0:
            raise
        _run(["apt-get", "update", "-q"], folder)  # a fresh machine has no lists yet
        _run(fetch, folder)


def _run(command: list[str], folder: Path, seconds_max: float = SECONDS_MAX) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=seconds_max)
    except subprocess.TimeoutExpired as error:
        raise MissingError(f"{' '.join(command[:2])} takes too long") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise MissingError(f"{' '.join(command[:2])} failed: {lines[-1] if lines else 'without a word'}")
