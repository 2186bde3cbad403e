"""Where settings come from: TOML files, the environment, the command line; every value keeps its origin."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, cast, get_type_hints

from config.errors import ConfigProblem
from config.settings import ModelSettings, ProviderSettings, ResourceSettings, Settings

Key = tuple[str, ...]
"""The path of a setting: ("server", "port"), ("models", "gpt-4.1", "rates"), ("state_dir",)."""

TABLES: dict[str, type] = {"providers": ProviderSettings, "models": ModelSettings, "resources": ResourceSettings}
DERIVED = {"name", "api_key"}
"""Fields that the loader fills in; nobody writes them."""

SHORT_VARIABLES: dict[str, Key] = {
    "FAREBOX_DATABASE_URL": ("postgres", "url"),
    "FAREBOX_ADMIN_KEY": ("auth", "admin_key"),
    "FAREBOX_HOST": ("server", "host"),
    "FAREBOX_PORT": ("server", "port"),
    "FAREBOX_WORKERS": ("server", "workers"),
}
OTHER_VARIABLES = {"FAREBOX_CONFIG", "FAREBOX_DASHBOARD_BUILD"}
"""Variables of ours that are no settings."""

# Kubernetes sets these in every pod for a Service that is called "farebox".
_SERVICE_LINK = re.compile(r"FAREBOX_(SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+)")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Entry(NamedTuple):
    """A value as written, and the place that the operator has to open to change it."""

    value: object
    source: str
    is_text: bool = False


Entries = dict[Key, Entry]


class Layer(NamedTuple):
    """What one source says, and what is wrong with it."""

    entries: Entries
    problems: list[ConfigProblem]


def dotted(key: Key) -> str:
    """Return a key as TOML writes it: ``models."gpt-4.1".rates``."""
    return ".".join(part if _BARE_KEY.fullmatch(part) else f'"{part}"' for part in key)


def hints_of(kind: type) -> dict[str, object]:
    """Return the annotations of the fields that an operator may write."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind) if field.name not in DERIVED}


def sections() -> dict[str, type]:
    """Return the plain sections, [server] to [demo], and their classes."""
    return {name: cast("type", hint) for name, hint in hints_of(Settings).items() if is_dataclass(hint)}


def top_level() -> dict[str, object]:
    """Return the settings above all sections, and their annotations."""
    known = {*sections(), *TABLES}
    return {name: hint for name, hint in hints_of(Settings).items() if name not in known}


def plain_keys() -> list[Key]:
    """Return every setting outside of [providers], [models] and [resources]."""
    keys: list[Key] = [(name,) for name in top_level()]
    return keys + [(section, name) for section, kind in sections().items() for name in hints_of(kind)]


def variables() -> dict[str, Key]:
    """Return every variable that is read, and the setting that it sets; short names win over long ones."""
    return {f"FAREBOX_{'_'.join(key).upper()}": key for key in plain_keys()} | SHORT_VARIABLES


def read_file(path: Path) -> Layer:
    """Return the settings of a TOML file; an unreadable one is a problem like any other."""
    try:
        # Decimals stay decimals: a rate of 0.1 is exactly 0.1.
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        hint = "give the path of a readable TOML file"
        return Layer({}, [ConfigProblem(str(path), f"can't be read ({error.strerror})", hint)])
    except UnicodeDecodeError as error:
        return Layer({}, [ConfigProblem(str(path), f"is not UTF-8 ({error.reason})", "save it as UTF-8")])
    except tomllib.TOMLDecodeError as error:
        return Layer({}, [ConfigProblem(str(path), f"is not TOML: {error}", "correct that line")])
    layer = Layer({}, [])
    for key, value in _walk(document, layer.problems, str(path)):
        layer.entries[key] = Entry(value, str(path))
    return layer


def read_environment(environ: Mapping[str, str]) -> Layer:
    """Return the settings of the FAREBOX_ variables; an empty one counts as not set."""
    layer, known = Layer({}, []), variables()
    for name, key in known.items():
        if environ.get(name) and not (name == "FAREBOX_PORT" and "://" in environ[name]):
            layer.entries[key] = Entry(environ[name], name, is_text=True)
    for name in environ:
        if name.startswith("FAREBOX_") and name not in known and not _is_foreign(name):
            hint = _nearest(name, known) or "unset it"
            layer.problems.append(ConfigProblem(name, "is not a setting", hint))
    return layer


def read_proxy(environ: Mapping[str, str]) -> Layer:
    """Return the proxy that all programs of this machine use; every setting of ours wins over it."""
    proxy = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
    return Layer({("upstream", "proxy"): Entry(proxy, "HTTPS_PROXY", is_text=True)} if proxy else {}, [])


def read_overrides(overrides: Mapping[str, object]) -> Layer:
    """Return the settings of the command line, keyed "section.name"; None counts as not given."""
    layer, known = Layer({}, []), {".".join(key): key for key in plain_keys()}
    for name, value in overrides.items():
        if name not in known:
            hint = _nearest(name, known) or "leave it out"
            layer.problems.append(ConfigProblem(f"command line: {name}", "is not a setting", hint))
        elif value is not None:
            layer.entries[known[name]] = Entry(value, "command line")
    return layer


def _is_foreign(variable: str) -> bool:
    return variable in OTHER_VARIABLES or _SERVICE_LINK.fullmatch(variable) is not None


def _walk(document: dict[str, object], problems: list[ConfigProblem], source: str) -> Iterator[tuple[Key, object]]:
    plain = sections()
    for name, value in document.items():
        if name in TABLES:
            for entry, table in _table((name,), value, problems, source):
                if isinstance(table, dict):
                    yield (name, entry), None  # An empty table counts too, and has a place to point at.
                yield from _keys((name, entry), hints_of(TABLES[name]), table, problems, source)
        elif name in plain:
            yield from _keys((name,), hints_of(plain[name]), value, problems, source)
        else:
            yield from _keys((), top_level(), {name: value}, problems, source)


def _keys(
    section: Key, known: Iterable[str], table: object, problems: list[ConfigProblem], source: str
) -> Iterator[tuple[Key, object]]:
    names = {".".join(key): key for key in plain_keys()} if len(section) < len(("models", "NAME")) else {}
    names |= {".".join((*section, name)): (*section, name) for name in known}
    for name, value in _table(section, table, problems, source):
        if name in known:
            yield (*section, name), value
        else:
            key = (*section, name)
            hint = _nearest(".".join(key), names) or "leave it out"
            problems.append(ConfigProblem(f"{source}: {dotted(key)}", "is not a setting", hint))


def _table(key: Key, value: object, problems: list[ConfigProblem], source: str) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        return value.items()
    hint = f"write a table, [{dotted(key)}]"
    problems.append(ConfigProblem(f"{source}: {dotted(key)}", "must be a table", hint))
    return ()


def _nearest(name: str, known: Mapping[str, Key]) -> str | None:
    """Return "did you mean ...": the same key in another section, else the nearest spelling."""
    last = name.rpartition(".")[2]
    same = [other for other in known if "." in other and other.rpartition(".")[2] == last]
    near = same or difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else None
