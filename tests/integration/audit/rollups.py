"""Roll-ups as a superuser might break them: the invariant that names it, the statement, and the row that is named."""

from typing import Any

ROLL = "SELECT roll_account(account_id, 10000) FROM accounts;"
ROLLUP_BREAKS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "rollups_equal_charges",
        ROLL + "UPDATE rollups SET charge = charge + 1 WHERE resource = 'images' AND dims = 6",  # noqa: S608 - ours
        {"resource": "images", "charge": 9, "rolled": 10},
    ),
    ("rollups_equal_charges", ROLL + "DELETE FROM rollups WHERE resource = 'images'", {"charge": 9, "rolled": None}),  # noqa: S608 - ours
    (
        "rollups_equal_charges",
        ROLL + "UPDATE rollup_marks SET version = 2",  # noqa: S608 - ours
        {"resource": "images", "charge": None, "rolled": 9},
    ),
    (
        "rollups_agree",
        ROLL + "UPDATE rollups SET requests = 0 WHERE resource = 'images' AND dims = 3",  # noqa: S608 - ours
        {"resource": "images", "sets": 7},
    ),
    (
        "days_are_hours",
        ROLL + "UPDATE rollups SET charge = charge + 1 WHERE resource = 'images' AND dims = 11",  # noqa: S608 - ours
        {"resource": "images", "dims": 1, "charge": 9, "of_the_day": 10},
    ),
    (
        "days_are_hours",
        ROLL + "DELETE FROM rollups WHERE resource = 'images' AND dims = 16",  # noqa: S608 - ours
        {"resource": "images", "dims": 6, "charge": 9, "of_the_day": None},
    ),
    ("rollups_agree", ROLL + "DELETE FROM rollups WHERE resource = 'images' AND dims = 0", {"sets": 6}),  # noqa: S608 - ours
]
