"""…/statements and /admin/v1/seals over HTTP."""

import csv
import io
from typing import Any

import pytest

from metering.ids import new_id
from metering.sealer import Sealer
from tests.integration.api.asking import Api

FIELDS = [
    "account_id", "month", "time_zone", "from", "to", "resource", "opening", "granted", "used", "expired", "revoked",
    "corrections", "refunds", "closing", "closes", "final", "entries", "opening_version", "closing_version",
]  # fmt: skip
VERIFY = "/admin/v1/seals/verify"


async def month_of(api: Api, account_id: str) -> str:
    """Return the month that the account is in now."""
    (entry, *_) = (await api.good("GET", "/admin/v1/ledger", account_id=account_id))["data"]
    return str(entry["at"][:7])


async def busy(api: Api) -> tuple[str, str]:
    """Return an account with two resources, and the month in which it has used them."""
    account_id = await api.account()
    await api.pack(account_id, size=100)
    await api.booking(account_id).grant(10, resource='=pages, "of" paper')  # which the API would not take
    await api.booking(account_id).charge(30)
    return account_id, await month_of(api, account_id)


async def test_a_statement_is_a_list_with_one_for_each_resource(api: Api) -> None:
    account_id, month = await busy(api)
    path = f"/admin/v1/accounts/{account_id}/statements"
    page = await api.good("GET", path, month=month)
    assert page["next_cursor"] is None
    pages, tokens = page["data"]
    assert list(tokens) == [*FIELDS, "kinds", "seals"]
    assert (pages["resource"], pages["granted"], pages["closing"]) == ('=pages, "of" paper', 10, 10)
    assert {name: tokens[name] for name in FIELDS[6:15]} == {
        "opening": 0, "granted": 100, "used": 30, "expired": 0, "revoked": 0, "corrections": 0, "refunds": 0,
        "closing": 70, "closes": True,
    }  # fmt: skip
    assert tokens["kinds"] == [
        {"kind": "grant", "entries": 1, "amount": 100, "delta": 100},
        {"kind": "usage", "entries": 1, "amount": 30, "delta": -30},
    ]
    assert tokens["seals"] == {"first": None, "last": None, "complete": False}
    assert (await api.good("GET", path, month=month, resource="tokens"))["data"] == [tokens]


async def test_the_csv_says_the_same_and_runs_no_formula(api: Api) -> None:
    account_id, month = await busy(api)
    path = f"/admin/v1/accounts/{account_id}/statements"
    await Sealer(api.deps.ledger, seal_seconds=0).seal_due()
    rows = (await api.good("GET", path, month=month))["data"]
    reply = await api.get(f"{path}.csv", month=month)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert reply.headers["content-disposition"] == f'attachment; filename="statement-{account_id}-{month}.csv"'
    assert reply.headers["cache-control"] == "no-store"
    assert reply.body.endswith("\r\n")
    head, *found = list(csv.reader(io.StringIO(reply.body, newline="")))
    assert head == [*FIELDS, "first_seal", "last_seal"]
    for row, cells in zip(rows, found, strict=True):
        expected = [*(row[name] for name in FIELDS), row["seals"]["first"], row["seals"]["last"]]
        texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in expected]
        assert cells == [f"'{text}" if text.startswith("=") else text for text in texts]


async def test_an_accounts_admin_reads_its_own_statement_and_a_member_none(api: Api) -> None:
    account_id, month = await busy(api)
    other, _ = await busy(api)
    boss, member = await api.key(account_id, role="admin"), await api.key(account_id, user_id="u1")
    for kind in ("", ".csv"):
        path = f"/api/v1/statements{kind}"
        reply = await api.ask("GET", path, headers=boss, month=month)
        assert reply.body == (await api.get(f"/admin/v1/accounts/{account_id}/statements{kind}", month=month)).body
        assert other not in str(reply.body)
        refused = await api.ask("GET", path, headers=member, month=month)
        assert (refused.status, refused.error["code"]) == (403, "not_allowed")
        assert (await api.ask("GET", path, headers={}, month=month)).status == 401
        foreign = await api.ask("GET", path, headers=boss, month=month, account_id=other)
        assert (foreign.status, foreign.error["param"]) == (400, "account_id")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "month"),
    ({"month": "2026-13"}, "month"),
    ({"month": "november"}, "month"),
    ({"month": "2026-11", "resource": ""}, "resource"),
    ({"month": "2026-11", "colour": "red"}, "colour"),
]


async def test_a_query_that_is_wrong_is_refused_by_name(api: Api) -> None:
    account_id = await api.account()
    for kind in ("", ".csv"):
        for query, param in WRONG:
            reply = await api.get(f"/admin/v1/accounts/{account_id}/statements{kind}", **query)
            assert (reply.status, reply.error["param"]) == (400, param), query
        for stranger in (new_id(), "nobody"):
            assert (await api.get(f"/admin/v1/accounts/{stranger}/statements{kind}", month="2026-11")).status == 404


async def test_seals_are_listed_newest_first_page_by_page(api: Api) -> None:
    accounts = [await api.account() for _ in range(3)]
    for account_id in accounts:
        await api.pack(account_id, size=100)
    await Sealer(api.deps.ledger, seal_seconds=0).seal_due()
    whole = (await api.good("GET", "/admin/v1/seals"))["data"]
    assert [seal["position"] for seal in whole] == [3, 2, 1]
    assert {seal["account_id"] for seal in whole} == set(accounts)
    assert [seal["previous_overall"] for seal in whole] == [whole[1]["hash"], whole[2]["hash"], "0" * 64]
    assert whole[0]["sums"] == [["tokens", "grant", 1, 100, 100]]
    assert list(whole[0]) == [
        "position", "account_id", "number", "first_version", "last_version", "entries", "first_day", "last_day", "sums",
        "previous", "previous_overall", "sealed_at", "hash",
    ]  # fmt: skip
    first = await api.good("GET", "/admin/v1/seals", limit=2)
    second = await api.good("GET", "/admin/v1/seals", limit=2, cursor=first["next_cursor"])
    assert [*first["data"], *second["data"]] == whole
    assert second["next_cursor"] is None
    own = await api.good("GET", "/admin/v1/seals", account_id=accounts[1])
    assert [seal["account_id"] for seal in own["data"]] == [accounts[1]]


async def test_a_verification_names_what_was_altered(api: Api) -> None:
    account_id, _ = await busy(api)
    await Sealer(api.deps.ledger, seal_seconds=0).seal_due()
    report = await api.good("POST", VERIFY)
    assert (report["clean"], report["findings"], report["entries"], report["unsealed"]) == (True, [], 3, 0)
    assert (await api.good("POST", VERIFY, anchor=report["head"]))["clean"]
    assert (await api.good("POST", VERIFY, since=report["head"]))["entries"] == 0
    assert not (await api.good("POST", VERIFY, anchor=f"9:{'0' * 64}"))["clean"]
    async with api.deps.ledger.connection() as connection:
        await connection.execute(
            "SET session_replication_role = replica; UPDATE entries SET reason = 'x' WHERE seq = 1"
        )
    report = await api.good("POST", VERIFY)
    (finding,) = report["findings"]
    assert (finding["what"], finding["found"], finding["account_id"]) == ("entry", "changed", account_id)
    assert (finding["version"], finding["seq"]) == (1, 1)


@pytest.mark.parametrize("name", ["anchor", "since", "colour"])
async def test_an_anchor_that_is_none_is_refused_by_name(api: Api, name: str) -> None:
    reply = await api.ask("POST", VERIFY, **{name: "12"})
    assert (reply.status, reply.error["param"]) == (400, name)
