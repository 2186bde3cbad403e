"""The playground while an answer comes, when it is stopped, and when it is refused."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Guest
from tests.browser.provider import Pause, Provider
from tests.browser.window import Window
from tests.browser.words import number
from tests.e2e.farebox import Account, Farebox

MODEL, SAID, LEFT = "slowly", ("You", " pay", " before"), (" you", " ride")
QUESTION = "What is a farebox?"
PROMPT = 13  # with the seven that surround a message
LONGEST = 200
NOT_YET = "status of 404"  # a charge that the page asks for before it is settled


@pytest.fixture
def account(farebox: Farebox) -> Account:
    """An account with 10,000 tokens."""
    return farebox.account(10_000, name="Theatre")


def asked(enter: Enter, account: Account, provider: Provider) -> tuple[Window, Pause]:
    """Ask a question in a new window; return it when half of the answer is there, and how to let it go on."""
    pause = provider.say(*SAID, then=LEFT, used=(PROMPT, 5))
    window = enter(Guest(account.farebox.url, account.key))
    window.expected.append(NOT_YET)
    window.show("playground", "Playground")
    window.choose("Model", MODEL)
    window.page.get_by_label("Max tokens").fill(str(LONGEST))
    window.page.get_by_label("Prompt").fill(QUESTION)
    expect(note(window, "Hold")).to_have_text("would be held")
    expect(window.figure("Hold")).to_have_text(str(PROMPT + LONGEST))
    window.press("Send")
    expect(window.region("Answer")).to_contain_text("You pay before")
    return window, pause


def note(window: Window, name: str) -> Locator:
    """What stands below a figure."""
    return window.figure(name).locator("xpath=following-sibling::dd[1]")


def test_the_meter_ticks_while_an_answer_comes(
    enter: Enter, account: Account, provider: Provider, platform: Guest, books: Books
) -> None:
    window, pause = asked(enter, account, provider)
    expect(window.figure("Tokens")).to_have_text(f"≈ {PROMPT + 4}")  # an estimate, by the bytes
    expect(note(window, "Tokens")).to_have_text(f"{PROMPT} prompt + 4 completion, estimated")
    expect(window.figure("Hold")).to_have_text(str(PROMPT + LONGEST))
    expect(note(window, "Hold")).to_have_text("held while it runs")
    expect(window.figure("Charge")).to_have_text(f"≈ {PROMPT + 4}")
    expect(window.figure("Balance")).to_have_text("10,000")
    expect(note(window, "Balance")).to_contain_text(f"Available {number(10_000 - PROMPT - LONGEST)}")
    assert account.balance()["reserved"] == PROMPT + LONGEST
    admin = enter(platform)
    admin.show("admin/proof", "Proof")
    expect(admin.figure("Holds open now")).to_have_text("1")

    pause.end()
    expect(window.region("Answer")).to_contain_text("You pay before you ride")
    expect(note(window, "Charge")).to_have_text("exact, in the ledger")
    expect(note(window, "Tokens")).to_have_text(f"{PROMPT} prompt + 5 completion, exact")
    expect(note(window, "Hold")).to_have_text("was held, and is given back")
    charge, source, endpoint = books.row(
        "SELECT charge, source, endpoint FROM events WHERE account_id = $1", account.id
    )
    assert (charge, source, endpoint) == (PROMPT + 5, "upstream", "playground/chat")
    expect(window.figure("Charge")).to_have_text(str(charge))
    expect(window.figure("Balance")).to_have_text(number(10_000 - charge))
    expect(note(window, "Balance")).to_contain_text(f"Available {number(10_000 - charge)}")


def test_what_was_read_before_stop_is_charged(enter: Enter, account: Account, provider: Provider, books: Books) -> None:
    window, pause = asked(enter, account, provider)
    window.press("Stop")
    expect(window.region("Answer")).to_contain_text("You stopped it. What was produced until then is charged.")
    expect(note(window, "Charge")).to_have_text("exact, in the ledger")
    pause.end()
    charge, completion, source, status = books.row(
        "SELECT charge, completion_tokens, source, status FROM events WHERE account_id = $1", account.id
    )
    assert (charge, completion, source) == (PROMPT + len(SAID), len(SAID), "tokenizer")
    expect(window.figure("Charge")).to_have_text(str(charge))
    expect(window.figure("Balance")).to_have_text(number(10_000 - charge))
    window.main.get_by_role("link", name="See the whole request in the ledger").click()
    assert status == "client_gone"
    expect(window.figure("Status")).to_have_text("the client hung up")
    expect(window.region("Tokens counted")).to_contain_text("The provider reported nothing; it was counted here.")
    assert window.table("Packs drawn").records("Amount", "Balance after") == [(f"-{charge}", number(10_000 - charge))]


def test_a_request_that_costs_too_much_says_what_it_needs(enter: Enter, farebox: Farebox, books: Books) -> None:
    poor = farebox.account(100, warning_threshold=0)
    window = enter(Guest(farebox.url, poor.key))
    window.expected += ["status of 402", NOT_YET]
    window.show("playground", "Playground")
    window.page.get_by_label("Prompt").fill(QUESTION)
    window.page.get_by_label("Max tokens").fill(str(LONGEST))
    window.press("Send")
    refused = window.main.get_by_role("alert").filter(has_text="The balance is too small for this request")
    expect(refused).to_contain_text("Lower “Max tokens” or shorten the prompt")
    expect(refused).to_contain_text(
        f"This request needs {PROMPT + LONGEST}; 100 is available of a balance of 100, and the minimum reserve is 0."
    )
    assert books.rows("SELECT 1 FROM events WHERE account_id = $1", poor.id) == []
    expect(window.figure("Balance")).to_have_text("100")
    window.page.get_by_label("Max tokens").fill("20")  # as it says
    window.press("Send")
    expect(note(window, "Charge")).to_have_text("exact, in the ledger")
    expect(refused).to_have_count(0)
    expect(window.figure("Balance")).to_have_text(str(100 - PROMPT - 20))
