"""A month in the life of an organisation, and every figure that the seed documents show, recounted from the ledger.

What is compared: what the API says, and a sum over the rows of the ledger (``recount.py``), to the token. Lists, files
and single requests are in test_month_rows.py, series of use and overviews in test_month_sums.py.
"""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import openai
import pytest

from tests.e2e.month.life import EVERY, TOKENS, USES, Month, zone_at_noon
from tests.e2e.month.recount import Row, mixes_of
from tests.e2e.organisation import Organisation, RefusedError

MILLION = 1_000_000


def test_every_request_is_charged_by_its_rate(month: Month, acme: Organisation, globex: Organisation) -> None:
    uses = {acme.requests[name]: charge for name, charge in USES.items()} | {globex.requests["images"]: 6000}
    for name, one in month.organisations.items():
        events = one.events()
        assert sorted(event["request_id"] for event in events) == sorted(one.requests.values())
        for event in events:
            price = month.price_of(name, event)
            expected = price.charge(event) if price else uses[event["request_id"]]
            assert event["charge"] == expected, event
            if event["endpoint"] == "chat/completions":
                assert (event["prompt_tokens"], event["source"]) == (8, "upstream")


def test_who_ran_dry_dipped_into_the_surplus(acme: Organisation) -> None:
    events = {event["request_id"]: event for event in acme.events(user_id="ben", resource=TOKENS)}
    shown = {
        name: (event["pool"], event["allocated_amount"], event["surplus_amount"])
        for name in ("ben's own", "ben runs dry", "ben dips in")
        for event in [events[acme.requests[name]]]
    }
    assert shown == {
        "ben's own": ("allocated", 68, 0),
        "ben runs dry": ("hybrid", 82, 26),
        "ben dips in": ("surplus", 0, 48),
    }
    assert [event["request_id"] for event in acme.events(pool="hybrid", resource=TOKENS)] == [
        acme.requests["ben runs dry"]
    ]


@pytest.mark.parametrize(("name", "resource"), EVERY)
def test_every_event_says_which_pool_paid(month: Month, name: str, resource: str) -> None:
    recount = month.recount(name, resource)
    for event in recount.events:
        assert (event["pool"], event["allocated_amount"], event["surplus_amount"]) == recount.pools_of(event)
        assert event["allocated_amount"] + event["surplus_amount"] == event["charge"]


@pytest.mark.parametrize(("name", "resource"), EVERY)
def test_the_balance_is_the_sum_of_all_that_moved(month: Month, name: str, resource: str) -> None:
    recount = month.recount(name, resource)
    balance = month.organisations[name].admin.get("/api/v1/balance", resource=resource)
    assert (balance["balance"], balance["available"], balance["reserved"]) == (recount.balance, recount.balance, 0)
    assert balance["debt"] == recount.debt == 0
    assert [entry["balance_after"] for entry in recount.entries] == recount.running
    assert sum(recount.books.values()) == 0


@pytest.mark.parametrize(("name", "resource"), EVERY)
def test_each_pack_holds_what_its_entries_left(month: Month, name: str, resource: str) -> None:
    recount = month.recount(name, resource)
    packs = [pack for pack in month.organisations[name].admin.all("/api/v1/packs") if pack["resource"] == resource]
    live = [pack for pack in packs if pack["status"] == "active"]
    assert {pack["id"]: pack["remaining"] for pack in live} == {
        pack["id"]: recount.remaining(pack["id"]) for pack in live
    }
    assert sum(pack["remaining"] for pack in live) == recount.balance
    balance = month.organisations[name].admin.get("/api/v1/balance", resource=resource)
    sizes = sum(pack["size"] for pack in packs if pack["status"] in {"active", "depleted"})
    state = "normal" if 10 * recount.balance >= sizes else "running_low"
    assert (balance["active_packs"], balance["state"]) == (len(live), state)
    granted = {entry["pack_id"]: entry["amount"] for entry in recount.entries if entry["kind"] == "grant"}
    assert {pack["id"]: pack["size"] for pack in packs} == granted


def test_packs_that_are_gone_say_why(acme: Organisation) -> None:
    by_id = {pack["id"]: pack for pack in acme.admin.all("/api/v1/packs")}
    shown = {name: by_id[pack_id]["status"] for name, pack_id in acme.packs.items()}
    assert (shown["short"], shown["withdrawn"], shown["images"]) == ("expired", "revoked", "depleted")
    assert {shown[name] for name in ("surplus", "ben", "cem, large", "pages")} == {"active"}
    kinds = {entry["kind"]: entry for entry in acme.entries(TOKENS)}
    assert (kinds["expire"]["pack_id"], kinds["expire"]["amount"]) == (acme.packs["short"], 500 - 29)
    assert (kinds["revoke"]["pack_id"], kinds["revoke"]["amount"]) == (acme.packs["withdrawn"], 800 - 41)


def test_the_recurring_pack_was_granted_once(acme: Organisation) -> None:
    (schedule,) = acme.farebox.admin("GET", f"/accounts/{acme.id}/recurring")["data"]
    packs = [pack for pack in acme.admin.all("/api/v1/packs") if pack["note"] == "cem, each month"]
    assert [(pack["id"], pack["size"]) for pack in packs] == [(schedule["last_pack_id"], 1000)]
    assert packs[0]["expires_at"] == schedule["next_at"]


@pytest.mark.parametrize(("name", "resource"), EVERY)
def test_the_surplus_replays_the_ledger(month: Month, name: str, resource: str) -> None:
    recount = month.recount(name, resource)
    end = dt.datetime.now(dt.UTC)
    span = {"from": (end - dt.timedelta(hours=3)).isoformat(), "to": end.isoformat()}
    series = month.organisations[name].admin.get("/api/v1/surplus", resource=resource, step="hour", **span)
    assert (series["opening"], series["closing"]) == (0, recount.surplus[-1])
    before = 0
    for step in series["steps"]:
        entries = zip(recount.surplus, recount.entries, strict=True)
        within = [surplus for surplus, entry in entries if step["from"] <= entry["at"] < step["to"]]
        assert (step["balance"], step["lowest"]) == ([before, *within][-1], min([before, *within]))
        before = step["balance"]
    told = {"used": {"usage", "overdraft"}, "expired": {"expire"}, "revoked": {"revoke"}, "refunded": {"refund"},
            "granted": {"grant"}, "repaid": {"repay"}, "corrected": {"correction"}}  # fmt: skip
    for line, kinds in told.items():
        moved = sum(recount.surplus_move(entry) for entry in recount.entries if entry["kind"] in kinds)
        assert sum(step[line] for step in series["steps"]) == abs(moved), line


@pytest.mark.parametrize(("name", "resource"), EVERY)
def test_the_statement_closes(month: Month, name: str, resource: str) -> None:
    recount = month.recount(name, resource)
    today = dt.datetime.now(ZoneInfo(zone_at_noon())).strftime("%Y-%m")
    (statement,) = month.organisations[name].admin.get("/api/v1/statements", month=today, resource=resource)["data"]
    expected = {
        "opening": 0,
        "granted": recount.granted,
        "used": recount.used,
        "expired": -recount.of_kind("expire"),
        "revoked": -recount.of_kind("revoke"),
        "corrections": recount.of_kind("correction"),
        "refunds": recount.of_kind("refund"),
        "closing": recount.balance,
        "closes": True,
    }
    assert {line: statement[line] for line in expected} == expected
    gains = expected["granted"] + expected["corrections"] + expected["refunds"]
    assert gains - expected["used"] - expected["expired"] - expected["revoked"] == expected["closing"]


@pytest.mark.parametrize("member", [None, "ben", "cem"])
def test_allocations_are_what_the_packs_hold(month: Month, acme: Organisation, member: str | None) -> None:
    recount = month.recount("acme", TOKENS)
    who = acme.people[member or "ana"]
    shown = who.get("/api/v1/allocations")
    packs = [
        pack
        for pack in acme.admin.all("/api/v1/packs")
        if pack["resource"] == TOKENS
        and pack["status"] == "active"
        and (not member or pack["user_id"] in {None, member})
    ]
    mine = [event for event in recount.events if member in {None, event["user_id"]}]
    assert shown["total"] == shown["available"] == sum(recount.remaining(pack["id"]) for pack in packs)
    assert shown["used_this_month"] == recount.net(mine)
    assert shown["active_allocations"] == 3
    for allocation in shown["allocations"]:
        fitting = [pack for pack in packs if not pack["models"] or allocation["model"] in pack["models"]]
        left = sum(recount.remaining(pack["id"]) for pack in fitting)
        assert (allocation["available"], allocation["remaining"]) == (left, left)
    newest = sorted(mine, key=lambda event: (event["at"], event["request_id"]), reverse=True)
    assert [(use["request_id"], use["amount"]) for use in shown["recent"]] == [
        (event["request_id"], event["charge"]) for event in newest
    ]
    published = who.get("/dashboard/user/token-management/balance")["data"]
    for model, one in published.items():  # what the caller alone may spend, also where that is an admin
        fitting = [pack for pack in packs if pack["user_id"] in {None, member} and model in (pack["models"] or [model])]
        assert one["credit"] == sum(recount.remaining(pack["id"]) for pack in fitting)


def test_what_remained_after_each_use(month: Month, acme: Organisation) -> None:
    recount = month.recount("acme", TOKENS)
    remaining = {use["request_id"]: use["remaining"] for use in acme.people["ben"].get("/api/v1/allocations")["recent"]}
    for event in (event for event in recount.events if event["user_id"] == "ben"):
        packs = [acme.packs["ben"], acme.packs["surplus"]]  # the others were not granted yet, or not his to use
        assert remaining[event["request_id"]] == recount.after(event, packs)


def test_limits_have_counted_what_was_charged(month: Month, acme: Organisation, bias: dict[str, int]) -> None:
    recount = month.recount("acme", TOKENS)
    mine: dict[tuple[str, Any], list[Row]] = {
        ("account", None): recount.events,
        ("model", "tiny"): [event for event in recount.events if event["model"] == "tiny"],
        ("member", "ben"): [event for event in recount.events if event["user_id"] == "ben"],
        ("member", "cem"): [event for event in recount.events if event["user_id"] == "cem"],
    }
    shown = {(row["scope"], row["subject"]): row for row in acme.admin.all("/api/v1/limits")}
    assert shown.keys() == mine.keys()
    for whose, events in mine.items():
        ((name, use),) = shown[whose]["usage"].items()
        assert use["used"] == recount.net(events), whose
        assert use["remaining"] == shown[whose]["limits"][name] - use["used"]
    assert shown["member", "cem"]["usage"]["spend_per_day"]["remaining"] == 80 - 29
    with pytest.raises(openai.RateLimitError) as refused:
        acme.people["cem"].chat("tiny", 44, bias=bias)
    details = refused.value.body["details"]  # type: ignore[index]  # the error object
    assert (details["scope"], details["subject"], details["requested"]) == ("member", "cem", 52)
    assert month.recount_now("acme", TOKENS) == recount


def test_an_estimate_is_made_of_what_was_used(month: Month, globex: Organisation) -> None:
    recount = month.recount("globex", "credits")
    shown = globex.admin.get("/api/v1/estimate")
    mixes = mixes_of(recount.events)
    assert {mix.pop("model"): mix for mix in shown["models"]} == mixes
    assert shown["mix"] == {"model": None, **sum(mixes.values(), start=type(mixes["tiny"])())}
    balance, total = recount.balance, shown["mix"]
    assert shown["balance"] == shown["available"] == balance
    for name in ("requests", "prompt_tokens", "completion_tokens"):
        assert shown["left"][name] == balance * total[name] // total["charge"]
    assert shown["left_by_price"] == [
        {
            "model": "tiny",
            "input_tokens": balance * MILLION // 2_500_000,
            "cached_tokens": balance * MILLION // 1_250_000,
            "completion_tokens": balance * MILLION // 10_000_000,
            "images": balance * 10_000 // 20_000_000,
        }
    ]
    assert shown["time_to_empty"]["spent"] == sum(event["charge"] for event in recount.events)


def test_pricing_and_feature_rates_are_what_was_set(acme: Organisation, globex: Organisation) -> None:
    (row,) = globex.admin.get("/api/v1/pricing")["prices"]
    assert [row[kind] for kind in ("input", "cached_input", "completion", "images")] == [
        2_500_000, 1_250_000, 10_000_000, 20_000_000,
    ]  # fmt: skip
    pricing = acme.admin.get("/api/v1/pricing")
    rates = {one["model"]: one["rates"] for one in pricing["rates"]}
    assert (rates["large"]["prompt"], rates["large"]["completion"], rates["simulated"]["completion"]) == (2, 3.5, 0.25)
    features = {(one["feature"], one["model"]): (one["rate"], one["base"]) for one in pricing["features"]}
    assert features == {
        ("ai_bots", None): (2.5, "word"),
        ("ai_bots", "large"): (4, "word"),
        ("training", None): (2, "word"),
        ("scans", None): (1.5, "unit"),
    }
    for query, rate in (({}, 2.5), ({"model": "large"}, 4)):
        found = acme.people["cem"].get("/api/feature-rates/ai_bots", **query)
        assert found["data"] == {
            "feature_key": "ai_bots", "feature_name": "Ai_Bots", "tokens_per_unit": rate, "token_type": "word",
        }  # fmt: skip


def test_a_member_sees_their_own_and_nobody_elses(acme: Organisation) -> None:
    ben = acme.people["ben"]
    assert {event["user_id"] for event in ben.all("/api/v1/events")} == {"ben"}
    assert {entry["user_id"] for entry in ben.all("/api/v1/ledger")} == {"ben"}
    with pytest.raises(RefusedError) as refused:
        ben.get("/api/v1/statements", month="2026-11")
    assert refused.value.status == 403


def test_the_audit_finds_nothing(month: Month) -> None:
    status, report = month.farebox.audit()
    broken = [invariant for invariant in report["invariants"] if invariant["broken"]]
    assert (status, report["clean"], broken) == (0, True, [])
