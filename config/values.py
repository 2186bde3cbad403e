"""From what the operator wrote to the value that a setting's annotation asks for."""

import math
import re
import types
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Union, cast, get_args, get_origin
from urllib.parse import urlsplit

from config.cards import KINDS
from config.constraints import Cidr, Micro, Range, Text, Url
from config.hosts import addresses_of, is_cluster, parse_cluster_url

MICRO = 1_000_000
RATE_MAX = 1_000_000
"""Units a token: far above any price, and small enough that a request's charge stays below 2**53."""

SHOWN_CHARACTERS_MAX = 40
"""How much of a wrong value a message repeats; texts are never repeated, they may be secrets."""

SEVERAL_HOSTS = {"postgresql", "postgres"}
"""Schemes whose URLs may name several servers, beside those of clusters."""

_BOOLEANS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
_KINDS = {bool: "true or false", int: "a whole number", Decimal: "a number", float: "a number", str: "a text"}
_INTEGER = re.compile(r"[+-]?\d[\d_]*")


class RefusedError(Exception):
    """The value does not fit; the text completes the sentence "it must be ..."."""


def parse_value(annotation: object, value: object, *, is_text: bool) -> object:
    """Return ``value`` as the annotation asks for it.

    ``is_text``: the value comes from the environment, so numbers arrive as text.
    An empty text stands for "not set" where the setting may be unset.

    Raises:
        RefusedError: it has another type, or is outside its range.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _parse_constrained(arguments[0], arguments[1], value, is_text=is_text)
    if origin in (Union, types.UnionType):
        inner = next(argument for argument in arguments if argument is not types.NoneType)
        return None if value in (None, "") else parse_value(inner, value, is_text=is_text)
    if origin is Literal:
        return _parse_choice(arguments, value)
    if origin is tuple:
        return _parse_list(arguments[0], value, is_text=is_text)
    if origin is Mapping:
        return parse_rates(value)
    return _parse_plain(annotation, value, is_text=is_text)


def parse_rates(value: object) -> dict[str, int]:
    """Return the rates in millionths; prompt and completion default to 1, cached to the prompt's rate."""
    if not isinstance(value, dict):
        raise RefusedError("a table such as { prompt = 1, cached = 0.1, completion = 4 }")
    unknown = [str(name) for name in value if name not in KINDS]
    if unknown:
        raise RefusedError(f"made of {', '.join(KINDS)} only, not {unknown[0]}")
    given = {name: parse_micro(rate, Micro(0, RATE_MAX)) for name, rate in value.items()}
    prompt = given.get("prompt", MICRO)
    return {"prompt": prompt, "cached": prompt, "completion": MICRO, **given}


def parse_micro(value: object, micro: Micro) -> int:
    """Return a decimal, written as a number or as a text, in millionths; never rounded."""
    wanted = f"a decimal from {micro.least} to {micro.most} with at most six places"
    if isinstance(value, bool) or not isinstance(value, (int, str, float, Decimal)):
        raise RefusedError(f"{wanted}, not {_kind_of(value)}")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise RefusedError(wanted) from None
    if not number.is_finite() or not micro.least <= number <= micro.most:
        raise RefusedError(f"{wanted}, not {_shown(value)}")
    scaled = number * MICRO
    if scaled != int(scaled):
        raise RefusedError(f"{wanted}, not {_shown(value)}")
    return int(scaled)


def _parse_constrained(plain: object, constraint: object, value: object, *, is_text: bool) -> object:
    match constraint:
        case Micro():
            return parse_micro(value, constraint)
        case Range():
            number = cast("float", _parse_plain(plain, value, is_text=is_text))
            _check_range(number, constraint)
            return number
        case Url():
            return _parse_url(value, constraint)
        case Cidr():
            return _parse_network(value)
        case Text():
            return _parse_text(value, constraint)
        case _:
            raise AssertionError(constraint)


def _parse_plain(plain: object, value: object, *, is_text: bool) -> object:
    if plain is bool:
        return _parse_bool(value, is_text=is_text)
    if plain is int:
        return _parse_int(value, is_text=is_text)
    if plain is float:
        return _parse_float(value, is_text=is_text)
    if plain is Path:
        return Path(_parse_text(str(value) if isinstance(value, Path) else value, Text(4096)))
    return _parse_text(value, Text(4096))


def _parse_bool(value: object, *, is_text: bool) -> bool:
    if is_text and str(value).lower() in _BOOLEANS:
        return _BOOLEANS[str(value).lower()]
    if not isinstance(value, bool):
        raise RefusedError(f"true or false, not {_kind_of(value)}")
    return value


def _parse_int(value: object, *, is_text: bool) -> int:
    if is_text and _INTEGER.fullmatch(str(value)):
        return int(str(value))
    # bool is an int in Python, but `port = true` is a mistake.
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError(f"a whole number, not {_kind_of(value)}")
    return value


def _parse_float(value: object, *, is_text: bool) -> float:
    if is_text:
        try:
            value = float(str(value))
        except ValueError:
            raise RefusedError(f"a number, not {_kind_of(value)}") from None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise RefusedError(f"a number, not {_kind_of(value)}")
    if not math.isfinite(value):
        raise RefusedError(f"a finite number, not {_shown(value)}")
    return float(value)


def _check_range(number: float, limits: Range) -> None:
    if limits.most is None and number < limits.least:
        raise RefusedError(f"at least {limits.least}, not {_shown(number)}")
    if limits.most is not None and not limits.least <= number <= limits.most:
        raise RefusedError(f"from {limits.least} to {limits.most}, not {_shown(number)}")


def _parse_choice(choices: tuple[str, ...], value: object) -> str:
    if not isinstance(value, str) or value not in choices:
        raise RefusedError(f"one of {', '.join(choices)}, not {_shown(value)}")
    return value


def _parse_list(annotation: object, value: object, *, is_text: bool) -> tuple[object, ...]:
    if is_text:
        value = [part for part in str(value).replace(",", " ").split() if part]
    if not isinstance(value, list):
        raise RefusedError('a list of texts such as ["gpt-4o-mini"]')
    return tuple(parse_value(annotation, item, is_text=False) for item in value)


def _parse_text(value: object, limits: Text) -> str:
    if not isinstance(value, str):
        raise RefusedError(f"a text in quotes, not {_kind_of(value)}")
    if not 0 < len(value) <= limits.characters_max or not value.isprintable():
        raise RefusedError(f"1 to {limits.characters_max} printable characters")
    return value


def _parse_network(value: object) -> str:
    try:
        return str(ip_network(_parse_text(value, Text(64))))
    except ValueError as error:
        raise RefusedError(f"an address range such as 10.0.0.0/8 ({error})") from None


def _parse_url(value: object, url: Url) -> str:
    schemes = " or ".join(f"{scheme}://" for scheme in url.schemes)
    text = _parse_text(value, Text(2048))
    try:
        parts = urlsplit(text)
        complete = parts.scheme in url.schemes and (bool(parts.hostname) or parts.scheme == "unix")
        several = is_cluster(text) or (parts.scheme in SEVERAL_HOSTS and "," in parts.netloc)
        if complete and several:
            _check_several(text)
        else:
            _ = parts.port  # Raises on a port that is no number.
    except ValueError:
        complete = False
    if not complete or "://" not in text or " " in text:
        raise RefusedError(f"a whole URL that begins with {schemes}")
    return text


def _check_several(text: str) -> None:
    """Refuse a URL with several addresses in which one is malformed."""
    try:
        if is_cluster(text):
            parse_cluster_url(text)
        else:
            addresses_of(text, port=1)
    except ValueError as error:
        raise RefusedError(f"a URL with the addresses of its servers; {error}") from None


def _kind_of(value: object) -> str:
    return _KINDS.get(type(value), "a list or a table")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}..."
