"""[resources]: what packs may hold beside tokens and credits."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.loader import load_settings
from config.settings import Settings

HOME = {"HOME": "/home-of-tests"}


def load(tmp_path: Path, text: str) -> Settings:
    """Load a file over the packaged one."""
    file = tmp_path / "my.toml"
    file.write_text(text)
    return load_settings(file, HOME)


def test_an_operator_adds_a_resource_and_changes_a_packaged_one(tmp_path: Path) -> None:
    text = '[resources.videos]\nlabel = "minutes"\nmin_reserve = 5\n[resources.images]\nwarning_threshold = 9\n'
    resources = load(tmp_path, text).resources
    assert list(resources) == ["images", "ocr_pages", "storage_bytes", "videos"]
    assert (resources["videos"].label, resources["videos"].min_reserve) == ("minutes", 5)
    assert (resources["images"].label, resources["images"].warning_threshold) == ("images", 9)


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("[resources.tokens]\n", "resources.tokens", "[meter]"),
        ("[resources.Videos]\n", "resources.Videos", "small letters"),
        ("[resources.videos]\nmin_reserve = -1\n", "resources.videos.min_reserve", "0"),
        (
            "[resources.videos]\nmin_reserve = 5\nwarning_threshold = 5\n",
            "resources.videos.warning_threshold",
            "higher",
        ),
        ("[resources.videos]\ncolour = 1\n", "resources.videos.colour", "did you mean"),
        ("[meter]\nreservation_seconds = 90_000\n", "meter.reservation_seconds", "smaller"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write(tmp_path: Path, text: str, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    (problem,) = error.value.problems
    assert problem.path_key.endswith(f": {key}")
    assert says in problem.hint
