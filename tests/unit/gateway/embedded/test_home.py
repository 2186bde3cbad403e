"""The small files beside a server's data."""

import os
from pathlib import Path

import pytest

from gateway.embedded.home import LOG_BYTES_MAX, Home, make_folder, open_locked, write_private
from gateway.embedded.identity import Identity


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path, "valkey", Identity(os.geteuid(), os.getegid(), changes=False))
    home.prepare()
    return home


def test_password_is_made_once_and_private(home: Home) -> None:
    password = home.password()
    assert len(password) == 48
    assert home.password() == password
    assert (home.path / "password").stat().st_mode & 0o777 == 0o600


def test_an_empty_password_file_is_not_a_password(home: Home) -> None:
    (home.path / "password").touch()
    assert home.password()


def test_numbers_are_kept_and_damage_is_none(home: Home) -> None:
    assert home.read_number("port") is None
    home.write_number("port", 20_001)
    assert home.read_number("port") == 20_001
    (home.path / "port").write_text("torn")
    assert home.read_number("port") is None


def test_log_tail_begins_where_this_start_began(home: Home) -> None:
    home.log.write_text("old\n")
    start = home.log_bytes()
    assert home.log_tail(start) == []
    with home.log.open("a") as log:
        log.write("new\nlast\n")
    assert home.log_tail(start) == ["new", "last"]


def test_a_long_log_is_set_aside(home: Home) -> None:
    with home.log.open("wb") as log:
        log.truncate(LOG_BYTES_MAX + 1)
    home.prepare()
    assert home.log_bytes() == 0
    assert home.log.with_suffix(".log.1").stat().st_size == LOG_BYTES_MAX + 1


def test_private_file_replaces_a_left_draft(tmp_path: Path) -> None:
    (tmp_path / "secret.new").write_text("left by a crash, too long")
    write_private(tmp_path / "secret", "short")
    assert (tmp_path / "secret").read_text() == "short"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_folder_gets_its_mode_whatever_the_umask_is(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        make_folder(tmp_path / "folder", 0o711)
    finally:
        os.umask(umask)
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o711


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    first = open_locked(tmp_path / "lock")
    assert first is not None
    assert open_locked(tmp_path / "lock") is None
    os.close(first)
    second = open_locked(tmp_path / "lock")
    assert second is not None
    os.close(second)
