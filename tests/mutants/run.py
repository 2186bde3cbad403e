"""``make mutants``: try every seeded bug on a copy of the tree, and report which ones the tests noticed.

Arguments choose bugs by parts of their names. ``FAREBOX_PYTEST`` may hold arguments for pytest.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.seeded import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 600
# The first failure is enough: nothing is made smaller, and a bug is met within a few examples.
ENVIRONMENT = {**os.environ, "MODEL_SHRINK": "no", "MODEL_EXAMPLES": "150"}
SURVIVED = 0  # pytest's exit status


def copy_of_tree(folder: Path) -> Path:
    """Return a copy of everything that git knows or would; the tools are those of the tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return folder


def fails(tree: Path, test: str) -> bool:
    """Return whether a test fails there; one that never ends has noticed something too."""
    extra = shlex.split(os.environ.get("FAREBOX_PYTEST", ""))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *extra, test]
    try:
        done = subprocess.run(command, cwd=tree, env=ENVIRONMENT, capture_output=True, check=False, timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return True
    # 1: a test failed. Anything else means that no test ran, which proves nothing.
    assert done.returncode in {SURVIVED, 1}, done.stdout.decode()[-2000:]
    return done.returncode != SURVIVED


def try_one(tree: Path, mutant: Mutant) -> bool:
    """Return whether a bug was noticed; the tree is whole again afterwards."""
    path = tree / mutant.file
    whole = path.read_text()
    assert whole.count(mutant.old) == 1, f"{mutant.name}: its text is not in {mutant.file} exactly once"
    path.write_text(whole.replace(mutant.old, mutant.new))
    try:
        return fails(tree, mutant.test)
    finally:
        path.write_text(whole)


def main(names: list[str]) -> int:
    """Try the bugs; return 0 when all were noticed."""
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    killed = 0
    with tempfile.TemporaryDirectory(prefix="farebox-mutants-") as folder:
        Path(folder).chmod(0o711)
        tree = copy_of_tree(Path(folder))
        for mutant in chosen:
            started = time.monotonic()
            noticed = try_one(tree, mutant)
            killed += noticed
            word = "killed  " if noticed else "SURVIVED"
            say(f"{word} {time.monotonic() - started:5.1f} s  {mutant.name}  ({mutant.test})")
    say(f"{killed} of {len(chosen)} killed")
    return 0 if killed == len(chosen) else 1


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
