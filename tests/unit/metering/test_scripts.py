"""The Lua files: what each says of itself, and that the callers are told the truth."""

import re
from hashlib import sha1

import pytest

from metering.scripts import FOLDER, NAMES, READ_ONLY, load_scripts

TEXTS = {name: (FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in NAMES}


def body_of(name: str) -> str:
    """The code without its comments."""
    return "\n".join(line.split("--")[0] for line in TEXTS[name].splitlines())


def header_of(name: str) -> str:
    """The comment at the top."""
    lines = []
    for line in TEXTS[name].splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def test_every_file_is_loaded() -> None:
    assert {path.stem for path in FOLDER.glob("*.lua")} == {*NAMES, "prelude", "limits"}


@pytest.mark.parametrize("name", NAMES)
def test_header_names_the_file_its_keys_arguments_replies_and_callers(name: str) -> None:
    header = header_of(name)
    assert header.startswith(f"{name}.lua: ")
    for word in ("KEYS[1] epoch sentinel", "ARGV", "Returns {", "Caller"):
        assert word in header


@pytest.mark.parametrize("name", NAMES)
def test_header_documents_every_code_that_is_returned(name: str) -> None:
    header, body = header_of(name), body_of(name)
    returned = {int(code) for code in re.findall(r"(?:return \{|answer\(|reply = [^\n]*\{)(-?\d+)", body)}
    documented = {int(code) for code in re.findall(r"(?<![\w.\[{(])(-?\d+) (?=[a-z])", header.split("Returns")[1])}
    assert returned <= documented


@pytest.mark.parametrize("name", NAMES)
def test_number_of_keys_and_arguments_used_is_the_number_documented(name: str) -> None:
    header, body = header_of(name), body_of(name)
    keys = {int(place) for place in re.findall(r"KEYS\[(\d+)\]", body)}
    documented = {int(place) for place in re.findall(r"KEYS\[(\d+)", header)}
    assert keys <= documented
    arguments = {int(place) for place in re.findall(r"ARGV\[(\d+)\]", body)}
    said = header[header.index("ARGV") : header.index("Returns")]
    assert arguments <= {int(place) for place in re.findall(r"(?<![\w\"])(\d+)(?:\.\.)? ", said)}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "epoch"])
def test_epoch_is_compared_before_anything_else(name: str) -> None:
    first = next(line for line in TEXTS[name].splitlines() if line and not line.startswith("--"))
    assert first == "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end"


@pytest.mark.parametrize("name", NAMES)
def test_script_is_sent_with_its_shebang_the_prelude_and_its_own_digest(name: str) -> None:
    script = load_scripts()[name]
    first = script.text.split(b"\n", 1)[0]
    assert first == (b"#!lua flags=no-writes" if name in READ_ONLY else b"#!lua")
    assert script.text.endswith(TEXTS[name].encode())
    assert b"prelude.lua" in script.text
    assert script.digest.decode() == sha1(script.text, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("name", sorted(READ_ONLY))
def test_reads_write_nothing(name: str) -> None:
    assert not re.search(r"redis\.call\('(?:HSET|HDEL|ZADD|ZREM|SET|DEL|HINCRBY)'", body_of(name))


def test_keys_come_only_through_keys_and_no_key_ever_expires() -> None:
    shared = [(FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in ("prelude", "limits")]
    for text in [*TEXTS.values(), *shared]:
        code = "\n".join(line.split("--")[0] for line in text.splitlines())
        assert not re.search(r"redis\.call\('(?:EXPIRE|PEXPIRE|SETEX|PSETEX|KEYS|SCAN)'", code)
        assert not re.search(r"redis\.call\('[A-Z]+', '", code)
        # A minus before a name or a bracket can make -0, which is no integer to HINCRBY (Valkey forgives it).
        assert not re.search(r"(?:[(=,]|\b(?:return|and|or))\s*-\s*[A-Za-z_(]", code)
