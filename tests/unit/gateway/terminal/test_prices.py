"""`farebox prices`: amounts and columns as people read them."""

from typing import Any

import pytest

from gateway.terminal.prices import change_columns, dollars, price_columns
from metering.core.quotes import AMOUNTS

NOTHING = dict.fromkeys(AMOUNTS)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "model": "gpt-4o",
        "service_tier": "default",
        "above_prompt_tokens": 0,
        "ended": False,
        **NOTHING,
        "input": 2_500_000,
        "completion": 10_000_000,
        **changes,
    }


@pytest.mark.parametrize(
    ("micro", "shown"),
    [(2_500_000, "$2.50"), (62_500, "$0.0625"), (0, "$0.00"), (1_234_000_000, "$1,234.00"), (None, "")],
)
def test_amounts_are_dollars(micro: int | None, shown: str) -> None:
    assert dollars(micro) == shown


def test_a_table_leaves_out_what_nothing_costs() -> None:
    rows = [row(), row(above_prompt_tokens=272_000, input=5_000_000)]
    columns = price_columns(rows)
    assert [column.heading for column in columns] == ["Model", "Tier", "Prompt above", "Input", "Completion"]
    assert [column.show(rows[1]) for column in columns] == ["gpt-4o", "default", "272,000", "$5.00", "$10.00"]


def test_changes_show_the_old_price_and_the_new_one() -> None:
    changes = [
        {"before": row(), "after": row(input=3_000_000)},
        {"before": None, "after": row(model="new")},
        {"before": row(model="old"), "after": row(model="old", ended=True, input=None, completion=None)},
    ]
    columns = change_columns(changes)
    assert [column.heading for column in columns] == ["What", "Model", "Tier", "Prompt above", "Input", "Completion"]
    assert [columns[0].show(change) for change in changes] == ["changes", "new", "ends"]
    assert [columns[4].show(change) for change in changes] == ["$2.50 → $3.00", "$2.50", "$2.50 → -"]
