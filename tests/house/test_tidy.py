"""What a reader may expect of every file; git says which files there are."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
CODE = {".py", ".lua", ".sql", ".sh"}
GENERATED = {"requirements.lock", "requirements-dev.lock", "requirements-build.lock", "package-lock.json"}

# Each pattern is written so that it does not match itself.
UNFINISHED = re.compile(r"[T]ODO|[F]IXME")
REGISTRY = re.compile(r"[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.(?:org|com)|[n]pmmirror\.com")
MACHINE_PATH = re.compile(r"/[h]ome/[a-z]|/[r]oot/|/[w]ork/|/[U]sers/|/opt/[w]heels")


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is tracked, or would be by ``git add``."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: git knows which files are ours")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listing.split("\0") if name]
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


def text_of(path: Path) -> str:
    """Return the text of a file, nothing for a picture."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def code_files(*suffixes: str) -> list[Path]:
    return [path for path in files() if path.suffix in suffixes]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{named(path)}:{number}: {line.strip()[:80]}"
        for path in files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_of_code_is_too_long_to_be_read_at_once() -> None:
    lengths = {named(path): text_of(path).count("\n") for path in code_files(*CODE)}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_no_function_is_too_long_to_be_seen_at_once() -> None:
    lengths = {
        f"{named(path)}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in code_files(".py")
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


def test_nothing_is_marked_as_unfinished() -> None:
    assert lines_with(UNFINISHED) == []


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is a matter of each machine, not of this project."""
    assert lines_with(REGISTRY) == []


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert lines_with(MACHINE_PATH) == []


def test_locks_hold_no_address_and_agree_with_each_other() -> None:
    pins = {}
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-build.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text
        pins[name] = set(re.findall(r"^[a-z0-9_.-]+==\S+", text, re.MULTILINE))
    assert pins["requirements.lock"] < pins["requirements-dev.lock"]


@pytest.mark.parametrize("suffix", [".sql", ".lua"])
def test_sql_and_lua_files_begin_by_saying_what_they_do(suffix: str) -> None:
    silent = [named(path) for path in code_files(suffix) if not re.match(r"-- \S", text_of(path))]
    assert silent == []
