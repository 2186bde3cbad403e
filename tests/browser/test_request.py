"""The page of one request: hold, counts, attempts and packs against the books; and a refund of it."""

import json

from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest, ask
from tests.browser.provider import Provider
from tests.browser.words import NONE, dollars, moment, number
from tests.e2e.farebox import Account, Farebox

REFRESH_MS = 31_000


def test_one_request_from_its_hold_to_the_ledger(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show(f"ledger/{firm.request}", "Request")
    (charge, reserved, at, held_at, endpoint, session, reason, cost, version, duration, split) = books.row(
        "SELECT charge, reserved, at, reserved_at, endpoint, session_id, reason, cost, rate_version, duration_ms, split"
        " FROM events WHERE request_id = $1",
        firm.request,
    )
    expect(window.region("Charge")).to_contain_text(f"{charge} tokens")
    assert window.facts(window.region("Charge")) == {
        "Time": moment(at),
        "Status": "completed",
        "Model": "simulated (simulated)",
        "Endpoint": endpoint,
        "User ID": "linus",
        "Feature": NONE,
        "Session": session,
        "Reason": reason,
        "Pool Category": "Surplus",
        "Cost by the price table": dollars(cost),
        "Charged by rate": version,
        "Duration": f"{duration} ms",
    }
    names = dict(books.rows("SELECT pack_id::text, note FROM packs WHERE account_id = $1", firm.id))
    parts = json.loads(split)
    held = {f"On {names[pack]}": str(amount) for pack, amount in zip(parts[::2], parts[1::2], strict=True)}
    assert len(held) == 2
    expect(window.region("Hold")).to_contain_text(
        f"{reserved} tokensGiven back when it ended: {reserved - charge}Held at"
    )
    assert window.facts(window.region("Hold")) == {"Held at": moment(held_at), **held}
    drawn = window.table("Packs drawn").records("Type", "Amount", "Pack", "Reason", "Balance after", "Time")
    assert drawn == [
        ("Usage", f"-{amount}", note, reason, number(after), moment(at))
        for amount, note, after in books.rows(
            "SELECT e.amount, p.note, e.balance_after FROM entries e JOIN packs p USING (pack_id)"
            " WHERE e.request_id = $1 ORDER BY e.version, e.seq",
            firm.request,
        )
    ]
    assert len(drawn) == 2


def test_both_counts_where_they_come_from_and_who_failed_before(
    enter: Enter, farebox: Farebox, provider: Provider, books: Books
) -> None:
    account = farebox.account(10_000)
    provider.fail()
    request = say_hello(account, "stumbling")
    window = enter(Guest(farebox.url, account.key))
    window.show(f"ledger/{request}", "Request")
    prompt, completion, here, there, source, attempts = books.row(
        "SELECT prompt_tokens, completion_tokens, counted_prompt_tokens, counted_completion_tokens, source, attempts"
        " FROM events WHERE request_id = $1",
        request,
    )
    counts = window.region("Tokens counted")
    assert source == "upstream"
    expect(counts).to_contain_text("UpstreamThe provider reported what was used.")
    assert window.table("Tokens counted").records("Tokens", "Charged", "Counted here") == [
        ("Prompt", str(prompt), str(here)),
        ("Completion", str(completion), str(there)),
    ]
    (failed,) = json.loads(attempts)
    first, second = window.region("Attempts").get_by_role("listitem").all_inner_texts()
    assert first.split("\n\n") == ["stumbling (mistral): failed, not charged", failed["error"]]
    assert second == "stumbling (simulated): completed"  # it has answered for the other one


def say_hello(account: Account, model: str) -> str:
    """Ask a model for thirty tokens; return the id of the request when it is booked."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 30}
    request = ask(account.farebox.url, account.key, body, {"X-Farebox-Reason": "greeting"})
    account.event(request)
    return request


def test_a_refund_raises_the_balance_and_stands_in_the_ledger(
    enter: Enter, farebox: Farebox, platform: Guest, books: Books
) -> None:
    account = farebox.account(1_000)
    request = say_hello(account, "simulated")
    theirs, admin = enter(Guest(farebox.url, account.key)), enter(platform)
    theirs.page.clock.install()
    theirs.show("", "Overview")
    expect(theirs.figure("Total Tokens")).to_have_text("962")
    admin.show(f"admin/accounts/{account.id}/ledger/{request}", "Request")

    admin.press("Refund")
    admin.dialog.get_by_label("Amount").fill("39")
    expect(admin.dialog).to_contain_text("Enter an amount above 0, of at most 38.")
    admin.dialog.get_by_label("Amount").fill("5")
    expect(admin.dialog).to_contain_text("The balance rises from 962 to 967.")
    admin.dialog.get_by_label("Reason").fill("it was cut")
    admin.press("Continue")
    expect(admin.dialog).to_contain_text("Give back 5 tokens?")
    expect(admin.dialog).to_contain_text("It is booked in the ledger for good, with the reason “it was cut”.")
    assert account.balance()["balance"] == 962
    admin.press("Give back")
    admin.must_say("5 tokens given back.")
    assert books.rows("SELECT amount, reason FROM entries WHERE request_id = $1 AND kind = 'refund'", request) == [
        (5, "it was cut")
    ]
    expect(admin.figure("Refunded")).to_have_text("5")
    theirs.page.clock.fast_forward(REFRESH_MS)
    expect(theirs.figure("Total Tokens")).to_have_text("967")
    theirs.show("ledger", "Transaction History")
    newest = theirs.table("Transaction History").records("Type", "Amount", "Session / Reason", "Balance after")[0]
    assert newest == ("Refund", "+5", f"{NONE} it was cut", "967")

    admin.press("Refund")  # what is left of it: the field is left empty
    expect(admin.dialog).to_contain_text("all that is left of the charge, 33.")
    admin.dialog.get_by_label("Reason").fill("all of it")
    admin.press("Continue")
    admin.press("Give back")
    admin.must_say("33 tokens given back.")
    expect(admin.main.get_by_role("button", name="Refund")).to_have_count(0)
    assert account.balance()["balance"] == 1_000
