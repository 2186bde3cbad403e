"""Features and their rates: created, charged by, ended, retired, brought back."""

from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest, ask
from tests.browser.window import Window
from tests.browser.words import NONE, moment
from tests.e2e.organisation import Organisation

VERSIONS = ("Version", "Rate", "For each", "Model", "Unit", "Valid from")
HEAD = 7  # tokens that surround a prompt


def line_of(window: Window, name: str) -> tuple[str, ...]:
    """What the table says of a feature: its state, its rates and its note."""
    features = window.table("Features")
    lines = features.records("Name", "Status", "Rates now", "Note")
    return next(line[1:] for line in lines if line[0].startswith(name))


def open_rates(window: Window, name: str) -> None:
    """Open the rates of a feature."""
    window.table("Features").rows.filter(has_text=name).get_by_role("button", name="Rates").click()
    expect(window.dialog).to_contain_text(f"Rates of {name}")


def versions(window: Window) -> list[tuple[str, ...]]:
    """What the dialog shows of all versions."""
    return window.table("All versions", window.dialog).records(*VERSIONS)


def test_features_with_their_rates(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    del firm  # it has set them
    window = enter(platform)
    window.show("admin/features", "Features")
    assert line_of(window, "Answering mail") == ("Active", "By the model", "charged by its model")
    assert line_of(window, "AI bots") == (
        "Active", "0.5 credits per request, any model 2.5 tokens per word, any model", "of the shop",
    )  # fmt: skip
    open_rates(window, "AI bots")
    assert sorted(versions(window)) == sorted(
        (str(version), f"{rate / 1_000_000:g}", {"unit": "request"}.get(base, base), "any model", unit, moment(at))
        for version, rate, base, unit, at in books.rows(
            "SELECT version, rate, base, unit, valid_from FROM feature_rates WHERE feature_key = 'ai_bots'"
        )
    )


def test_a_feature_is_created_charged_by_and_retired(
    enter: Enter, shop: Organisation, platform: Guest, books: Books
) -> None:
    window = enter(platform)
    window.show("admin/features", "Features")
    window.press("Create a feature")
    window.dialog.get_by_label("Key").fill("poems")
    window.dialog.get_by_label("Name").fill("Poems to order")
    window.press("Create a feature")
    window.must_say("The feature was created. Give it a rate.")
    expect(window.table("Features").rows.filter(has_text="Poems to order")).to_be_visible()
    assert line_of(window, "Poems to order") == ("Active", "By the model", NONE)
    assert charged(shop, books) == HEAD + 1 + 10

    open_rates(window, "Poems to order")
    expect(window.dialog).to_contain_text("It has no rate of its own.")
    window.dialog.get_by_label("Rate").fill("2.5x")
    expect(window.dialog).to_contain_text("A number such as 2.5")
    window.dialog.get_by_label("Rate").fill("2.5")
    window.press("Add a version")
    window.must_say("The new version applies from now on.")
    expect(window.table("All versions", window.dialog).rows).to_have_count(1)
    assert books.rows("SELECT version, rate, base, unit FROM feature_rates WHERE feature_key = 'poems'") == [
        (1, 2_500_000, "word", "tokens")
    ]
    assert charged(shop, books) == 25  # ten words

    window.dialog.get_by_label("Rate").fill("")
    expect(window.dialog).to_contain_text("requests are charged by their model from then on.")
    window.press("End the rate")
    expect(window.table("All versions", window.dialog).rows).to_have_count(2)
    assert [version[:2] for version in versions(window)] == [("2", "ended"), ("1", "2.5")]
    assert charged(shop, books) == HEAD + 1 + 10
    window.page.keyboard.press("Escape")

    poems = window.table("Features").rows.filter(has_text="Poems to order")
    poems.get_by_role("button", name="Retire").click()
    expect(window.dialog).to_contain_text("Its history stays, and you can bring it back.")
    window.press("Retire")
    window.must_say("The feature was retired.")
    assert line_of(window, "Poems to order")[0] == "Retired"
    assert books.value("SELECT retired_at FROM features WHERE feature_key = 'poems'") is not None
    poems.get_by_role("button", name="Bring back").click()
    window.press("Bring back")
    window.must_say("The feature is back.")
    assert line_of(window, "Poems to order")[0] == "Active"
    assert books.value("SELECT retired_at FROM features WHERE feature_key = 'poems'") is None


def charged(shop: Organisation, books: Books) -> int:
    """Order ten words; return what they were charged."""
    body = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 10}
    request = ask(shop.farebox.url, shop.people["mia"].key, body, {"X-Farebox-Feature": "poems"})
    shop.requests[request] = request
    shop.booked()
    amount: int = books.value("SELECT charge FROM events WHERE request_id = $1", request)
    return amount
