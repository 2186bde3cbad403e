"""From a name to everything that the meter must know."""

import pytest

from config.catalog import PASSED_NAMES_MAX, Catalog, Rates
from config.errors import UnknownModelError
from config.loader import load_settings
from config.settings import Settings

HOME = {"HOME": "/home-of-tests"}


@pytest.fixture
def openai() -> Settings:
    return load_settings(None, HOME | {"OPENAI_API_KEY": "sk"})


@pytest.fixture
def catalog(openai: Settings) -> Catalog:
    return Catalog(openai)


def test_names_are_those_of_the_file_in_its_order(catalog: Catalog) -> None:
    assert catalog.names() == [
        "simulated",
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-5",
        "gpt-5-mini",
    ]


def test_configured_model_is_resolved_to_its_own_limits(catalog: Catalog) -> None:
    spec = catalog.resolve("gpt-4o")
    assert (spec.provider, spec.upstream_model, spec.encoding) == ("openai", "gpt-4o", "o200k_base")
    assert (spec.context_tokens, spec.max_completion_tokens) == (128_000, 16_384)
    assert spec.rates == Rates(prompt=1_000_000, cached=1_000_000, completion=1_000_000)
    assert catalog.resolve("gpt-4o") is spec


def test_unknown_name_is_passed_through_at_the_default_rate(catalog: Catalog) -> None:
    spec = catalog.resolve("gpt-6-astra")
    assert (spec.name, spec.upstream_model, spec.provider) == ("gpt-6-astra", "gpt-6-astra", "openai")
    assert spec.rates.prompt == 1_000_000


def test_unknown_name_is_refused_without_a_star() -> None:
    catalog = Catalog(load_settings(None, HOME))
    with pytest.raises(UnknownModelError, match="'gpt-4o'") as error:
        catalog.resolve("gpt-4o")
    assert error.value.name == "gpt-4o"


@pytest.mark.parametrize("name", ["", "*", "x" * 257])
def test_what_can_be_no_name_is_refused_even_with_a_star(catalog: Catalog, name: str) -> None:
    with pytest.raises(UnknownModelError):
        catalog.resolve(name)


def test_passed_names_are_remembered_but_not_without_bound(catalog: Catalog) -> None:
    first = catalog.resolve("name-0")
    for number in range(PASSED_NAMES_MAX + 1):
        catalog.resolve(f"name-{number}")
    assert catalog.resolve("name-0") is first
    assert catalog.resolve(f"name-{PASSED_NAMES_MAX}").upstream_model == f"name-{PASSED_NAMES_MAX}"
    assert len(catalog._passed) == PASSED_NAMES_MAX


@pytest.mark.parametrize(
    ("name", "encoding", "reply_primer", "stop_token"),
    [
        ("gpt-4o-2024-11-20", "o200k_base", 3, True),
        ("chatgpt-4o-latest", "o200k_base", 3, True),
        ("gpt-4.1-nano", "o200k_base", 3, True),
        ("gpt-4.5-preview", "o200k_base", 3, True),
        ("gpt-41", "o200k_base", 3, True),
        ("ft:gpt-4.1-mini-2025-04-14:org::id", "o200k_base", 3, True),
        ("openai/gpt-4o", "o200k_base", 3, True),
        ("gpt-4", "cl100k_base", 3, False),
        ("gpt-4-turbo", "cl100k_base", 3, False),
        ("ft:gpt-3.5-turbo:org::id", "cl100k_base", 3, False),
        ("gpt-35-turbo", "cl100k_base", 3, False),
        ("text-embedding-3-small", "cl100k_base", 3, False),
        ("gpt-5.1-codex", "o200k_base", 2, True),
        ("gpt-6-astra", "o200k_base", 2, True),
        ("gpt-oss:20b", "o200k_base", 2, True),
        ("o3-mini", "o200k_base", 2, True),
        ("o4-mini", "o200k_base", 2, True),
        ("o1", "o200k_base", 3, True),
        ("qwen3", "o200k_base", 3, False),
    ],
)
def test_the_family_of_a_name_decides_how_it_is_counted(
    catalog: Catalog, name: str, encoding: str, reply_primer: int, *, stop_token: bool
) -> None:
    spec = catalog.resolve(name)
    assert (spec.encoding, spec.reply_primer, spec.stop_token) == (encoding, reply_primer, stop_token)


def test_rate_version_changes_exactly_when_a_rate_does() -> None:
    rates = Rates(prompt=1, cached=2, completion=3)
    assert rates.version == Rates(prompt=1, cached=2, completion=3).version
    others = [Rates(prompt=2, cached=2, completion=3), Rates(prompt=1, cached=1, completion=3)]
    others.append(Rates(prompt=1, cached=2, completion=4))
    assert len({rates.version, *(other.version for other in others)}) == 4
