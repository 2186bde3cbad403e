"""The first quarter of an hour of a new user, told as pictures."""

from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Guest
from tests.browser.pictures import take
from tests.browser.window import Window
from tests.e2e.farebox import Farebox


def test_a_new_user_signs_in_asks_runs_out_and_goes_on(
    window: Window, enter: Enter, farebox: Farebox, platform: Guest, books: Books
) -> None:
    account = farebox.account(700, name="First ride", warning_threshold=650, min_reserve=600)
    window.expected += ["status of 402", "status of 404"]  # one of them asks for a charge before it is settled
    window.open("sign-in")
    window.page.get_by_role("heading", level=1).wait_for()
    take(window, "path-1-sign-in", whole=False)
    window.type_key(account.key)
    expect(window.figure("Total Tokens")).to_have_text("700")
    take(window, "path-2-overview", whole=False)

    window.page.get_by_role("navigation").get_by_role("link", name="Playground").click()
    ask(window, "How does a farebox work?")
    charged = books.value("SELECT sum(charge) FROM events WHERE account_id = $1", account.id)
    expect(window.figure("Charge")).to_have_text(str(charged))
    expect(window.figure("Balance")).to_have_text(str(700 - charged))
    take(window, "path-3-playground", whole=False)

    window.main.get_by_role("link", name="See").click()
    expect(window.main.get_by_role("region", name="Charge")).to_contain_text(f"{charged} tokens")
    take(window, "path-4-request", whole=False)
    window.page.get_by_role("navigation").get_by_role("link", name="Ledger").click()
    assert window.table("Transaction History").rows.first.inner_text().split("\t")[2].strip() == f"-{charged}"
    take(window, "path-5-ledger", whole=False)

    window.page.get_by_role("navigation").get_by_role("link", name="Playground").click()
    ask(window, "And what if I have no tokens left?")
    window.page.get_by_label("Prompt").fill("One more?")
    window.page.get_by_role("button", name="Send").click()
    expect(window.main.get_by_role("alert").filter(has_text="AI stopped")).to_be_visible()
    take(window, "path-6-refused", whole=False)
    window.page.get_by_role("navigation").get_by_role("link", name="Overview").click()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")
    stopped = "Balance has fallen below the minimum reserve; AI replies are paused until a new pack is granted."
    expect(window.main.get_by_role("alert").filter(has_text=stopped)).to_be_visible()
    take(window, "path-7-stopped", whole=False)

    admin = enter(platform)
    admin.show("admin/accounts?search=First+ride", "Accounts")
    take(admin, "path-8-accounts", whole=False)
    admin.show(f"admin/accounts/{account.id}/overview", "Overview")
    admin.main.get_by_role("link", name="Grant a pack").first.click()
    dialog = admin.page.get_by_role("dialog")
    dialog.get_by_label("Size").fill("5000")
    dialog.get_by_label("Note").fill("Welcome aboard")
    expect(dialog).to_contain_text("AI resumes at once.")
    take(admin, "path-9-grant", whole=False)
    dialog.get_by_role("button", name="Grant", exact=True).click()
    expect(dialog).to_be_hidden()

    window.page.locator("footer").get_by_role("button", name="Refresh Data").click()
    expect(window.main.get_by_role("alert").filter(has_text="AI stopped")).to_have_count(0)
    window.page.get_by_role("alert").filter(has_text="read again").get_by_role("button").click()
    window.page.get_by_role("navigation").get_by_role("link", name="Playground").click()
    ask(window, "Does it work again?")
    take(window, "path-10-works-again", whole=False)


def ask(window: Window, question: str) -> None:
    """Ask the model, and wait until the answer is booked."""
    window.page.get_by_label("Prompt").fill(question)
    window.page.get_by_role("button", name="Send").click()
    expect(window.main.get_by_role("link", name="See")).to_be_visible()
    expect(window.main.get_by_text("exact, in the ledger")).to_be_visible()
