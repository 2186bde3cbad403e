"""[providers] and [models]: which of them are usable, and what each may refer to.

A provider whose key is not in the environment is left out with its models as
long as the operator wrote nothing about them: a first start needs no key. What
the operator wrote, or changed, must not vanish silently: there it is a problem.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from config.reader import Reader
from config.settings import ModelSettings, ProviderSettings

NAME_CHARACTERS_MAX = 256
"""Names travel in headers, log lines and database rows."""


class Providers(NamedTuple):
    """The usable providers, and those left out with the variable that would hold their key."""

    usable: dict[str, ProviderSettings]
    keyless: dict[str, str]


def read_providers(reader: Reader, environ: Mapping[str, str]) -> Providers:
    """Return the providers that can answer, each with its key."""
    providers = Providers({}, {})
    for name in reader.names("providers"):
        make: Callable[..., ProviderSettings] = ProviderSettings
        provider = make(name=name, **reader.section(("providers", name), ProviderSettings))
        _check_name(reader, "providers", name)
        if provider.enabled:
            _check_base_url(reader, provider)
            _place_provider(reader, provider, environ, providers)
    return providers


def read_models(reader: Reader, providers: Providers) -> dict[str, ModelSettings]:
    """Return the models that a usable provider answers; fallbacks to others are dropped."""
    read = (_read_model(reader, name) for name in reader.names("models"))
    declared = [model for model in read if model is not None]
    usable = {model.name: model for model in declared if model.enabled and _is_answered(reader, model, providers)}
    for model in usable.values():
        _check_fallbacks(reader, model)
    return {
        name: replace(model, fallbacks=tuple(other for other in model.fallbacks if other in usable))
        for name, model in usable.items()
    }


def _check_name(reader: Reader, table: str, name: str) -> None:
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        hint = "choose a shorter name of printable characters"
        reader.refuse((table, name), f"is not a name (1 to {NAME_CHARACTERS_MAX} characters)", hint)


def _check_base_url(reader: Reader, provider: ProviderSettings) -> None:
    key = ("providers", provider.name, "base_url")
    if provider.kind == "openai" and provider.base_url is None and key not in reader.refused:
        reader.refuse(key, 'is needed by kind = "openai"', 'write base_url = "https://HOST/v1"')


def _place_provider(
    reader: Reader, provider: ProviderSettings, environ: Mapping[str, str], providers: Providers
) -> None:
    variable, key = provider.api_key_env, ("providers", provider.name, "api_key_env")
    if variable is None:
        providers.usable[provider.name] = provider
        return
    api_key = environ.get(variable, "").strip()
    if not (api_key.isascii() and api_key.isprintable()):
        reader.refuse(key, f"{variable} holds more than one line of printable ASCII", f"set {variable} again")
    elif api_key:
        providers.usable[provider.name] = replace(provider, api_key=api_key)
    elif reader.is_explicit(key[:2]):
        hint = f'set {variable}, or write api_key_env = "" when none is needed, or enabled = false'
        # The operator may have changed another key of a packaged provider: point at that file then.
        place = key if reader.written_by_operator(key) else key[:2]
        reader.refuse(place, f"the variable {variable} is not set", hint)
    else:
        providers.keyless[provider.name] = variable


def _read_model(reader: Reader, name: str) -> ModelSettings | None:
    fields = reader.section(("models", name), ModelSettings)
    _check_name(reader, "models", name)
    if name == "*" and "upstream_model" in fields:
        hint = "leave it out: unknown names are passed through as they are"
        reader.refuse(("models", name, "upstream_model"), 'can\'t be set for "*"', hint)
    if "provider" not in fields:
        if ("models", name, "provider") not in reader.refused:
            reader.refuse(("models", name, "provider"), "is needed", 'write provider = "openai"')
        return None
    make: Callable[..., ModelSettings] = ModelSettings
    model = make(**{"name": name, "upstream_model": name, **fields})
    if "default_hold_tokens" not in fields:
        # A small model need not repeat its limit: the default hold follows it down.
        return replace(model, default_hold_tokens=min(model.default_hold_tokens, model.max_completion_tokens))
    return model


def _is_answered(reader: Reader, model: ModelSettings, providers: Providers) -> bool:
    key, declared = ("models", model.name, "provider"), reader.names("providers")
    if model.provider in providers.usable:
        return True
    if model.provider not in declared:
        reader.refuse(key, f"no provider is called {model.provider!r}", _choose(model.provider, declared))
    elif model.provider in providers.keyless and reader.is_explicit(key[:2]):
        variable = providers.keyless[model.provider]
        problem = f"the provider {model.provider!r} is left out, because {variable} is not set"
        reader.refuse(key, problem, f"set {variable}, or write enabled = false for this model")
    return False


def _check_fallbacks(reader: Reader, model: ModelSettings) -> None:
    names = [name for name in reader.names("models") if name not in {"*", model.name}]
    for fallback in model.fallbacks:
        if fallback not in names:
            key = ("models", model.name, "fallbacks")
            reader.refuse(key, f"no other model is called {fallback!r}", _choose(fallback, names))


def _choose(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown name."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(known)}"
