"""Series of use and overviews of the month, to the token: what they say, and a sum over the events of the ledger."""

import datetime as dt
from typing import Any

import pytest

from tests.e2e.month.life import EVERY, IMAGES, TOKENS, Month, zone_at_noon
from tests.e2e.month.recount import Recount, Row
from tests.e2e.month.series import GROUPS, NAMES, in_order, points_of
from tests.e2e.organisation import Organisation, Person
from tests.waiting import eventually_now

USAGE = "/api/v1/usage"
ALL_SIX = tuple(GROUPS)
QUESTIONS = [
    *(("day", (group,)) for group in GROUPS),
    *((interval, groups) for interval in (*NAMES, "all") for groups in ((), ALL_SIX)),
]


def expected(month: Month, name: str, resource: str, shown: Row, **terms: Any) -> list[Row]:
    """Return the points that a series must have."""

    def input_of(event: Row) -> int:
        price = month.price_of(name, event)
        return price.input_of(event) if price else event["charge"]

    recount = month.recount(name, resource)
    terms = {"interval": shown["interval"], "since": shown["from"], "zone": zone_at_noon(), **terms}
    return points_of(recount, input_of, **terms)


@pytest.mark.parametrize(("name", "resource"), EVERY)
def test_series_are_what_the_events_add_up_to(month: Month, name: str, resource: str) -> None:
    admin = month.organisations[name].admin
    for interval, groups in QUESTIONS:
        query = {"resource": resource, "interval": interval, "group_by": groups}
        shown = admin.get(USAGE, **query)
        points = expected(month, name, resource, shown, groups=groups)
        assert in_order(shown["data"]) == points, (interval, groups)
        assert shown["time_zone"] == zone_at_noon()
    assert in_order(admin.all(USAGE, **query, limit=2)) == points
    assert sum(point["charge"] for point in points) == month.recount(name, resource).charged


def test_a_series_is_narrowed_to_whatever_a_request_has(month: Month, acme: Organisation) -> None:
    filters = ("user_id", "key_id", "model", "feature", "session_id", "endpoint", "pool", "request_id")
    events = month.recount("acme", TOKENS).events
    for name in filters:
        for value in {event[name] for event in events if event[name] is not None}:
            shown = acme.admin.get(USAGE, resource=TOKENS, interval="hour", group_by="model", **{name: value})
            kept = expected(
                month, "acme", TOKENS, shown, groups=["model"], keep=lambda event: event[name] == value  # noqa: B023
            )  # fmt: skip
            assert in_order(shown["data"]) == kept != [], (name, value)


def test_a_member_has_a_series_of_their_own(month: Month, acme: Organisation) -> None:
    shown = acme.people["ben"].get(USAGE, group_by="model")
    assert in_order(shown["data"]) == expected(
        month, "acme", TOKENS, shown, groups=["model"], keep=lambda event: event["user_id"] == "ben"
    )
    assert acme.people["ben"].get(USAGE, user_id="cem")["data"] == []


@pytest.mark.parametrize("measure", ["charge", "requests", "completion_tokens", "refunded"])
def test_a_series_is_sorted_by_any_sum(month: Month, acme: Organisation, measure: str) -> None:
    for sign in ("-", ""):
        points = acme.admin.all(USAGE, resource=TOKENS, group_by="member,model", sort=sign + measure, limit=2)
        sums = [point[measure] for point in points]
        assert sums == sorted(sums, reverse=sign == "-")
        shown = {"interval": "day", "from": ""}
        assert in_order(points) == expected(month, "acme", TOKENS, shown, groups=["member", "model"])


def test_a_series_is_exact_at_any_moment(month: Month) -> None:
    """Of what it adds up a part is in the roll-ups, which are made all the time, and the rest is not yet."""
    initech = Organisation.founded(month.farebox, resources=(TOKENS,), name="Initech")
    initech.welcome("ida", role="admin")
    initech.grant("all", 1000)
    for used in range(1, 31):
        initech.requests[str(used)] = initech.admin.use(resource=TOKENS, amount=used)
        eventually_now(lambda: initech.admin.get("/api/v1/events", request_id=initech.requests[str(used)])["data"])  # noqa: B023
        (point,) = initech.admin.get(USAGE, interval="all", group_by="member")["data"]
        assert (point["requests"], point["charge"]) == (used, used * (used + 1) // 2)


def statistics_of(recounts: list[Recount], unit: str, user_id: str | None) -> dict[str, int]:
    """Return what an overview must say of an account, or of one member of it."""
    mine = [(one, event) for one in recounts for event in one.events if user_id in {None, event["user_id"]}]
    tokens = [event for _, event in mine if event["resource"] in {"tokens", "credits"}]
    images = [(one, event) for one, event in mine if event["resource"] == IMAGES]
    return {
        "tokens_used": sum(event["prompt_tokens"] + event["completion_tokens"] for event in tokens),
        "used": sum(one.net([event]) for one, event in mine if event["resource"] == unit),
        "api_calls": len(mine),
        "images_processed": sum(one.net([event]) for one, event in images),
    }


def person_of(month: Month, name: str, user_id: str | None) -> Person:
    people = month.organisations[name].people
    return people[user_id] if user_id else month.organisations[name].admin


@pytest.mark.parametrize(("name", "user_id"), [("acme", None), ("acme", "ben"), ("globex", None), ("globex", "fay")])
def test_an_overview_is_what_the_ledger_adds_up_to(month: Month, name: str, user_id: str | None) -> None:
    one, recounts = month.organisations[name], month.recounts(name)
    shown = person_of(month, name, user_id).get("/api/v1/overview")
    told = shown["statistics"]
    assert {key: told[key] for key in ("tokens_used", "used", "api_calls")} == {
        key: value for key, value in statistics_of(recounts, one.unit, user_id).items() if key != "images_processed"
    }
    assert told["current_balance"] == shown["balance"]["balance"] == recounts[0].balance
    age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(told["last_updated"])
    assert dt.timedelta() <= age < dt.timedelta(seconds=30)
    for recount in recounts:
        mine = [event for event in recount.events if user_id in {None, event["user_id"]}]
        if mine:
            assert shown["used"][mine[0]["resource"]] == {
                "requests": len(mine),
                "charge": sum(event["charge"] for event in mine),
                "refunded": sum(recount.refunded(event["request_id"]) for event in mine),
                "tokens": sum(event["prompt_tokens"] + event["completion_tokens"] for event in mine),
            }


def test_images_are_counted_whatever_they_are_charged_in(acme: Organisation, globex: Organisation) -> None:
    shown = {
        "all of acme's": acme.admin.get("/api/v1/overview"),
        "ben's": acme.people["ben"].get("/api/v1/overview"),
        "globex's, in credits": globex.admin.get("/api/v1/overview"),
    }
    processed = {whose: one["statistics"]["images_processed"] for whose, one in shown.items()}
    assert processed == {"all of acme's": 7 + 25, "ben's": 7, "globex's, in credits": 3}


def test_an_overview_says_who_the_account_is(acme: Organisation) -> None:
    account = acme.admin.get("/api/v1/overview")["account"]
    assert [account[name] for name in ("id", "name", "email", "plan", "domain", "unit", "time_zone", "status")] == [
        acme.id, "Acme", "ana@acme.example", "pro", "acme.example", "tokens", zone_at_noon(), "active",
    ]  # fmt: skip
    assert dt.datetime.fromisoformat(account["since"]) < dt.datetime.now(dt.UTC)
