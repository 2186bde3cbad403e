"""What may change while a gateway runs, and what is named as waiting for a restart."""

from dataclasses import replace

import pytest

from config.loader import load_settings
from config.relations import RELATIONS
from config.reload import PLAIN, may_change, reloaded
from config.settings import Settings
from config.sources import plain_keys


@pytest.fixture
def started() -> Settings:
    """What was read at the start."""
    return load_settings(None, {"HOME": "/home-of-tests"})


def test_the_same_again_changes_nothing(started: Settings) -> None:
    found = reloaded(started, started, started)
    assert (found.settings, found.changed, found.waiting) == (started, (), ())


def test_models_providers_and_resources_are_taken_over_and_named(started: Settings) -> None:
    model = started.models["simulated"]
    read = replace(
        started,
        models={"gpt-4.1": replace(model, name="gpt-4.1")},
        providers={**started.providers, "up": replace(started.providers["simulated"], name="up")},
        resources={},
    )
    found = reloaded(started, started, read)
    assert found.settings == read
    assert found.changed == (
        "providers.up",
        'models."gpt-4.1"',
        "models.simulated",
        "resources.images",
        "resources.ocr_pages",
        "resources.storage_bytes",
    )


def test_what_requests_ask_anew_changes_and_what_runs_waits(started: Settings) -> None:
    read = replace(started, meter=replace(started.meter, min_reserve=7, lease_seconds=50.0), top_up_url="https://a.b")
    found = reloaded(started, started, read)
    assert (found.settings.meter.min_reserve, found.settings.meter.lease_seconds) == (7, started.meter.lease_seconds)
    assert (found.changed, found.waiting) == (("meter.min_reserve",), ("top_up_url", "meter.lease_seconds"))


def test_what_waits_is_named_until_the_restart(started: Settings) -> None:
    read = replace(started, server=replace(started.server, port=9))
    first = reloaded(started, started, read)
    assert reloaded(first.settings, started, read).waiting == ("server.port",)
    assert reloaded(first.settings, started, started).waiting == ()


def test_what_was_found_since_the_start_stays_and_is_no_change(started: Settings) -> None:
    running = replace(started, postgres=replace(started.postgres, url="postgresql://embedded/farebox"))
    found = reloaded(running, started, started)
    assert found.settings.postgres.url == "postgresql://embedded/farebox"
    assert (found.changed, found.waiting) == ((), ())


def test_every_key_that_may_change_is_a_setting() -> None:
    assert set(plain_keys()) >= PLAIN


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: ".".join(relation.first))
def test_settings_that_must_fit_change_together_or_not_at_all(relation: object) -> None:
    assert may_change(relation.first) == may_change(relation.second)  # type: ignore[attr-defined]
