"""What somebody changes behind the triggers' back is named: the first row that is not as it was sealed."""

from dataclasses import dataclass

import pytest

from metering.books import Books
from metering.core.seals import Anchor, Finding, parse_anchor
from metering.ledger import Ledger
from metering.sealer import Sealer
from metering.verifier import Verification, Verifier
from tests.integration.booking import Booking

REPLICA = "SET session_replication_role = replica;"


@dataclass(frozen=True, slots=True)
class Sealed:
    """Two accounts with two seals each: the first with the versions 1 to 4 and 5 to 7."""

    booking: Booking
    other: Booking
    ledger: Ledger

    async def verify(self, *anchors: Anchor, since: Anchor | None = None, chunk: int = 3) -> Verification:
        """Verify in small chunks."""
        return await Verifier(self.ledger, chunk=chunk).run(anchors, since)

    async def tamper(self, statement: str) -> None:
        """Run SQL as a superuser whom no trigger stops."""
        await self.booking.execute(REPLICA + statement.format(own=self.booking.account_id, other=self.other.account_id))

    async def seal(self) -> None:
        """Seal what is there."""
        await Sealer(self.ledger, seal_seconds=0).seal_due()


@pytest.fixture
async def sealed(booking: Booking, books: Books, ledger: Ledger) -> Sealed:
    """A sealed ledger; the second account's id is above the first one's."""
    other = Booking(ledger, books, (await books.accounts.create(name="other")).id)
    assert booking.account_id < other.account_id
    found = Sealed(booking, other, ledger)
    for account in (booking, other):
        await account.grant(100)
        for _ in range(2):
            await account.book(account.row(10, session_id="s|1:x"), account.row(20, reason="über € 😀"))
        await account.grant(5, resource="images", note="")
    await found.seal()
    for account in (booking, other):
        await account.charge(300)
        await account.grant(1000)
        await account.charge(7)
    await found.seal()
    await booking.execute("ALTER TABLE entries DROP CONSTRAINT entries_check")  # who tampers removes that too
    return found


async def test_an_untouched_ledger_is_clean(sealed: Sealed) -> None:
    await sealed.booking.charge(1)
    for chunk in (1, 3, 1000):
        report = await sealed.verify(chunk=chunk)
        assert report.findings == []
        assert report.clean
        assert (report.seals, report.unsealed, report.since) == (4, 1, 0)
        assert report.entries == await sealed.booking.value("SELECT sum(entries) FROM seals")


async def test_an_empty_ledger_is_clean_and_has_no_head(ledger: Ledger) -> None:
    report = await Verifier(ledger).run()
    assert (report.clean, report.head, report.seals, report.entries) == (True, None, 0, 0)


COLUMNS = [
    ("id", "uuid7()"), ("day", "day - 1"), ("at", "at - interval '1 microsecond'"), ("kind", "'refund'"),
    ("resource", "'images'"), ("amount", "amount + 1"), ("delta", "0"), ("book_from", "'issued'"),
    ("book_to", "'expired'"), ("balance_after", "balance_after + 1"), ("pack_id", "NULL"), ("request_id", "uuid7()"),
    ("user_id", "'u2'"), ("key_id", "uuid7()"), ("model", "'n'"), ("service", "'x'"), ("session_id", "'s'"),
    ("reason", "NULL"), ("prompt_tokens", "prompt_tokens + 1"), ("completion_tokens", "NULL"), ("source", "'policy'"),
]  # fmt: skip


async def test_every_column_of_an_entry_is_sealed(sealed: Sealed) -> None:
    where = f"account_id = '{sealed.booking.account_id}' AND (version, seq) = (2, 2)"
    columns = await sealed.booking.value(
        "SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = 'entries'::regclass AND attnum > 0"
    )
    assert {name for name, _ in COLUMNS} | {"account_id", "version", "seq"} == set(columns)
    original = await sealed.booking.value(f"SELECT id::text FROM entries WHERE {where}")  # noqa: S608 - ours
    for name, value in COLUMNS:
        await sealed.booking.execute("CREATE TABLE kept AS SELECT * FROM entries")
        await sealed.tamper(f"UPDATE entries SET {name} = {value} WHERE {where}")  # noqa: S608 - ours
        (finding,) = (await sealed.verify()).findings
        assert (finding.what, finding.found, finding.version, finding.seq) == ("entry", "changed", 2, 2), name
        assert finding.id == original
        await sealed.tamper("DELETE FROM entries; INSERT INTO entries SELECT * FROM kept; DROP TABLE kept")
    assert (await sealed.verify()).clean


# What is done, and the findings: (what, found, of which account, version, seq, position).
Expected = tuple[str, str, str | None, int | None, int | None, int]
TAMPERED: list[tuple[str, str, list[Expected]]] = [
    ("two rows, the first is named",
     "UPDATE entries SET amount = amount + 1 WHERE account_id = '{own}' AND version IN (3, 6)",
     [("entry", "changed", "own", 3, 1, 1)]),
    ("a row of each account", "UPDATE entries SET amount = amount + 1 WHERE version = 3 AND seq = 2",
     [("entry", "changed", "own", 3, 2, 1), ("entry", "changed", "other", 3, 2, 2)]),
    ("a removed row", "DELETE FROM entries WHERE account_id = '{own}' AND (version, seq) = (2, 1)",
     [("entry", "missing", "own", 2, 1, 1)]),
    ("the last row of a seal", "DELETE FROM entries WHERE account_id = '{own}' AND version = 4",
     [("entry", "missing", "own", 4, 1, 1)]),
    ("the last row of all", "DELETE FROM entries WHERE account_id = '{other}' AND version = 7",
     [("entry", "missing", "other", 7, 1, 4)]),
    ("all rows of an account", "DELETE FROM entries WHERE account_id = '{own}'",
     [("entry", "missing", "own", 1, 1, 1)]),
    ("all rows", "DELETE FROM entries",
     [("entry", "missing", "own", 1, 1, 1), ("entry", "missing", "other", 1, 1, 2)]),
    ("an inserted row", "INSERT INTO entries SELECT (jsonb_populate_record(e, '{{\"seq\": 9}}')).* FROM entries e"
     " WHERE account_id = '{own}' AND (version, seq) = (3, 1)", [("entry", "inserted", "own", 3, 9, 1)]),
    ("an inserted row before all",
     "INSERT INTO entries SELECT (jsonb_populate_record(e, '{{\"version\": 0}}')).*"
     " FROM entries e WHERE account_id = '{own}' AND (version, seq) = (3, 1)", [("entry", "inserted", "own", 0, 1, 1)]),
    ("a row twice, on another day",
     "INSERT INTO entries SELECT (jsonb_populate_record(e, '{{\"day\": \"2020-01-01\"}}')).*"
     " FROM entries e WHERE account_id = '{own}' AND (version, seq) = (4, 1)", [("entry", "changed", "own", 4, 1, 1)]),
    ("two rows that changed places",
     "UPDATE entries SET seq = seq + 2 WHERE account_id = '{own}' AND version = 2;"
     "UPDATE entries SET seq = 5 - seq WHERE account_id = '{own}' AND version = 2",
     [("entry", "changed", "own", 2, 1, 1)]),
    ("a row moved behind the seals", "UPDATE entries SET version = 99 WHERE account_id = '{own}' AND version = 4",
     [("entry", "missing", "own", 4, 1, 1)]),
    ("a row given to another account", "UPDATE entries SET account_id = '{other}', seq = 5"
     " WHERE account_id = '{own}' AND version = 4",
     [("entry", "missing", "own", 4, 1, 1), ("entry", "inserted", "other", 4, 5, 2)]),
    ("a seal's version", "UPDATE seals SET last_version = 5 WHERE position = 1",
     [("seal", "changed", "own", 1, None, 1), ("entry", "inserted", "own", 5, 1, 1)]),
    ("a seal's sums", "UPDATE seals SET sums = replace(sums, '100', '999') WHERE position = 2",
     [("seal", "changed", "other", 1, None, 2), ("seal", "changed", "other", 1, None, 2)]),
    ("a seal's time", "UPDATE seals SET sealed_at = sealed_at - interval '1 second' WHERE position = 3",
     [("seal", "changed", "own", 5, None, 3)]),
    ("a seal's leaves", "UPDATE seals SET leaves = set_byte(leaves, 59, get_byte(leaves, 59) # 1) WHERE position = 1",
     [("seal", "changed", "own", 1, None, 1)]),
    ("a removed seal", "DELETE FROM seals WHERE position = 2",
     [("seal", "missing", None, None, None, 2), ("seal", "missing", "other", 1, None, 4)]),
    ("the first seal", "DELETE FROM seals WHERE position = 1",
     [("seal", "missing", None, None, None, 1), ("seal", "missing", "own", 1, None, 3)]),
    ("a row and its seal, made anew",
     "UPDATE entries SET amount = amount + 1 WHERE account_id = '{own}' AND version = 4;"
     "UPDATE seals s SET leaves = (SELECT string_agg(seal_leaf(e), ''::bytea ORDER BY version, seq) FROM entries e"
     " WHERE e.account_id = s.account_id AND version <= 4), sums = replace(sums, '5, 5', '6, 5') WHERE position = 1;"
     "UPDATE seals SET leaves_digest = sha256(leaves) WHERE position = 1;"
     "UPDATE seals s SET hash = seal_hash(s) WHERE position = 1",
     [("seal", "changed", "other", 1, None, 2), ("seal", "changed", "own", 5, None, 3)]),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "expected"), [row[1:] for row in TAMPERED], ids=[row[0] for row in TAMPERED])
async def test_the_first_altered_row_is_named(sealed: Sealed, statement: str, expected: list[Expected]) -> None:
    await sealed.tamper(statement)
    report = await sealed.verify()
    assert not report.clean
    names = {sealed.booking.account_id: "own", sealed.other.account_id: "other", None: None}
    found = [
        (row.what, row.found, names[row.account_id], row.version, row.seq, row.position) for row in report.findings
    ]
    assert found == expected
    assert all(row.why for row in report.findings)


async def test_a_missing_row_is_named_by_its_id(sealed: Sealed) -> None:
    where = f"account_id = '{sealed.booking.account_id}' AND version = 4"
    entry_id = await sealed.booking.value(f"SELECT id::text FROM entries WHERE {where}")  # noqa: S608 - ours
    await sealed.tamper(f"DELETE FROM entries WHERE {where}")  # noqa: S608 - ours
    (finding,) = (await sealed.verify()).findings
    assert (finding.id, finding.account_id) == (entry_id, sealed.booking.account_id)
    assert entry_id in finding.why


async def test_triggers_that_are_switched_off_hide_nothing(sealed: Sealed) -> None:
    await sealed.booking.execute(
        "ALTER TABLE entries DISABLE TRIGGER entries_append_only; UPDATE entries SET reason = 'x' WHERE version = 7;"
        "ALTER TABLE entries ENABLE TRIGGER entries_append_only"
    )
    assert {(row.version, row.found) for row in (await sealed.verify()).findings} == {(7, "changed")}


@pytest.mark.parametrize("statement", ["UPDATE seals SET number = 9", "DELETE FROM seals", "TRUNCATE seals"])
async def test_the_database_refuses_to_change_a_seal(sealed: Sealed, statement: str) -> None:
    with pytest.raises(Exception, match="append-only"):
        await sealed.booking.execute(statement)


async def test_the_newest_seals_removed_are_found_by_an_anchor_alone(sealed: Sealed) -> None:
    report = await sealed.verify()
    assert report.head
    anchor = parse_anchor(report.head)
    assert (await sealed.verify(anchor)).clean
    await sealed.tamper("DELETE FROM seals WHERE position > 2; UPDATE entries SET amount = 1 WHERE version = 7")
    await sealed.seal()
    assert (await sealed.verify()).clean  # who has the database can rebuild what nobody wrote down elsewhere
    findings: list[Finding] = (await sealed.verify(anchor)).findings
    assert [(row.what, row.found, row.position) for row in findings] == [("seal", "changed", 4)]
    await sealed.tamper("DELETE FROM seals WHERE position > 2")
    findings = (await sealed.verify(anchor)).findings
    assert [(row.what, row.found, row.position) for row in findings] == [("seal", "missing", 4)]


async def test_a_verification_since_an_anchor_costs_what_came_after_it(sealed: Sealed) -> None:
    (hash_,) = [seal.hash for seal in await sealed.booking.books.seals.page(limit=1, before=3, account_id=None)]
    since = parse_anchor(f"2:{hash_}")
    report = await sealed.verify(since=since)
    assert (report.clean, report.since, report.seals, report.findings) == (True, 2, 2, [])
    assert report.entries == await sealed.booking.value("SELECT sum(entries) FROM seals WHERE position > 2")
    await sealed.tamper("UPDATE entries SET amount = amount + 1 WHERE account_id = '{own}' AND version = 2")
    assert (await sealed.verify(since=since)).clean  # believed
    await sealed.tamper("UPDATE entries SET amount = amount + 1 WHERE account_id = '{other}' AND version = 6")
    (finding,) = (await sealed.verify(since=since)).findings
    assert (finding.found, finding.account_id, finding.version) == ("changed", sealed.other.account_id, 6)
    (finding, *_) = (await sealed.verify(since=Anchor(2, bytes(32)))).findings
    assert (finding.what, finding.found, finding.position) == ("seal", "changed", 2)


async def test_an_entry_that_is_not_sealed_yet_is_counted_and_not_judged(sealed: Sealed) -> None:
    await sealed.booking.charge(3)
    await sealed.tamper("UPDATE entries SET reason = 'x' WHERE version = 8")
    report = await sealed.verify()
    assert (report.clean, report.unsealed) == (True, 1)
