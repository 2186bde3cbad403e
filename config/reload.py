"""What of the settings may change while a gateway runs (SIGHUP), and what waits for a restart.

Providers, models, resources, and what each request asks anew. Everything else is built into what runs: connections,
leases, schedules. No relation between limits (``relations.py``) may have one end here and one there: whatever was
accepted as a whole must be right in part too. ``tests/unit/config/test_reload.py`` checks that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from config.settings import Settings
from config.sources import Key, dotted

TABLES = frozenset({"providers", "models", "resources"})
PLAIN = frozenset(
    {
        ("features", "unknown"),
        ("prices", "unknown"),
        ("prices", "default_prompt"),
        ("prices", "default_completion"),
        ("prices", "auto_tier"),
        ("meter", "min_reserve"),
        ("meter", "warning_threshold"),
        ("meter", "credits_warning_threshold"),
        ("meter", "floor"),
        ("meter", "clamp"),
        ("meter", "orphan"),
        ("meter", "min_completion_tokens"),
        ("meter", "charge_comment"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Settings to go on with; the keys that changed with them, and those that wait for a restart."""

    settings: Settings
    changed: tuple[str, ...]
    waiting: tuple[str, ...]


def reloaded(running: Settings, started: Settings, read: Settings) -> Reload:
    """Return what to go on with, when ``read`` was read while ``running`` was in force.

    ``started`` is what was read at the start: what differs from it, and may not change, waits for a restart.
    """
    settings = running
    for section in sorted({key[0] for key in PLAIN}):
        names = [name for head, name in PLAIN if head == section]
        values = {name: getattr(getattr(read, section), name) for name in names}
        settings = replace(settings, **{section: replace(getattr(settings, section), **values)})
    settings = replace(settings, **{name: getattr(read, name) for name in TABLES})
    changed = tuple(dotted(key) for key in _differences(running, settings))
    waiting = tuple(dotted(key) for key in _differences(started, read) if not may_change(key))
    return Reload(settings=settings, changed=changed, waiting=waiting)


def may_change(key: Key) -> bool:
    """Return whether a setting may change while a gateway runs."""
    return key[0] in TABLES or key in PLAIN


def _differences(old: Settings, new: Settings) -> Iterator[Key]:
    """Yield the keys of all settings that are not the same; of tables, which entries."""
    for field in fields(Settings):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        if field.name in TABLES:
            names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
            yield from ((field.name, name) for name in names)
        elif is_dataclass(before):
            inner = [part.name for part in fields(before)]
            yield from ((field.name, name) for name in inner if getattr(before, name) != getattr(after, name))
        else:
            yield (field.name,)
