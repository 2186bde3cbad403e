"""`farebox account|member|key|pack|prices|trail`: tables for people, JSON for scripts, a question before what stays."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from config.settings import Settings
from gateway.cli import main
from tests.conftest import ADMIN_KEY, Start
from tests.integration.api.asking import Api
from tests.integration.api.models import models_of_openai

Farebox = Callable[..., Awaitable[Result]]


@pytest.fixture
async def api(start: Start) -> AsyncIterator[Api]:
    with capture_logs():  # the command line and the gateway share this process, and its stdout
        yield Api(await start())


def environ(api: Api, settings: Settings, **more: str) -> dict[str, str | None]:
    return {
        "FAREBOX_PORT": str(api.client.port),
        "FAREBOX_ADMIN_KEY": ADMIN_KEY,
        "FAREBOX_STATE_DIR": str(settings.state_dir),
        **more,
    }


@pytest.fixture
def farebox(api: Api, settings: Settings) -> Farebox:
    """Return the command line, calling the test's gateway."""

    async def run(*words: str, **more: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, words, env=environ(api, settings, **more))

    return run


async def answer(farebox: Farebox, *words: str) -> Any:
    """Return what a command answers to a script."""
    done = await farebox(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_scripts_manage_accounts_members_keys_and_packs(farebox: Farebox) -> None:
    shop = (await answer(farebox, "account", "create", "Shop", "--min-reserve", "5", "--email", "a@b.c"))["id"]
    assert (await answer(farebox, "account", "change", shop, "--name", "Store"))["name"] == "Store"
    assert (await answer(farebox, "account", "show", shop))["min_reserve"] == 5
    await answer(farebox, "member", "add", shop, "ann/1", "--role", "admin")
    assert (await answer(farebox, "member", "deactivate", shop, "ann/1"))["status"] == "deactivated"
    assert (await answer(farebox, "member", "change", shop, "ann/1", "--status", "active"))["role"] == "admin"
    assert len((await answer(farebox, "member", "list", shop))["data"]) == 1
    terms = ["--limit", "requests_per_minute=60", "--from", "10.0.0.0/8", "--model", "simulated"]
    key = await answer(farebox, "key", "create", shop, "--name", "till", "--user", "ann/1", *terms)
    assert (key["limits"], key["ip_ranges"], key["models"]) == (
        {"requests_per_minute": 60},
        ["10.0.0.0/8"],
        ["simulated"],
    )
    assert (await answer(farebox, "key", "change", key["id"], "--name", "shop"))["name"] == "shop"
    await answer(farebox, "limit", "set", shop, "requests_per_minute=9", "spend_per_day=500", "--member", "ann/1")
    await answer(farebox, "limit", "set", shop, "spend_per_month=9000")
    limits = (await answer(farebox, "limit", "list", shop))["data"]
    assert [row["subject"] for row in limits] == [None, key["id"], "ann/1"]
    assert limits[2]["usage"]["spend_per_day"]["remaining"] == 500
    reset = await answer(farebox, "limit", "reset", shop, "spend_per_day", "--member", "ann/1")
    assert reset["reset"] == ["spend_per_day"]
    table = (await farebox("limit", "list", shop)).output
    assert "spend_per_month 9,000" in table
    twice = await farebox("limit", "set", shop, "--member", "ann/1", "--key", key["id"])
    assert "write one of these options" in twice.output
    assert (await answer(farebox, "limit", "set", shop))["limits"] == {}
    assert len((await answer(farebox, "limit", "list", shop))["data"]) == 2
    rotated = await answer(farebox, "key", "rotate", key["id"], "--overlap-seconds", "60", "--yes")
    assert rotated["key"] != key["key"]
    assert (await answer(farebox, "key", "revoke", key["id"], "--yes"))["revoked_at"]
    pack = await answer(farebox, "pack", "grant", shop, "500", "--note", "hello", "--user", "ann/1")
    assert (await answer(farebox, "pack", "change", pack["id"], "--priority", "7"))["priority"] == 7
    assert (await answer(farebox, "account", "balance", shop))["balance"] == 500
    assert (await answer(farebox, "pack", "revoke", pack["id"], "--yes"))["status"] == "revoked"
    assert len((await answer(farebox, "pack", "list", shop, "--status", "revoked"))["data"]) == 1
    assert (await answer(farebox, "pack", "grant", shop, "--unlimited"))["unlimited"] is True
    lines = (await answer(farebox, "trail", "--account", shop, "--object", "key"))["data"]
    assert [line["action"] for line in lines] == ["revoke", "rotate", "change", "create"]
    assert {line["via"] for line in lines} == {"cli"}


async def test_people_read_tables(farebox: Farebox, api: Api) -> None:
    account_id = await api.account(name="Shop [bold]")
    await api.pack(account_id, size=1_234_567, note="first", user_id="ann")
    await api.good("PATCH", f"/admin/v1/accounts/{account_id}", {"name": "Store"})
    for words, expected in (
        (("account", "list"), [account_id, "Store", "active"]),
        (("pack", "list", account_id), ["Remaining / Total", "1,234,567 / 1,234,567", "first", "ann", "any"]),
        (("account", "balance", account_id), ["Normal", "1,234,567"]),
        (("trail", "--account", account_id), ["change account", "name: Shop [bold] → Store", "platform admin"]),
        (("member", "list", account_id), ["Nothing here."]),
    ):
        done = await farebox(*words)
        assert done.exit_code == 0, done.output
        for text in expected:
            assert text in done.stdout, (words, text)
        assert "\x1b" not in done.stdout


async def test_every_command_shows_its_answer_to_people(farebox: Farebox, api: Api) -> None:
    account_id = await api.account()
    key_id = (await api.good("POST", f"/admin/v1/accounts/{account_id}/keys", {}))["id"]
    pack_id = (await api.pack(account_id, size=5))["id"]
    for words in (
        ("account", "show", account_id),
        ("member", "add", account_id, "u1"),
        ("key", "create", account_id),
        ("key", "list", account_id),
        ("key", "show", key_id),
        ("key", "rotate", key_id, "--yes"),
        ("pack", "show", pack_id),
        ("pack", "grant", account_id, "--unlimited"),
        ("statement", account_id, "--month", "2026-11"),
    ):
        done = await farebox(*words)
        assert done.exit_code == 0, (words, done.output)
        assert done.stdout.strip(), words
    assert "The key is shown this once" in (await farebox("key", "create", account_id)).stderr


async def test_a_list_says_that_there_is_more_and_all_shows_it(farebox: Farebox, api: Api) -> None:
    names = {await api.account(name=f"a{number}") for number in range(3)}
    short = await farebox("account", "list", "--limit", "2")
    assert "There are more" in short.stderr
    found = await answer(farebox, "account", "list", "--all")
    assert ({row["id"] for row in found["data"]}, found["next_cursor"]) == (names, None)


async def test_what_can_not_be_undone_is_refused_where_nobody_can_be_asked(farebox: Farebox, api: Api) -> None:
    account_id = await api.account()
    key = await api.good("POST", f"/admin/v1/accounts/{account_id}/keys", {"name": "till"})
    pack = await api.pack(account_id, size=5)
    for words in (("key", "revoke", key["id"]), ("key", "rotate", key["id"]), ("pack", "revoke", pack["id"])):
        done = await farebox(*words)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.strip().count("\n") == 0
        assert "add --yes" in done.stderr
    assert await api.good("GET", f"/admin/v1/keys/{key['id']}") == {name: key[name] for name in key if name != "key"}
    assert (await api.good("GET", f"/admin/v1/packs/{pack['id']}"))["status"] == "active"


@pytest.mark.parametrize(("typed", "revoked"), [(b"n\n", False), (b"y\n", True)])
async def test_at_a_terminal_it_is_asked(api: Api, settings: Settings, typed: bytes, *, revoked: bool) -> None:
    account_id = await api.account()
    key = await api.good("POST", f"/admin/v1/accounts/{account_id}/keys", {"name": "till"})
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "key", "revoke", key["id"],
        stdin=theirs, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **{name: value or "" for name, value in environ(api, settings).items()}},
    )  # fmt: skip
    _, err = await process.communicate()
    os.close(ours)
    os.close(theirs)
    assert f'The key "till" ({key["prefix"]}' in err.decode()
    assert "This can't be undone" in err.decode()
    now = await api.good("GET", f"/admin/v1/keys/{key['id']}")
    assert (now["revoked_at"] is not None, process.returncode) == (revoked, 0 if revoked else 1)


async def test_a_file_of_packs_is_granted_once_however_often_it_is_imported(
    farebox: Farebox, api: Api, tmp_path: Path
) -> None:
    accounts = [await api.account() for _ in range(3)]
    file = tmp_path / "packs.csv"
    rows = [f"{account_id},100,u{n},a|b" for n, account_id in enumerate(accounts)]
    file.write_text("\n".join(["account_id,size,user_id,models", *rows, "01990000-0000-7000-8000-000000000000,5,,"]))
    refused = await farebox("pack", "import", str(file))
    assert (refused.exit_code, "add --yes" in refused.stderr) == (1, True)
    for _ in range(2):
        done = await farebox("pack", "import", str(file), "--yes")
        assert (done.exit_code, done.stderr) == (
            1,
            "Error: line 5: Account not found. (3 packs of this file are granted)\n",
        )
    for account_id in accounts:
        (pack,) = (await api.good("GET", f"/admin/v1/accounts/{account_id}/packs"))["data"]
        assert (pack["size"], pack["models"]) == (100, ["a", "b"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("size\n5", "line 1: the columns are account_id, size,"),
        ("account_id,size,colour\na,5,red", "line 1: the columns are"),
        ("account_id,size\na,5\nb,five", "line 3: size is no whole number"),
        ("account_id,size\na", "line 2: it has more or fewer fields"),
        ("account_id,size\na,", "line 2: account_id or size is missing"),
        ("\ufffd\x00", "line 1"),
    ],
)
async def test_nothing_is_granted_of_a_wrong_file(farebox: Farebox, tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "packs.csv"
    file.write_text(text)
    done = await farebox("pack", "import", str(file), "--yes")
    assert done.exit_code == 1
    assert problem in done.stderr


async def test_prices_are_shown_asked_about_and_imported(farebox: Farebox, settings: Settings, start: Start) -> None:
    gateway = Api(await start(models_of_openai(settings, "gpt-4o", "nobody-knows-this")))
    port = {"FAREBOX_PORT": str(gateway.client.port)}
    assert "farebox prices import" in (await farebox("prices", "list", **port)).stderr
    refused = await farebox("prices", "import", **port)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "No price is known for nobody-knows-this" in refused.stderr
    assert "$2.50" in refused.stderr
    assert "add --yes" in refused.stderr
    assert (await gateway.good("GET", "/admin/v1/prices"))["data"] == []
    done = await farebox("prices", "import", "--yes", **port)
    assert done.exit_code == 0, done.output
    assert "Added" in done.stderr
    assert "$10.00" in (await farebox("prices", "list", "--model", "gpt-4o", **port)).stdout
    again = await farebox("prices", "import", "--json", **port)
    assert json.loads(again.stdout)["changes"] == []


async def test_errors_are_one_line(farebox: Farebox, api: Api) -> None:
    await api.account()
    cases: list[tuple[tuple[str, ...], dict[str, str], str]] = [
        (("account", "show", "nothing"), {}, "Account not found."),
        (("key", "create", "x", "--limit", "much"), {}, "limits are written as NAME=N"),
        (("account", "list"), {"FAREBOX_ADMIN_KEY": "wrong"}, "The admin key is missing or not valid."),
        (("account", "list"), {"FAREBOX_PORT": "1"}, "no gateway answers at http://127.0.0.1:1"),
        (("trail", "--from", "now"), {}, "from is not right"),
    ]
    for words, more, text in cases:
        done = await farebox(*words, **more)
        assert (done.exit_code, done.stdout) == (1, ""), words
        assert done.stderr.startswith("Error: ")
        assert text in done.stderr
        assert done.stderr.strip().count("\n") == 0
