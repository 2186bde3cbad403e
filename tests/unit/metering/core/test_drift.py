"""Differences between what Redis and Postgres say, field by field."""

import json
from typing import Any

import pytest

from metering.core.drift import counter_differences, snapshot_differences

PACK = ["p1", 900, 0, "", "", "tokens"]
RIGHT: dict[str, Any] = {"st": "active", "fl": None, "mr": 5, "rs": {"tokens": 7}, "pk": [PACK]}


def found(redis: bytes) -> list[tuple[Any, ...]]:
    return [(one.field, one.redis, one.postgres, one.tokens) for one in snapshot_differences(redis, json.dumps(RIGHT))]


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, []),
    ({"st": "suspended"}, [("status", "suspended", "active", 0)]),
    ({"fl": "keep"}, [("floor", "keep", None, 0)]),
    ({"mr": None}, [("min_reserve", None, 5, 0)]),
    ({"rs": {}}, [("debt.tokens", 0, 7, 7)]),
    ({"rs": {"tokens": 7, "images": 2}}, [("debt.images", 2, 0, 2)]),
    ({"pk": [["p1", 950, *PACK[2:]]]}, [("pack.p1.remaining", 950, 900, 50)]),
    ({"pk": [["p1", 900, 99, *PACK[3:]]]}, [("pack.p1.expires_ms", "99", "0", 0)]),
    ({"pk": []}, [("pack.p1", None, 900, 900)]),
    ({"pk": [PACK, ["p2", -1, *PACK[2:]]]}, [("pack.p2", -1, None, 0)]),
])  # fmt: skip
def test_a_field_that_differs_is_named_with_both_values(changes: dict[str, Any], expected: list[Any]) -> None:
    assert found(json.dumps({**RIGHT, **changes}).encode()) == expected


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"rs":1,"pk":2}', b"\xff"])
def test_what_can_not_be_read_differs_as_a_whole(text: bytes) -> None:
    differences = found(text)
    assert "snapshot" in {field for field, *_ in differences}


def test_a_counter_differs_by_what_the_holds_say() -> None:
    texts = ["h:tokens:p1 is 5, holds say 8", "n is 2, holds say 1", "h:tokens: is x, holds say 1", "no deadline: r1"]
    differences = counter_differences(texts)
    assert [(one.field, one.redis, one.postgres, one.tokens) for one in differences] == [
        ("h:tokens:p1", "5", 8, 3),
        ("n", "2", 1, 0),
        ("h:tokens:", "x", 1, 0),
        ("no deadline: r1", None, None, 0),
    ]
