"""The proof page: what once went wrong and was put right really goes wrong here; the rest is told by the books."""

from playwright.sync_api import Locator, expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Guest
from tests.browser.window import Window
from tests.browser.words import NONE, moment, number
from tests.e2e.organisation import Organisation
from tests.waiting import eventually_now


def test_the_proof_and_its_audit(enter: Enter, shop: Organisation, platform: Guest, books: Books) -> None:
    shop.people["mia"].chat("simulated", 5)
    shop.booked()
    window = enter(platform)
    window.show("admin/proof", "Proof")
    window.press("Run now")
    window.must_say("The audit has run: all invariants hold.")
    clean, count, at = books.row(
        "SELECT clean, jsonb_array_length(invariants), checked_at FROM audits ORDER BY checked_at DESC LIMIT 1"
    )
    assert clean
    part = window.region("Invariants")
    expect(part.get_by_role("status")).to_have_text(f"All {count} invariants hold.Last audit: {moment(at)}")
    lines = [tuple(line.split("\n\n")) for line in part.get_by_role("listitem").all_inner_texts()]
    names = books.column(
        "SELECT one->>'name' FROM (SELECT invariants FROM audits ORDER BY checked_at DESC LIMIT 1) a,"
        " jsonb_array_elements(invariants) one"
    )
    assert lines == [(name.replace("_", " "), "Satisfied") for name in names]


def test_an_invariant_that_is_broken_is_named_first(
    enter: Enter, shop: Organisation, platform: Guest, books: Books
) -> None:
    pack = shop.packs["Spring"]
    window = enter(platform)
    window.show("admin/proof", "Proof")
    books.rows("UPDATE packs SET remaining = remaining - 1 WHERE pack_id = $1", pack)
    try:
        window.press("Run now")
        window.must_say("The audit has run: some invariants are broken.")
    finally:
        books.rows("UPDATE packs SET remaining = remaining + 1 WHERE pack_id = $1", pack)
    part = window.region("Invariants")
    expect(part.get_by_role("alert")).to_contain_text("invariants are broken.")
    broken = books.column(
        "SELECT one->>'name' FROM (SELECT invariants FROM audits ORDER BY checked_at DESC LIMIT 1) a,"
        " jsonb_array_elements(invariants) one WHERE (one->>'broken')::int > 0"
    )
    first = part.get_by_role("listitem").first
    expect(first).to_contain_text(broken[0].replace("_", " "))
    expect(first).to_contain_text("Broken rows: 1")
    expect(part).to_contain_text(pack)
    eventually_now(lambda: shop.farebox.admin("POST", "/audit")["clean"])  # when Redis was told of it, too
    window.press("Run now")
    window.must_say("The audit has run: all invariants hold.")


def test_what_nobody_ended_is_recovered_and_corrected(
    enter: Enter, shop: Organisation, platform: Guest, books: Books
) -> None:
    mia = shop.people["mia"]
    wanted = {"resource": "tokens", "amount": 30, "ttl_seconds": 1, "on_expiry": "settle"}
    reservation = mia.call("POST", "/api/v1/reservations", wanted)["id"]
    eventually_now(lambda: mia.get(f"/api/v1/reservations/{reservation}")["by_deadline"])
    window = enter(platform)
    window.show(f"admin/accounts/{shop.id}/ledger/{reservation}", "Request")
    expect(window.region("Charge")).to_contain_text("30 tokens")
    expect(window.region("Tokens counted")).to_contain_text("RecoveredThe gateway died meanwhile")
    mia.call("POST", f"/api/v1/reservations/{reservation}/settle", {"amount": 7})
    eventually_now(lambda: mia.get("/api/v1/balance")["balance"] == 9_993)
    window.page.reload()
    expect(window.region("Charge")).to_contain_text("7 tokens")
    assert window.table("Packs drawn").records("Type", "Amount") == [("Usage", "-30"), ("Correction", "+23")]
    window.show("admin/proof", "Proof")
    recovered, last = books.row("SELECT count(*), max(at) FROM events WHERE source = 'recovered'")
    corrected = books.value("SELECT count(*) FROM corrections")
    assert recovered
    assert corrected
    expect(window.figure("Recovered")).to_have_text(str(recovered))
    expect(note(window, "Recovered")).to_have_text(f"{corrected} corrected exactly; last {moment(last)}")


def note(window: Window, name: str) -> Locator:
    """What stands below a figure."""
    return window.figure(name).locator("xpath=following-sibling::dd[1]")


def test_drift_is_found_named_and_repaired(enter: Enter, shop: Organisation, platform: Guest, books: Books) -> None:
    assert shop.people["mia"].get("/api/v1/balance")["min_reserve"] == 0
    shop.people["mia"].chat("simulated", 5)  # Redis knows the account
    shop.booked()
    books.rows("UPDATE accounts SET min_reserve = 77 WHERE account_id = $1", shop.id)  # behind its back
    found = eventually_now(
        lambda: [one for one in shop.farebox.admin("GET", "/drift")["data"] if one["account_id"] == shop.id]
    )
    window = enter(platform)
    window.show("admin/proof", "Proof")
    lines = window.table("Drift between Redis and Postgres").records("Account", "Field", "Postgres", "Redis", "Outcome")
    assert (f"{shop.id[:13]}…", "min_reserve", "77", NONE, "Repaired") in lines
    shown = shop.farebox.admin("GET", "/drift")["data"]
    assert len(found) >= 1
    expect(window.figure("Drift")).to_have_text(str(len(shown)))
    expect(note(window, "Drift")).to_have_text(f"newest finds, {len(shown)} repaired")


def test_settlements_that_postgres_refused_are_counted(enter: Enter, platform: Guest, books: Books) -> None:
    window = enter(platform)
    window.show("admin/proof", "Proof")
    expect(window.figure("Unsettled")).to_have_text("0")
    expect(note(window, "Unsettled")).to_have_text("waiting for Postgres; none refused")
    books.rows("INSERT INTO parked_settlements (request_id, settlement, error) VALUES ('x', '', 'no')")
    try:
        window.page.reload()
        expect(note(window, "Unsettled")).to_have_text("1 parked: Postgres refused them; see the log")
    finally:
        books.rows("DELETE FROM parked_settlements WHERE request_id = 'x'")


def test_seals_are_listed_and_verified_from_the_rows(
    enter: Enter, shop: Organisation, platform: Guest, books: Books
) -> None:
    eventually_now(lambda: books.value("SELECT count(*) FROM seals WHERE account_id = $1", shop.id))
    window = enter(platform)
    window.show("admin/proof", "Proof")
    columns = ("Position", "Sealed", "Account", "Versions", "Entries", "Hash")
    lines = window.table("Seals").records(*columns)
    newest = int(lines[0][0].replace(",", ""))
    assert lines == [
        (
            number(position), moment(at), f"{account[:13]}…", f"{number(first)} {NONE} {number(last)}", number(entries),
            f"{digest[:16]}…",
        )
        for position, at, account, first, last, entries, digest in books.rows(
            "SELECT position, sealed_at, account_id::text, first_version, last_version, entries, encode(hash, 'hex')"
            " FROM seals WHERE position <= $1 ORDER BY position DESC LIMIT 10",
            newest,
        )
    ]  # fmt: skip
    window.press("Verify")
    whole = window.region("Seals").get_by_role("status")
    expect(whole).to_contain_text("The chain is whole. ")
    position, _, digest = whole.locator("code").inner_text().partition(":")
    seals, entries, newest = books.row(
        "SELECT count(*), sum(entries), max(encode(hash, 'hex')) FILTER (WHERE position = $1) FROM seals"
        " WHERE position <= $1",
        int(position),
    )
    assert digest == newest
    expect(whole).to_contain_text(f"seals {number(seals)}, entries {number(entries)}.")
