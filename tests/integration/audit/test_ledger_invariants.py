"""The audit of the ledger: clean after everything that may happen, and not after anything that may not."""

from typing import Any

import msgspec
import pytest

from metering.audit import REPORTS, ROWS_MAX, Audit, AuditReport
from metering.ids import new_id
from metering.metrics import METRICS
from metering.queries import load_invariants
from tests.integration.audit.rollups import ROLLUP_BREAKS
from tests.integration.audit.test_pool_invariants import POOLS
from tests.integration.booking import Booking


@pytest.fixture
async def one_of_each(booking: Booking) -> dict[str, Any]:
    """A ledger with one of everything; ids by name."""
    own, dear = await booking.grant(50, user_id="u1", models=["m"]), await booking.grant(500, priority=60)
    revoked, expired = await booking.grant(10, priority=99), await booking.grant(20, priority=98)
    spare = await booking.grant(7, user_id="u9")
    ids = {
        "spare": spare.id,
        "account": booking.account_id,
        "own": own.id,
        "dear": dear.id,
        "plain": await booking.charge(100),
        "refunded": await booking.charge(30),
        "recovered": await booking.charge(5, source="recovered", status="recovered"),
        "corrected": await booking.recover(60, 40),
        "corrected_up": await booking.recover(10, 25),
    }
    await booking.books.pages.refund(ids["refunded"], 20, "sorry")
    await booking.books.packs.revoke(revoked.id)
    await booking.expire(expired)
    ids["debtor"] = await booking.charge(700, reserved=100, model="other")
    # A refund to the pack revoked and expired, then what an unlimited pack pays, and takes back.
    repaid = await booking.grant(50)
    await booking.books.packs.revoke(repaid.id)
    await booking.books.pages.refund(ids["debtor"], 40, "to the dead")
    free = await booking.grant(None, models=["m"])  # not for the model of the debtor, whose debt it leaves
    ids["free"] = await booking.charge(70)
    await booking.books.pages.refund(ids["free"], 10, "sorry")
    await booking.recover(80, 90)
    await booking.recover(80, 60)
    await booking.charge(0)
    await booking.grant(5, resource="images")
    await booking.charge(9, resource="images", reserved=5)
    await booking.books.accounts.change(booking.account_id, min_reserve=3)
    await booking.books.packs.change(own.id, note="mine")
    return {**ids, "booking": booking, "unlimited": free.id, "revoked": revoked.id, "expired": expired.id}


async def audit_of(booking: Booking) -> AuditReport:
    """Run an audit of the ledger alone."""
    return await Audit(booking.ledger, None).run()


def broken_in(report: AuditReport) -> dict[str, int]:
    """Return the invariants that are broken, and by how many rows."""
    return {invariant.name: invariant.broken for invariant in report.invariants if invariant.broken}


async def test_an_empty_ledger_is_clean(booking: Booking) -> None:
    report = await audit_of(booking)
    assert report.clean
    assert [invariant.name for invariant in report.invariants] == list(load_invariants())
    assert all(invariant.rows == [] for invariant in report.invariants)


async def test_a_ledger_with_one_of_everything_is_clean(one_of_each: dict[str, Any]) -> None:
    booking: Booking = one_of_each["booking"]
    kinds = await booking.value("SELECT array_agg(DISTINCT kind) FROM entries")
    assert {*kinds, "purchase"} == {
        "grant", "purchase", "auto_grant", "usage", "overdraft", "repay", "expire", "revoke", "refund", "correction",
    }  # fmt: skip
    report = await audit_of(booking)
    assert broken_in(report) == {}
    assert report.clean


async def test_the_largest_debt_is_reported_and_breaks_nothing(one_of_each: dict[str, Any]) -> None:
    report = await audit_of(one_of_each["booking"])
    (told,) = [invariant for invariant in report.invariants if invariant.name in REPORTS]
    (row,) = told.rows
    assert msgspec.json.decode(row)["request_id"] == one_of_each["debtor"]
    assert told.broken == 0


async def test_a_ledger_is_clean_however_much_of_it_is_rolled(one_of_each: dict[str, Any]) -> None:
    for requests in (2, 2, 10_000):
        await one_of_each["booking"].execute("SELECT roll_account(account_id, $1) FROM accounts", requests)
        assert broken_in(await audit_of(one_of_each["booking"])) == {}


async def test_the_last_report_is_kept(booking: Booking) -> None:
    audit = Audit(booking.ledger, None)
    assert await audit.last() is None
    await audit.run()
    report = await audit.run()
    assert await audit.last() == report


SEAL = "SELECT * FROM seal_account('{account}', '0', 9, 9);"
# What a superuser breaks behind the triggers' back: the invariant that names it, and the row that is named.
BREAKS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "charged_once",
        "ALTER TABLE events DROP CONSTRAINT events_check;"
        'INSERT INTO events SELECT (jsonb_populate_record(e, \'{{"day": "2020-01-01"}}\')).*'
        " FROM events e WHERE request_id = '{plain}'",
        {"request_id": "{plain}"},
    ),
    (
        "entries_equal_charges",
        "UPDATE events SET charge = charge + 1, surplus_amount = surplus_amount + 1 WHERE request_id = '{plain}'",
        {"request_id": "{plain}"},
    ),
    ("entries_equal_charges", "DELETE FROM events WHERE request_id = '{plain}'", {"request_id": "{plain}"}),
    (
        "entries_equal_charges",
        "UPDATE entries SET amount = amount - 1, delta = delta - 1"
        " WHERE request_id = '{corrected}' AND kind = 'correction'",
        {"request_id": "{corrected}"},
    ),
    (
        "events_split_by_pool",
        "UPDATE events SET allocated_amount = allocated_amount - 1, surplus_amount = surplus_amount + 1"
        " WHERE request_id = '{plain}'",
        {"request_id": "{plain}"},
    ),
    (
        "events_split_by_pool",
        "UPDATE events SET debt_amount = 0 WHERE request_id = '{debtor}'",
        {"request_id": "{debtor}"},
    ),
    (
        "refunds_within_charges",
        "UPDATE entries SET amount = 31, delta = 31 WHERE request_id = '{refunded}' AND kind = 'refund'",
        {"request_id": "{refunded}"},
    ),
    (
        "corrections_follow_recoveries",
        "UPDATE events SET source = 'upstream' WHERE request_id = '{corrected}'",
        {"request_id": "{corrected}"},
    ),
    (
        "corrections_follow_recoveries",
        "UPDATE corrections SET exact = exact + 1 WHERE request_id = '{corrected}'",
        {"request_id": "{corrected}"},
    ),
    ("packs_conserved", "UPDATE packs SET remaining = remaining + 1 WHERE pack_id = '{own}'", {"pack_id": "{own}"}),
    (
        "packs_conserved",
        "UPDATE entries SET book_to = 'pack:nobody' WHERE pack_id = '{own}' AND kind = 'grant'",
        {"book": "pack:nobody"},
    ),
    ("packs_conserved", "DELETE FROM packs WHERE pack_id = '{own}'", {"book": "pack:{own}"}),
    ("packs_granted_once", "UPDATE packs SET size = size + 1 WHERE pack_id = '{dear}'", {"pack_id": "{dear}"}),
    ("packs_in_range", "UPDATE packs SET closed_at = NULL WHERE pack_id = '{revoked}'", {"pack_id": "{revoked}"}),
    (
        "packs_in_range",
        "ALTER TABLE packs DROP CONSTRAINT packs_check; UPDATE packs SET remaining = -1 WHERE pack_id = '{own}'",
        {"pack_id": "{own}"},
    ),
    ("debts_conserved", "UPDATE account_resources SET debt = debt + 1", {"account_id": "{account}"}),
    ("debts_conserved", "DELETE FROM debts", {"account_id": "{account}"}),
    ("debts_of_requests", "UPDATE debts SET open = open + 1 WHERE request_id = '{debtor}'", {"request_id": "{debtor}"}),
    ("debts_explained", "UPDATE events SET reserved = charge", {"account_id": "{account}", "resource": "images"}),
    (
        "system_conserved",
        "UPDATE packs SET remaining = remaining - 1 WHERE pack_id = '{spare}'",
        {"resource": "tokens"},
    ),
    (
        "system_conserved",
        "UPDATE events SET charge = charge + 1, surplus_amount = surplus_amount + 1 WHERE request_id = '{plain}'",
        {"resource": "tokens"},
    ),
    (
        "system_conserved",
        "UPDATE account_resources SET debt = debt + 1 WHERE resource = 'images'",
        {"resource": "images"},
    ),
    (
        "versions_gap_free",
        "DELETE FROM account_changes WHERE version = (SELECT max(version) FROM account_changes)",
        {"account_id": "{account}"},
    ),
    ("versions_gap_free", "UPDATE accounts SET version = version + 1", {"account_id": "{account}"}),
    ("versions_gap_free", "DELETE FROM accounts", {"account_id": "{account}"}),
    ("entries_numbered", "UPDATE entries SET seq = seq + 1 WHERE version = 1", {"account_id": "{account}"}),
    (
        "entries_replay",
        "UPDATE entries SET balance_after = balance_after + 1 WHERE pack_id = '{own}' AND kind = 'grant'",
        {"account_id": "{account}"},
    ),
    ("balances_replay", "UPDATE packs SET remaining = remaining - 1 WHERE pack_id = '{spare}'", {"resource": "tokens"}),
    (
        "entries_follow_their_kind",
        "UPDATE entries SET kind = 'repay' WHERE pack_id = '{own}' AND kind = 'grant'",
        {"pack_id": "{own}"},
    ),
    (
        "entries_follow_their_kind",
        "UPDATE entries SET delta = 0 - delta WHERE pack_id = '{own}' AND kind = 'grant'",
        {"pack_id": "{own}"},
    ),
    (
        "entries_follow_their_kind",
        "UPDATE entries SET pack_id = '{dear}' WHERE pack_id = '{own}' AND kind = 'grant'",
        {"pack_id": "{dear}"},
    ),
    ("draws_in_scope", "UPDATE packs SET user_id = 'u2' WHERE pack_id = '{own}'", {"pack_id": "{own}"}),
    ("draws_in_scope", "UPDATE packs SET models = '{{n}}' WHERE pack_id = '{own}'", {"pack_id": "{own}"}),
    ("draws_in_scope", "UPDATE packs SET resource = 'images' WHERE pack_id = '{own}'", {"pack_id": "{own}"}),
    (
        "no_dead_pack_drawn",
        "UPDATE packs SET expires_at = '2020-01-01' WHERE pack_id = '{own}'",
        {"pack_id": "{own}", "request_id": "{plain}"},
    ),
    (
        "no_dead_pack_drawn",
        "UPDATE entries SET version = 2, seq = 9 WHERE pack_id = '{revoked}' AND kind = 'revoke';"
        "UPDATE entries SET book_from = 'pack:{revoked}', pack_id = '{revoked}'"
        " WHERE request_id = '{plain}' AND pack_id = '{own}'",
        {"pack_id": "{revoked}", "request_id": "{plain}"},
    ),
    (
        "no_dead_pack_drawn",
        "UPDATE packs SET closed_at = '2020-01-01' WHERE pack_id = '{unlimited}'",
        {"pack_id": "{unlimited}", "request_id": "{free}"},
    ),
    ("append_only", "ALTER TABLE entries DISABLE TRIGGER entries_append_only", {"table_name": "entries"}),
    ("append_only", "ALTER TABLE events_default DISABLE TRIGGER ALL", {"table_name": "events_default"}),
    ("append_only", "DROP TRIGGER corrections_append_only ON corrections", {"table_name": "corrections"}),
    ("seals_contiguous", SEAL + "UPDATE seals SET sums = '[]'", {"position": 1}),  # noqa: S608 - ours
    ("seals_contiguous", SEAL + SEAL + "DELETE FROM seals WHERE position = 1", {"position": 2}),  # noqa: S608 - ours
    ("entries_repeat_their_event", "UPDATE events SET prompt_tokens = 0", {"request_id": "{plain}"}),
    ("append_only", "DROP TRIGGER seals_append_only ON seals", {"table_name": "seals"}),
    *ROLLUP_BREAKS,
    (
        "nothing_parked",
        "INSERT INTO parked_settlements (request_id, settlement, error) VALUES ('r', '{{}}', 'why')",
        {"request_id": "r", "error": "why"},
    ),
]


@pytest.mark.parametrize(
    ("name", "statement", "named"), BREAKS, ids=[f"{name}-{place}" for place, (name, _, _) in enumerate(BREAKS)]
)
async def test_what_is_broken_by_hand_is_named(
    one_of_each: dict[str, Any], name: str, statement: str, named: dict[str, Any]
) -> None:
    booking: Booking = one_of_each["booking"]
    await booking.execute("SET session_replication_role = replica;" + statement.format(**one_of_each))
    report = await audit_of(booking)
    assert not report.clean
    (invariant,) = [one for one in report.invariants if one.name == name]
    assert invariant.broken == len(invariant.rows) > 0
    expected = {key: value.format(**one_of_each) if isinstance(value, str) else value for key, value in named.items()}
    rows = [msgspec.json.decode(row) for row in invariant.rows]
    assert any(expected.items() <= row.items() for row in rows), rows
    assert broken_in(report)[name] == invariant.broken
    assert METRICS.audit_broken._value.get() == len(broken_in(report))


def test_every_invariant_of_the_ledger_is_broken_by_a_test() -> None:
    assert {name for name, _, _ in BREAKS} | POOLS | REPORTS == set(load_invariants())


async def test_an_entry_of_an_unknown_account_is_named(one_of_each: dict[str, Any]) -> None:
    stranger = new_id()
    booking: Booking = one_of_each["booking"]
    await booking.execute(
        f"SET session_replication_role = replica; UPDATE entries SET account_id = '{stranger}' WHERE version = 1"  # noqa: S608 - ours
    )
    report = await audit_of(booking)
    (gaps,) = [one for one in report.invariants if one.name == "versions_gap_free"]
    assert stranger in {msgspec.json.decode(row)["account_id"] for row in gaps.rows}


async def test_a_parked_row_that_was_booked_after_all_is_no_complaint(booking: Booking) -> None:
    await booking.grant(10)
    request_id = await booking.charge(5)
    await booking.execute(
        "INSERT INTO parked_settlements (request_id, settlement, error) VALUES ($1, '', '')", request_id
    )
    assert (await audit_of(booking)).clean


async def test_all_broken_rows_are_counted_and_the_first_are_named(booking: Booking) -> None:
    await booking.grant(100_000)
    await booking.book(*(booking.row(2) for _ in range(ROWS_MAX + 50)))
    await booking.execute("SET session_replication_role = replica; UPDATE events SET charge = 1, surplus_amount = 1")
    report = await audit_of(booking)
    (invariant,) = [one for one in report.invariants if one.name == "entries_equal_charges"]
    assert (invariant.broken, len(invariant.rows)) == (ROWS_MAX + 50, ROWS_MAX)
