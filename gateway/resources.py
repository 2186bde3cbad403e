"""Which resources there are: the unit of an account, and what the operator has configured."""

from collections.abc import Iterable

from config.resources import UNITS
from config.settings import Settings
from gateway.errors import ApiError, invalid

PARAM = "resource"


def known_resources(settings: Settings) -> list[str]:
    """Return the names of all resources."""
    return [*UNITS, *settings.resources]


def require_known(settings: Settings, resource: str) -> None:
    """Raise ApiError (400) for a resource that nobody has configured."""
    known = known_resources(settings)
    if resource not in known:
        raise _unknown(resource, known)


def require_resource(settings: Settings, resource: str, *, unit: str) -> None:
    """Raise ApiError (400) for what an account that counts in ``unit`` can't hold."""
    known = [unit, *settings.resources]
    if resource in UNITS and resource != unit:
        raise invalid(f"This account counts in {unit}; write {unit}, or leave it out.", PARAM)
    if resource not in known:
        raise _unknown(resource, known)


def _unknown(resource: str, known: Iterable[str]) -> ApiError:
    names = ", ".join(known)
    return invalid(
        f"There is no resource {resource} here; there are {names}. An operator adds one as [resources.{resource}].",
        PARAM,
    )
