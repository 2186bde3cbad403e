"""How figures are written for people who read English: what pages show, told from what the database has."""

from datetime import datetime, timedelta

MICRO = 1_000_000
NONE = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def number(value: int) -> str:
    """Return it grouped: 1,234."""
    return f"{value:,}"


def dollars(micro: int) -> str:
    """Return micro-dollars as dollars: cents always, smaller parts where there are some."""
    text = f"{micro / MICRO:,.6f}"
    whole, _, parts = text.partition(".")
    return f"${whole}.{parts.rstrip('0'):0<2}"


def moment(at: datetime) -> str:
    """Return a moment: Jan 3, 2026, 07:58:12."""
    return f"{day(at)}, {at:%H:%M:%S}"


def day(at: datetime) -> str:
    """Return its day: Jan 3, 2026."""
    return f"{at:%b} {at.day}, {at.year}"


def lasting(seconds: int) -> str:
    """Return how long something lasts, in its two largest units: 7 days, 8 hours."""
    left = timedelta(seconds=seconds)
    counts = {"day": left.days, "hour": left.seconds // 3600, "minute": left.seconds // 60 % 60}
    names = list(counts)
    first = next(place for place, name in enumerate(names) if counts[name])
    two = [(name, counts[name]) for name in names[first : first + 2] if counts[name]]
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in two)
