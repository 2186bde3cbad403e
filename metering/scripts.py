"""The Lua scripts: their texts and digests."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from pathlib import Path

FOLDER = Path(__file__).parent / "lua"
NAMES = (
    "reserve",
    "extend",
    "renew",
    "finish",
    "apply",
    "release",
    "load",
    "announce",
    "sweep",
    "epoch",
    "state",
    "rebuild",
    "spend",
    "limits_state",
    "limits_reset",
    "key_put",
    "key_get",
)
# These are called for reads; declared so, they also run where writes are refused.
READ_ONLY = frozenset({"state", "limits_state", "key_get"})
# These count for limits.
LIMITED = frozenset(NAMES) - {"renew", "sweep", "epoch", "load", "rebuild", "spend", "key_put", "key_get"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One script as Redis gets it."""

    name: str
    text: bytes
    digest: bytes


@cache
def load_scripts() -> dict[str, Script]:
    """Return all scripts by name, each with what it shares with others in front."""
    prelude = (FOLDER / "prelude.lua").read_text(encoding="utf-8")
    limits = (FOLDER / "limits.lua").read_text(encoding="utf-8")
    scripts: dict[str, Script] = {}
    for name in NAMES:
        # The shebang makes Redis refuse a script before its first write (out of memory, read-only replica).
        shebang = "#!lua flags=no-writes\n" if name in READ_ONLY else "#!lua\n"
        shared = prelude + limits if name in LIMITED else prelude
        text = (shebang + shared + (FOLDER / f"{name}.lua").read_text(encoding="utf-8")).encode()
        digest = sha1(text, usedforsecurity=False).hexdigest().encode()
        scripts[name] = Script(name=name, text=text, digest=digest)
    return scripts
