"""What a request has to obey, as it is packed, and how a refusal reads."""

import msgspec
import pytest

from metering.core.limits import (
    UNLIMITED,
    Limit,
    Limited,
    LimitSet,
    Scope,
    Shown,
    Wall,
    Windows,
    duration,
    parse_limits,
    shown_of,
    tag_of,
    wall_of,
    whose,
)

RULES = [
    ("k:k1", {"requests_per_minute": 60, "tokens_per_minute": 1000}),
    ("u:ann", {"spend_per_day": 500}),
    ("a", {"spend_per_month": 9000}),
    ("m:dear", {"concurrent_requests": 2, "spend_per_day": 7}),
]
WINDOWS = Windows(1, 2, 3, 4)


def limits() -> LimitSet:
    return LimitSet(RULES, WINDOWS, "tokens")


def unpacked(model: str, user_id: str | None, limits: LimitSet) -> list[object]:
    return list(msgspec.msgpack.decode(limits.packed(model, user_id)))


def test_rules_of_other_models_and_members_are_left_out() -> None:
    key, ann, account, dear = (
        ["k:k1", 60, 1000, 0, 0, 0],
        ["u:ann", 0, 0, 0, 500, 0],
        ["a", 0, 0, 0, 0, 9000],
        ["m:dear", 0, 0, 2, 7, 0],
    )
    assert unpacked("cheap", "ann", limits()) == ["tokens", 1, 2, 3, 4, [key, ann, account]]
    assert unpacked("dear", "ben", limits()) == ["tokens", 1, 2, 3, 4, [key, account, dear]]
    assert unpacked("dear", None, limits())[5] == [key, account, dear]


def test_without_a_rule_there_is_nothing_to_ask() -> None:
    only = LimitSet([("m:dear", {"requests_per_minute": 1})], None, "tokens")
    assert only.packed("cheap", "ann") == UNLIMITED
    assert Limited(only, "cheap", "ann", 10, 5).packed() == UNLIMITED


def test_names_of_models_that_clients_make_up_share_one_packing() -> None:
    found = limits()
    assert found.packed("a", "ann") is found.packed("b", "ann")


def test_a_request_says_its_tokens_before_its_rules() -> None:
    packed = Limited(limits(), "dear", None, 70_000, 12).packed()
    want, least, body = msgspec.msgpack.decode(packed)
    assert (want, least, body[0]) == (70_000, 12, "tokens")


def test_another_day_is_packed_anew() -> None:
    found = limits()
    found.packed("dear", "ann")
    found.turn(Windows(5, 6, 7, 8))
    assert unpacked("dear", "ann", found)[1:5] == [5, 6, 7, 8]


def test_only_spenders_are_asked_about() -> None:
    assert limits().spenders("dear", "ann") == ["u:ann", "a", "m:dear"]
    assert limits().spenders("cheap", "ben") == ["a"]


def test_limits_are_read_as_the_ledger_says_them() -> None:
    found = parse_limits('{"rules": [["a", {"requests_per_minute": 3}]], "windows": null}', "credits")
    assert unpacked("m", None, found) == ["credits", 0, 0, 0, 0, [["a", 3, 0, 0, 0, 0]]]
    spends = parse_limits('{"rules": [["a", {"spend_per_day": 3}]], "windows": [1, 2, 3, 4]}', "credits")
    assert spends.windows == WINDOWS


@pytest.mark.parametrize(("scope", "subject"), [(Scope.ACCOUNT, ""), (Scope.MEMBER, "a:b/ü"), (Scope.MODEL, "u:x")])
def test_tags_name_their_subject(scope: Scope, subject: str) -> None:
    assert whose(tag_of(scope, subject)) == (scope, subject)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0ms"),
        (17, "17ms"),
        (999, "999ms"),
        (1000, "1s"),
        (8640, "8.64s"),
        (59_001, "59.001s"),
        (60_000, "1m0s"),
        (360_000, "6m0s"),
        (3_600_000, "1h0m0s"),
        (111_605_250, "31h0m5.25s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


def test_headers_show_what_is_limited_and_nothing_else() -> None:
    assert shown_of([60, 59, -1, -1, 1500]).headers() == [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1.5s"),
    ]
    assert [name for name, _ in shown_of([-1, -1, 9, 0, 1]).headers()] == [
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
    ]
    assert shown_of([-1, -1, -1, -1, 1]).headers() == []


def wall(tag: bytes, name: bytes, size: int, used: int, requested: int, turns: int) -> Wall:
    return wall_of([tag, name, size, used, requested, turns, [-1, -1, -1, -1, 0]], 1000)


def test_a_wall_says_whose_it_is_and_when_to_come_back() -> None:
    found = wall(b"u:ann", b"spend_per_day", 500, 480, 30, 62_000)
    assert (found.scope, found.subject, found.limit, found.hopeless) == (Scope.MEMBER, "ann", Limit.DAY, False)
    assert found.wait_ms == 61_000
    assert found.message == (
        "Limit reached: spend_per_day of the member ann is 500; 480 used, 30 requested. Try again in 1m1s."
    )
    assert found.shown == Shown(None, -1, None, -1, 0)


def test_a_wall_that_no_waiting_opens_says_so() -> None:
    found = wall(b"k:k1", b"tokens_per_minute", 500, 0, 501, 62_000)
    assert found.hopeless
    assert "too large: tokens_per_minute of this key is 500; 0 used, 501 requested. Lower" in found.message


def test_nobody_knows_when_an_open_request_ends() -> None:
    found = wall(b"a", b"concurrent_requests", 2, 2, 1, 0)
    assert (found.resets_at_ms, found.wait_ms) == (None, 1000)
    assert found.message.startswith("Too many requests at once: concurrent_requests of this account is 2;")
