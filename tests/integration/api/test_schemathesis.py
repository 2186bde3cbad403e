"""schemathesis, which makes requests out of the document, finds nothing.

No 5xx, no answer that is not described, nothing malformed that is taken, nothing well-formed that is refused.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ADMIN_KEY
from tests.integration.api.asking import Api
from tests.integration.api.matrix import Caller, Household, make_household

SECONDS_MAX = 600
HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("schemathesis")


def config_lines(home: Household, abroad: Household) -> Iterator[str]:
    """Yield the configuration: the keys are those of one household, its admin's own key is in no path.

    What platform admins change is of the other household, so that this one's keys stay good.
    """
    yield (HERE / "schemathesis.toml").read_text()
    key = home.keys[Caller.ACCOUNT_ADMIN]["Authorization"].removeprefix("Bearer ")
    for name, field, value in (
        ("accountKey", "bearer", key),
        ("apiKeyHeader", "api_key", key),
        ("xApiKeyHeader", "api_key", key),
        ("adminKey", "bearer", ADMIN_KEY),
    ):
        yield f"[auth.openapi.{name}]\n{field} = {json.dumps(value)}"
    ids = [abroad.own.account_id, home.own.key_id, abroad.own.pack_id]
    for name, values in (
        ("ids", ids),
        ("requests", [abroad.own.request_id, abroad.colleagues.request_id]),
        ("users", [home.own.user_id, abroad.own.user_id]),
    ):
        yield f"[dictionaries.{name}]\nvalues = {json.dumps(values)}"
    yield "[parameters]"
    for parameter, name in (("id", "ids"), ("request_id", "requests"), ("user_id", "users")):
        yield f'"path.{parameter}" = {{dictionary = "{name}", probability = 0.6}}'


async def test_schemathesis_finds_nothing(api: Api, tmp_path: Path) -> None:
    home, abroad = await make_household(api, "home"), await make_household(api, "abroad")
    config = tmp_path / "schemathesis.toml"
    config.write_text("\n".join(config_lines(home, abroad)))
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        "--config-file",
        config,
        "run",
        str(api.client.make_url("/openapi.json")),
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_rules", "PYTHONPATH": str(HERE)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            found, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = found.decode()
    assert process.returncode == 0, text
    assert "Stateful" in text
    still_good = await api.ask("GET", "/api/v1/keys", headers=home.keys[Caller.ACCOUNT_ADMIN])
    assert still_good.status == 200  # else everything was refused with a 401, and nothing tried
