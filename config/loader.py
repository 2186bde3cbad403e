"""The loader: packaged defaults, then a file, then the environment, then the command line.

Later sources win, key by key. Every problem of every source is collected, so
that an operator corrects a file once and not line after line.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from config.errors import ConfigError, ConfigProblem
from config.reader import Reader, merged
from config.relations import broken_relations
from config.resources import read_resources
from config.settings import Settings
from config.sources import Layer, dotted, read_environment, read_file, read_overrides, read_proxy, sections
from config.upstreams import read_models, read_providers

PACKAGED_FILE = Path(__file__).with_name("farebox.toml")
ROOT_STATE_DIR = Path("/var/lib/farebox")
"""The embedded servers run as another user then, who must be able to reach it: not a root-only home."""

NO_OVERRIDES: Mapping[str, object] = MappingProxyType({})


def load_settings(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] = NO_OVERRIDES
) -> Settings:
    """Return the settings of all sources together.

    ``path`` is the operator's file; when None, FAREBOX_CONFIG may name it.
    ``overrides`` come from the command line, keyed "server.port" or "state_dir";
    a value of None was not given.

    Raises:
        ConfigError: with every problem of every source.
    """
    if path is None and environ.get("FAREBOX_CONFIG"):
        path = Path(environ["FAREBOX_CONFIG"])
    packaged = read_file(PACKAGED_FILE)
    layers = [
        packaged,
        read_proxy(environ),
        read_file(path) if path is not None else Layer({}, []),
        read_environment(environ),
        read_overrides(overrides),
    ]
    problems = [problem for layer in layers for problem in layer.problems]
    reader = Reader(merged(*(layer.entries for layer in layers)), packaged.entries, problems)
    settings = _assembled(reader, environ)
    _check_relations(reader, settings)
    if reader.problems:
        raise ConfigError(reader.problems)
    return settings


def default_state_dir(environ: Mapping[str, str]) -> Path | None:
    """Return where a process without a setting keeps its state; None when it has no home."""
    if os.geteuid() == 0:
        return ROOT_STATE_DIR
    if environ.get("XDG_STATE_HOME"):
        return Path(environ["XDG_STATE_HOME"]) / "farebox"
    return Path(environ["HOME"]) / ".local" / "state" / "farebox" if environ.get("HOME") else None


def _assembled(reader: Reader, environ: Mapping[str, str]) -> Settings:
    """Build the settings of what is right; the defaults stand in for what was refused."""
    plain: dict[str, Callable[..., object]] = dict(sections())
    values = {name: make(**reader.section((name,), sections()[name])) for name, make in plain.items()}
    providers = read_providers(reader, environ)
    values["providers"] = providers.usable
    values["models"] = read_models(reader, providers)
    values["resources"] = read_resources(reader)
    make_settings: Callable[..., Settings] = Settings
    settings = make_settings(**{"state_dir": None, **reader.section((), Settings), **values})
    if not settings.models and not reader.problems:
        hint = "write a [models.NAME] whose provider has its key, or keep the model simulated"
        reader.problems.append(ConfigProblem("models", "no model is left", hint))
    return _with_state_dir(reader, settings, environ)


def _with_state_dir(reader: Reader, settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Make the state directory absolute: the embedded servers do not run in our working directory."""
    written: Path | None = settings.state_dir
    state_dir = written or default_state_dir(environ)
    if state_dir is None:
        if ("state_dir",) not in reader.refused:
            reader.refuse(("state_dir",), "has no default, because HOME is not set", "set FAREBOX_STATE_DIR")
        state_dir = ROOT_STATE_DIR
    if state_dir.parts[:1] == ("~",):
        state_dir = Path(environ.get("HOME", "/"), *state_dir.parts[1:])
    return replace(settings, state_dir=state_dir.absolute())


def _check_relations(reader: Reader, settings: Settings) -> None:
    for first, second, problem, hint in broken_relations(settings):
        if first in reader.refused or second in reader.refused:
            continue
        # Both must fit; the one to open is the one that the operator wrote.
        if reader.written_by_operator(first) or not reader.written_by_operator(second):
            reader.refuse(first, problem, hint)
        else:
            reader.refuse(second, f"does not fit {dotted(first)}, which {problem}", "change one of the two")
