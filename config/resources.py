"""[resources]: what packs may hold beside tokens and credits."""

import re
from collections.abc import Callable, Mapping

from config.reader import Reader
from config.settings import ResourceSettings

UNITS: Mapping[str, str] = {"tokens": "tokens", "credits": "micro-dollars"}
"""The units of accounts, which are resources too, with their labels. Their settings are in [meter]."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def read_resources(reader: Reader) -> dict[str, ResourceSettings]:
    """Return the resources that an operator wrote or left as they are packaged, in the order of the file."""
    resources = {}
    for name in reader.names("resources"):
        make: Callable[..., ResourceSettings] = ResourceSettings
        resource = make(name=name, **reader.section(("resources", name), ResourceSettings))
        _check(reader, resource)
        resources[name] = resource
    return resources


def _check(reader: Reader, resource: ResourceSettings) -> None:
    key = ("resources", resource.name)
    if resource.name in UNITS:
        reader.refuse(key, "is a unit of accounts", "write its settings in [meter], and leave this table out")
    elif not _NAME.fullmatch(resource.name):
        hint = "write small letters, digits and _, beginning with a letter, at most 64"
        reader.refuse(key, "is not a name of a resource", hint)
    threshold, refused = resource.warning_threshold, {(*key, "warning_threshold"), (*key, "min_reserve")}
    if threshold is not None and threshold <= resource.min_reserve and not refused & reader.refused:
        reader.refuse(
            (*key, "warning_threshold"),
            "must be above min_reserve: at the reserve everything has stopped already",
            "write a higher warning_threshold, or leave it out",
        )
