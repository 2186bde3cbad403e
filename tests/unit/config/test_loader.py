"""Defaults, then a file, then the environment, then the command line; every problem at once."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from config.errors import ConfigError, ConfigProblem
from config.loader import PACKAGED_FILE, load_settings
from config.settings import Settings
from config.sources import sections

HOME = {"HOME": "/home-of-tests"}
KEY = {"OPENAI_API_KEY": "sk-test"}


def load(tmp_path: Path, text: str, environ: Mapping[str, str] = HOME, **overrides: object) -> Settings:
    file = tmp_path / "my.toml"
    file.write_text(text)
    return load_settings(file, environ, overrides)


def problems(tmp_path: Path, text: str, environ: Mapping[str, str] = HOME) -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text, environ)
    return list(error.value.problems)


def keys(found: list[ConfigProblem]) -> list[str]:
    return [problem.path_key.rpartition(": ")[2] for problem in found]


def test_packaged_file_says_what_the_classes_say() -> None:
    settings = load_settings(None, HOME)
    for name, kind in sections().items():
        assert getattr(settings, name) == kind()


def test_without_a_key_only_the_simulated_model_is_left() -> None:
    settings = load_settings(None, HOME)
    assert list(settings.providers) == ["simulated"]
    assert list(settings.models) == ["simulated"]


def test_with_a_key_openai_answers_its_models_and_every_other_name() -> None:
    settings = load_settings(None, HOME | KEY)
    assert settings.providers["openai"].api_key == "sk-test"
    assert {"gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-5", "gpt-5-mini", "*"} < set(settings.models)


def test_later_sources_win(tmp_path: Path) -> None:
    text = '[server]\nhost = "10.0.0.1"\nport = 1\nworkers = 2\n'
    environ = HOME | {"FAREBOX_PORT": "2", "FAREBOX_WORKERS": "3"}
    settings = load(tmp_path, text, environ, **{"server.workers": 4})
    assert settings.server.host == "10.0.0.1"
    assert settings.server.port == 2
    assert settings.server.workers == 4


def test_overrides_that_were_not_given_change_nothing() -> None:
    assert load_settings(None, HOME, {"server.port": None}).server.port == 8080


def test_a_copy_of_the_packaged_file_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, PACKAGED_FILE.read_text()) == load_settings(None, HOME)


def test_farebox_config_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("[server]\nport = 9\n")
    settings = load_settings(None, HOME | {"FAREBOX_CONFIG": str(tmp_path / "my.toml")})
    assert settings.server.port == 9


@pytest.mark.parametrize(
    ("variable", "value", "section", "name", "expected"),
    [
        ("FAREBOX_DATABASE_URL", "postgresql://h/d", "postgres", "url", "postgresql://h/d"),
        ("FAREBOX_REDIS_URL", "redis+cluster://h:7000", "redis", "url", "redis+cluster://h:7000"),
        ("FAREBOX_REDIS_URL", "redis+cluster://h:1,i:2", "redis", "url", "redis+cluster://h:1,i:2"),
        ("FAREBOX_DATABASE_URL", "postgresql://a:1,b:2/d", "postgres", "url", "postgresql://a:1,b:2/d"),
        ("FAREBOX_POSTGRES_POOLING", "transaction", "postgres", "pooling", "transaction"),
        ("FAREBOX_ADMIN_KEY", "fbx_admin", "auth", "admin_key", "fbx_admin"),
        ("FAREBOX_HOST", "0.0.0.0", "server", "host", "0.0.0.0"),
        ("FAREBOX_METER_MIN_RESERVE", "1_000", "meter", "min_reserve", 1000),
        ("FAREBOX_METER_WARNING_THRESHOLD", "5", "meter", "warning_threshold", 5),
        ("FAREBOX_METER_FLOOR", "keep", "meter", "floor", "keep"),
        ("FAREBOX_SERVER_LOG_REQUESTS", "no", "server", "log_requests", False),
        ("FAREBOX_SERVER_TRUSTED_PROXIES", "10.0.0.0/8, ::1", "server", "trusted_proxies", ("10.0.0.0/8", "::1/128")),
        ("FAREBOX_REDIS_TIMEOUT_SECONDS", "0.5", "redis", "timeout_seconds", 0.5),
        ("HTTPS_PROXY", "http://proxy:3128", "upstream", "proxy", "http://proxy:3128"),
    ],
)
def test_variables_set_their_setting(variable: str, value: str, section: str, name: str, expected: object) -> None:
    settings = load_settings(None, HOME | {variable: value})
    assert getattr(getattr(settings, section), name) == expected


@pytest.mark.parametrize(("written", "expected"), [("http://ours", "http://ours"), ("", None)])
def test_a_written_proxy_wins_over_the_one_of_the_machine(tmp_path: Path, written: str, expected: str | None) -> None:
    environ = HOME | {"HTTPS_PROXY": "http://theirs"}
    assert load(tmp_path, f"[upstream]\nproxy = '{written}'\n", environ).upstream.proxy == expected


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(None, HOME | {"FAREBOX_REDIS_URL": "", "FAREBOX_PORT": ""}).server.port == 8080


def test_variables_that_kubernetes_sets_for_a_service_are_no_settings() -> None:
    links = {
        "FAREBOX_PORT": "tcp://10.0.0.1:80",
        "FAREBOX_SERVICE_HOST": "10.0.0.1",
        "FAREBOX_SERVICE_PORT_HTTP": "80",
        "FAREBOX_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert load_settings(None, HOME | links).server.port == 8080


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"FAREBOX_STATE_DIR": "/srv/farebox"}, "/srv/farebox"),
        ({"FAREBOX_STATE_DIR": "~/farebox"}, "/home-of-tests/farebox"),
    ],
)
def test_state_directory_is_absolute(environ: dict[str, str], expected: str) -> None:
    assert load_settings(None, HOME | environ).state_dir == Path(expected)


@pytest.mark.parametrize(
    ("uid", "environ", "expected"),
    [
        (0, HOME, "/var/lib/farebox"),
        (1000, HOME, "/home-of-tests/.local/state/farebox"),
        (1000, HOME | {"XDG_STATE_HOME": "/state"}, "/state/farebox"),
    ],
)
def test_default_state_directory_is_one_that_the_servers_user_can_enter(
    monkeypatch: pytest.MonkeyPatch, uid: int, environ: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    assert load_settings(None, environ).state_dir == Path(expected)


def test_a_user_without_a_home_is_told_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match=r"state_dir: has no default.*set FAREBOX_STATE_DIR"):
        load_settings(None, {})


def test_all_problems_are_reported_at_once_with_place_and_remedy(tmp_path: Path) -> None:
    text = '[server]\nport = true\nhots = "x"\n[meter]\nfloor = "kep"\n[models.m]\nprovider = "opnai"\n'
    found = problems(tmp_path, text, HOME | {"FAREBOX_WORKERS": "many", "FAREBOX_DATABSE_URL": "x"})
    assert sorted(keys(found)) == [
        "FAREBOX_DATABSE_URL",
        "FAREBOX_WORKERS",
        "meter.floor",
        "models.m.provider",
        "server.hots",
        "server.port",
    ]
    lines = str(ConfigError(found)).splitlines()
    file = tmp_path / "my.toml"
    assert f"{file}: server.port: must be a whole number, not true or false; write port = 8080" in lines
    assert f'{file}: meter.floor: must be one of cross, keep, not kep; write floor = "cross"' in lines
    assert "FAREBOX_WORKERS: must be a whole number, not a text; set FAREBOX_WORKERS=1" in lines


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("port = 1", "did you mean server.port?"),
        ("[server]\nmin_reserve = 1", "did you mean meter.min_reserve?"),
        ("[server]\nprot = 1", "did you mean server.port?"),
        ("[models.m]\nprovider = 'simulated'\nencodin = 'x'", "did you mean models.m.encoding?"),
        ("[providers.p]\nkind = 'simulated'\napi_key = 'sk'", "did you mean providers.p.api_key_env?"),
        ("zzz = 1", "leave it out"),
    ],
)
def test_unknown_keys_are_problems_with_the_nearest_known_name(tmp_path: Path, text: str, hint: str) -> None:
    assert [problem.hint for problem in problems(tmp_path, text)] == [hint]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[server]\nport = 65536", "server.port"),
        ("[server]\nport = '80'", "server.port"),
        ("[server]\nport = 8.5", "server.port"),
        ("[server]\nlog_requests = 1", "server.log_requests"),
        ("[server]\nhost = ''", "server.host"),
        ("[server]\ntrusted_proxies = '10.0.0.0/8'", "server.trusted_proxies"),
        ("[server]\ntrusted_proxies = ['10.0.0.1/8']", "server.trusted_proxies"),
        ("[server]\ntrusted_proxies = [5]", "server.trusted_proxies"),
        ('[server]\nhost = "a\\nb"', "server.host"),
        ("[meter]\nlease_seconds = nan", "meter.lease_seconds"),
        ("[meter]\nlease_seconds = inf", "meter.lease_seconds"),
        ("[meter]\nlease_seconds = false", "meter.lease_seconds"),
        ("[meter]\nmin_reserve = -1", "meter.min_reserve"),
        ("[redis]\nurl = 'http://h'", "redis.url"),
        ("[redis]\nurl = 'localhost:6379'", "redis.url"),
        ("[redis]\nurl = 'redis://a:1,b:2'", "redis.url"),
        ("[redis]\nurl = 'redis+cluster://a:1,b:x'", "redis.url"),
        ("[redis]\nurl = 'redis+cluster://a/3'", "redis.url"),
        ("[postgres]\nurl = 'postgresql://a:1,:2/d'", "postgres.url"),
        ("[redis]\nbarrier_seconds = 0.5", "redis.barrier_seconds"),
        ("[postgres]\nurl = 'postgresql://h:port/d'", "postgres.url"),
        ("server = 5", "server"),
        ("[models]\nm = 5", "models.m"),
        ("[models.m]\nprovider = 'simulated'\nfallbacks = 'x'", "models.m.fallbacks"),
        ("[models.m]\nencoding = 'o200k_base'", "models.m.provider"),
        ("[models.m]", "models.m.provider"),
        ("[models.'*']\nprovider = 'simulated'\nupstream_model = 'x'", 'models."*".upstream_model'),
        ("[models.'gpt-4.1']\nprovider = 'simulated'\nrates = 1", 'models."gpt-4.1".rates'),
        ("[models.m]\nprovider = 'simulated'\nrates = { prompt = -1 }", "models.m.rates"),
        ("[providers.p]\nkind = 'openai'", "providers.p.base_url"),
        ("[providers.p]\nbase_url = 'example.com/v1'", "providers.p.base_url"),
        ("state_dir = ''", "state_dir"),
    ],
)
def test_wrong_values_are_refused(tmp_path: Path, text: str, key: str) -> None:
    assert keys(problems(tmp_path, text)) == [key]


def test_messages_never_repeat_a_text_that_may_be_a_secret(tmp_path: Path) -> None:
    text = "[postgres]\nurl = 'mysql://user:hunter2@h/d'\n[server]\nport = 'hunter2'\n"
    environ = HOME | {"FAREBOX_ADMIN_KEY": "hunter2\n"}
    assert "hunter2" not in str(ConfigError(problems(tmp_path, text, environ)))


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    environ = HOME | {
        "OPENAI_API_KEY": "hunter2",
        "FAREBOX_ADMIN_KEY": "hunter2",
        "FAREBOX_METRICS_TOKEN": "hunter2",
        "FAREBOX_DATABASE_URL": "postgresql://u:hunter2@h/d",
        "FAREBOX_REDIS_URL": "redis://:hunter2@h",
    }
    assert "hunter2" not in repr(load(tmp_path, "", environ))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"port = = 1", "is not TOML"),
        (b"\xff", "is not UTF-8"),
        (None, "can't be read (No such file or directory)"),
    ],
)
def test_unreadable_files_are_problems(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "my.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_settings(file, HOME)
    assert problem in str(error.value)


def test_unknown_override_is_a_problem() -> None:
    with pytest.raises(ConfigError, match=r"command line: server\.prt: is not a setting; did you mean server"):
        load_settings(None, HOME, {"server.prt": 1})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[meter]\nrenew_seconds = 30", "meter.renew_seconds"),
        ("[meter]\nlease_seconds = 30", "meter.lease_seconds"),
        ("[meter]\nrequest_seconds_max = 59", "meter.request_seconds_max"),
        ("[meter]\nidempotency_seconds = 1799", "meter.idempotency_seconds"),
        ("[meter]\nmin_reserve = 5\nwarning_threshold = 5", "meter.warning_threshold"),
        ("[meter]\nunsettled_total_max = 1", "meter.unsettled_total_max"),
        ("[meter]\nsettle_lanes = 8", "meter.settle_lanes"),
        ("[meter]\nevents_keep_months = 2", "meter.events_keep_months"),
        ("[postgres]\npool_max = 4", "postgres.pool_max"),
        ("[redis]\ntimeout_seconds = 15", "redis.timeout_seconds"),
        ("[redis]\nbarrier_seconds = 3", "redis.barrier_seconds"),
        ("[auth]\ncache_seconds = 901", "auth.cache_seconds"),
        ("[server]\nport = 0\nworkers = 2", "server.workers"),
        ("[models.simulated]\ndefault_hold_tokens = 20000", "models.simulated.default_hold_tokens"),
        ("[models.simulated]\ncontext_tokens = 16000", "models.simulated.context_tokens"),
        ("[models.simulated]\nmax_completion_tokens = 8", "models.simulated.max_completion_tokens"),
        ("[meter]\nmin_completion_tokens = 20000", "meter.min_completion_tokens"),
    ],
)
def test_limits_that_contradict_each_other_are_refused_where_the_operator_wrote(
    tmp_path: Path, text: str, key: str
) -> None:
    assert keys(problems(tmp_path, text)) == [key]


def test_a_refused_value_is_not_compared_with_another(tmp_path: Path) -> None:
    text = "[meter]\nlease_seconds = 'long'\nrenew_seconds = 40\n"
    assert keys(problems(tmp_path, text)) == ["meter.lease_seconds"]


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings(None, HOME).server.port = 1  # type: ignore[misc]  # that is the point
