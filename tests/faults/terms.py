"""What the parts of the harness and the auditor agree on: prices, times, the meter's promised bounds, the two logs.

Nothing of Farebox is imported here: these are the terms as a customer knows them.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADMIN_KEY = "fbx_admin_of_the_fault_harness_0123456789"
HELLO_TOKENS = 8  # a conversation of one "hello", as OpenAI bills it
MARGIN_TOKENS = 256  # "bounded": what a dead gateway's stream may have read beyond its last noted progress
HOLD_PER_USE_MAX = 8  # thirds: an extension doubles a hold when 75 % of it are used
UNITS = {"on": (" on", 1), "a": ("a\n", 2)}  # texts whose tokens are known: three bytes a token, and one byte a token

LEASE_SECONDS, RENEW_SECONDS, SWEEP_SECONDS, REDIS_SECONDS = 2.0, 0.6, 0.8, 0.5
REQUEST_SECONDS_MAX = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that clients ask for, with its price in units a token."""

    prompt: int = 1
    completion: int = 1
    longest: int = 4000
    first_hold: int = 1000


MODELS = {
    "plain": Model(),
    "dear": Model(prompt=2, completion=3),
    "growing": Model(longest=3000, first_hold=64),
}


def price(model: str, prompt: int, completion: int) -> int:
    """Return what these tokens cost."""
    card = MODELS[model]
    return prompt * card.prompt + completion * card.completion


class Log:
    """An append-only file of JSON lines; a line that was written survives the death of its writer."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)

    def add(self, **fields: Any) -> None:
        """Write a line, with the time."""
        fields["at"] = time.time()
        os.write(self._file, json.dumps(fields).encode() + b"\n")


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log; a writer that was killed may have left a torn last one."""
    lines = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines
