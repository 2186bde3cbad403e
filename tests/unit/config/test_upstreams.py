"""Which providers and models are usable, and what their rates are."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.loader import load_settings
from config.settings import Settings

HOME = {"HOME": "/home-of-tests"}


def load(tmp_path: Path, text: str, environ: Mapping[str, str] = HOME) -> Settings:
    file = tmp_path / "my.toml"
    file.write_text(text)
    return load_settings(file, environ)


def refusal(tmp_path: Path, text: str, environ: Mapping[str, str] = HOME) -> str:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text, environ)
    assert len(error.value.problems) == 1
    return str(error.value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{}", (1_000_000, 1_000_000, 1_000_000)),
        ("{ prompt = 2 }", (2_000_000, 2_000_000, 1_000_000)),
        ("{ prompt = 2, cached = 0.1 }", (2_000_000, 100_000, 1_000_000)),
        ('{ prompt = "0.000001", completion = "4.25" }', (1, 1, 4_250_000)),
        ("{ prompt = 0, cached = 0, completion = 0 }", (0, 0, 0)),
    ],
)
def test_rates_are_exact_millionths(tmp_path: Path, written: str, expected: tuple[int, int, int]) -> None:
    rates = load(tmp_path, f"[models.simulated]\nrates = {written}").models["simulated"].rates
    assert (rates["prompt"], rates["cached"], rates["completion"]) == expected


@pytest.mark.parametrize(
    "written",
    [
        "{ prompt = 0.0000001 }",
        "{ prompt = -1 }",
        "{ prompt = nan }",
        "{ prompt = true }",
        "{ pictures = 1 }",
        "[1]",
    ],
)
def test_rates_that_would_be_rounded_or_make_no_sense_are_refused(tmp_path: Path, written: str) -> None:
    assert "models.simulated.rates: must be" in refusal(tmp_path, f"[models.simulated]\nrates = {written}")


def test_safety_factor_is_stored_in_millionths(tmp_path: Path) -> None:
    settings = load(tmp_path, "[models.simulated]\nsafety_factor = 1.15")
    assert settings.models["simulated"].safety_factor == 1_150_000


def test_default_hold_follows_a_small_model_down(tmp_path: Path) -> None:
    settings = load(tmp_path, "[models.simulated]\nmax_completion_tokens = 512")
    assert settings.models["simulated"].default_hold_tokens == 512


def test_upstream_model_is_the_name_unless_written(tmp_path: Path) -> None:
    settings = load(tmp_path, "[models.small]\nprovider = 'simulated'\nupstream_model = 'tiny'")
    assert settings.models["small"].upstream_model == "tiny"
    assert settings.models["simulated"].upstream_model == "simulated"


def test_a_provider_that_needs_no_key_needs_no_variable(tmp_path: Path) -> None:
    text = "[providers.local]\nbase_url = 'http://127.0.0.1:8000/v1'\n[models.m]\nprovider = 'local'\n"
    assert load(tmp_path, text).providers["local"].api_key is None


def test_a_changed_provider_without_its_key_is_a_problem(tmp_path: Path) -> None:
    text = "[providers.openai]\nbase_url = 'http://127.0.0.1:8000/v1'\n"
    assert "providers.openai: the variable OPENAI_API_KEY is not set; set" in refusal(tmp_path, text)


def test_a_packaged_provider_can_be_pointed_at_a_server_without_keys(tmp_path: Path) -> None:
    text = "[providers.openai]\nbase_url = 'http://127.0.0.1:8000/v1'\napi_key_env = ''\n"
    settings = load(tmp_path, text)
    assert settings.providers["openai"].api_key is None
    assert "gpt-4o" in settings.models


def test_a_model_that_was_written_does_not_vanish_with_its_keyless_provider(tmp_path: Path) -> None:
    message = refusal(tmp_path, "[models.mine]\nprovider = 'openai'\n")
    assert "the provider 'openai' is left out, because OPENAI_API_KEY is not set" in message


def test_a_key_of_several_lines_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY holds more than one line") as error:
        load_settings(None, HOME | {"OPENAI_API_KEY": "sk-1\nsk-2"})
    assert "sk-1" not in str(error.value)


def test_disabled_providers_and_models_are_left_out(tmp_path: Path) -> None:
    text = "[providers.openai]\nenabled = false\n[models.other]\nprovider = 'simulated'\nenabled = false\n"
    settings = load(tmp_path, text, HOME | {"OPENAI_API_KEY": "sk"})
    assert list(settings.providers) == ["simulated"]
    assert list(settings.models) == ["simulated"]


def test_a_configuration_without_any_model_is_refused(tmp_path: Path) -> None:
    assert "models: no model is left" in refusal(tmp_path, "[models.simulated]\nenabled = false\n")


def test_fallbacks_must_exist(tmp_path: Path) -> None:
    message = refusal(tmp_path, "[models.simulated]\nfallbacks = ['gpt-4-o']\n")
    assert "no other model is called 'gpt-4-o'; did you mean 'gpt-4o'?" in message


def test_a_model_is_no_fallback_of_itself(tmp_path: Path) -> None:
    assert "no other model is called" in refusal(tmp_path, "[models.simulated]\nfallbacks = ['simulated']\n")


def test_fallbacks_that_are_left_out_are_dropped(tmp_path: Path) -> None:
    text = "[models.b]\nprovider = 'simulated'\n[models.simulated]\nfallbacks = ['gpt-4o', 'b']\n"
    assert load(tmp_path, text).models["simulated"].fallbacks == ("b",)


@pytest.mark.parametrize("name", ["", "x" * 257, "line\\nbreak"])
def test_names_travel_in_headers_and_logs_so_they_are_short_and_printable(tmp_path: Path, name: str) -> None:
    assert "is not a name" in refusal(tmp_path, f'[models."{name}"]\nprovider = "simulated"\n')
