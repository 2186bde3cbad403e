"""Who may enter what."""

import os
from pathlib import Path

import pytest

from gateway.embedded.identity import Identity, may_reach, own, run_identity

STRANGER = Identity(uid=54321, gid=54321, changes=True)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "program").touch(mode=0o755)
    return folder / "program"


def test_we_ourselves_reach_everything(program: Path) -> None:
    ourselves = Identity(os.geteuid(), os.getegid(), changes=False)
    program.parent.chmod(0o700)
    assert may_reach(ourselves, program)


def test_a_private_folder_above_keeps_others_out(program: Path) -> None:
    assert not may_reach(STRANGER, program)  # pytest's own folders are private


def test_a_system_program_is_reached_by_anybody() -> None:
    assert may_reach(STRANGER, Path("/bin/sh"))


def test_the_owner_and_the_group_have_bits_of_their_own() -> None:
    root = Path("/")
    owner = Identity(uid=root.stat().st_uid, gid=0, changes=True)
    group = Identity(uid=54321, gid=root.stat().st_gid, changes=True)
    assert may_reach(owner, root)
    assert may_reach(group, root)


def test_nothing_is_given_away_when_we_run_the_servers_ourselves(program: Path) -> None:
    before = program.stat().st_uid
    own(Identity(uid=54321, gid=54321, changes=False), program.parent)
    assert program.stat().st_uid == before


def test_root_hands_the_servers_to_nobody_and_others_keep_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert run_identity().changes
    assert run_identity().name == "nobody"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert not run_identity().changes
