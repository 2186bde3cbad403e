"""Models, prices and what they mean for an account: the tables against the books, and both ways to change them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm, Guest
from tests.browser.window import Window
from tests.browser.words import NONE, TIMES, dollars, moment, number
from tests.e2e.farebox import Farebox

MILLION = 1_000_000
IN_FORCE = """
SELECT DISTINCT ON (model, service_tier, above_prompt_tokens) * FROM prices
 WHERE valid_from <= now() ORDER BY model, service_tier, above_prompt_tokens, valid_from DESC, price_id DESC
"""
HEAD = 7  # tokens that surround a prompt


def shown(micro: int | None, nothing: str = NONE) -> str:
    """Return a price as it is written."""
    return nothing if micro is None else dollars(micro)


def rates(prompt: float, cached: float, completion: float) -> str:
    """Return the rates of a model as they are written."""
    return f"Prompt {TIMES} {prompt} Cached {TIMES} {cached} Completion {TIMES} {completion}"


def test_models_as_they_are_configured(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    del firm  # it has set the prices
    window = enter(platform)
    prices = {
        model: f"Input {dollars(input_)}, completion {dollars(completion)}"
        for model, input_, completion in books.rows(
            f"SELECT model, input, completion FROM ({IN_FORCE}) prices WHERE service_tier = 'default'"  # noqa: S608
        )
    }
    window.show("admin/models", "Models")
    columns = ("Model", "Provider", "Context", "Longest answer", "Default hold", "Rates", "Price per 1M tokens")
    plain, dear = rates(1, 1, 1), rates(1, 0.5, 2.5)
    openai, small = "mistral (openai)", "slowly mistral-small-latest"
    assert sorted(window.table("Models").records(*columns)) == [
        ("simulated", "simulated", "128,000", "16,384", "1,024", plain, prices["simulated"]),
        (small, openai, "128,000", "400", "400", plain, prices.get("slowly", "No price")),
        ("stumbling", openai, "128,000", "16,384", "1,024", dear, "No price"),
    ]
    assert sorted(window.table("Models").cells("Fallbacks")) == ["simulated", NONE, NONE]
    assert set(window.table("Models").cells("Encoding")) == {"o200k_base"}


def test_prices_in_force_and_all_that_were(enter: Enter, firm: Firm, platform: Guest, books: Books) -> None:
    del firm  # it has set them
    window = enter(platform)
    for query, sql in (("model=simulated", IN_FORCE), ("model=simulated&all=1", "SELECT * FROM prices")):
        window.show(f"admin/prices?{query}", "Prices")
        columns = ("Model", "Input", "Cached input", "Completion", "Valid from", "Source")
        told = window.table("Prices").records(*columns)
        assert sorted(told) == sorted(
            (f"simulated {tier}", *map(shown, (input_, cached, completion)), moment(at), source)
            for tier, input_, cached, completion, at, source in books.rows(
                "SELECT service_tier, input, cached_input, completion, valid_from, source"  # noqa: S608 - our own text
                f" FROM ({sql}) prices WHERE model = 'simulated'"
            )
        )
    assert len(told) == 3
    others = window.table("Prices").cells("Others")
    assert sorted(others) == ["10,000 images: $15.00", "Reasoning: $12.00 10,000 images: $15.00", NONE]


def test_a_price_is_added(enter: Enter, platform: Guest, books: Books) -> None:
    window = enter(platform)
    window.show("admin/prices", "Prices")
    window.press("Add a price")
    window.dialog.get_by_role("textbox", name="Model").fill("house-model")
    window.dialog.get_by_role("textbox", name="Input", exact=True).fill("2.5")
    window.dialog.get_by_role("textbox", name="Completion", exact=True).fill("0.000125")
    window.dialog.get_by_label("For prompts above (tokens)").fill("200000")
    window.press("Add a price")
    window.must_say("The price was added.")
    assert books.rows(
        "SELECT input, completion, cached_input, above_prompt_tokens, service_tier FROM prices"
        " WHERE model = 'house-model'"
    ) == [(2_500_000, 125, None, 200_000, "default")]
    window.page.get_by_label("Model").fill("house-model")
    window.page.wait_for_url("**model=house-model")
    expect(window.table("Prices").rows).to_have_count(1)
    assert window.table("Prices").records("Input", "Completion") == [("$2.50", "$0.000125")]


def test_published_prices_are_shown_before_they_are_taken(enter: Enter, platform: Guest, books: Books) -> None:
    window = enter(platform)
    window.show("admin/prices", "Prices")
    look(window)
    ours = "SELECT input, completion FROM prices WHERE model = 'slowly'"
    change = window.dialog.get_by_role("listitem").filter(has_text="slowly")
    told = re.findall(rf"(Input|Completion): {NONE} → (\$[\d.]+)", change.inner_text())
    assert books.rows(ours) == []  # it asks first
    window.press("Apply changes (1)")
    window.must_say("Prices changed: 1")
    ((input_, completion),) = books.rows(ours)
    assert told == [("Input", dollars(input_)), ("Completion", dollars(completion))]
    window.show("admin/prices?model=slowly", "Prices")
    assert window.table("Prices").records("Input", "Completion") == [(dollars(input_), dollars(completion))]
    look(window)
    expect(window.dialog).to_contain_text("Nothing would change.")
    expect(window.dialog.get_by_role("button", name="Apply changes (0)")).to_be_disabled()


def look(window: Window) -> None:
    """Ask what the published prices of a model would change."""
    window.press("Update Pricing")
    models = window.dialog.get_by_label("Only these models")
    models.fill("slowly")
    models.press("Enter")
    window.press("Show what would change")
    expect(window.dialog).to_contain_text("Source: genai-prices")


def test_an_account_sees_prices_rates_and_how_far_its_balance_goes(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("pricing", "Pricing")
    columns = ("Model", "Input Tokens", "Completion Tokens", "Cached Tokens", "Image Processing")
    rows = books.rows(
        "SELECT service_tier, input, completion, cached_input, images, valid_from"  # noqa: S608 - our own text
        f" FROM ({IN_FORCE}) prices WHERE model = 'simulated'"
    )
    assert sorted(row for row in window.table("Current Pricing").records(*columns) if row[0].startswith("simu")) == [
        (f"simulated{'' if tier == 'default' else ' ' + tier}", *(shown(price, "—") for price in row))
        for tier, *row in sorted((tier, *prices) for tier, *prices, _ in rows)
    ]
    of = window.region("Current Pricing").locator("time").get_attribute("datetime") or ""
    assert datetime.fromisoformat(of) == books.value(f"SELECT max(valid_from) FROM ({IN_FORCE}) prices")  # noqa: S608
    assert sorted(window.table("Token Rates").records("Model", "Prompt", "Completion", "Cached")) == [
        ("simulated", "1 token", "1 token", "1 token"),
        ("slowly", "1 token", "1 token", "1 token"),
        ("stumbling", "1 token", "2.5 tokens", "0.5 tokens"),
    ]
    rates = window.table("Feature Rates").records("Feature", "Model", "Rate")
    assert {rate for rate in rates if "ai_bots" in rate[0]} == {
        ("AI bots ai_bots", "Any model", "2.5 tokens per word"),
        ("AI bots ai_bots", "Any model", "$0.0000005 per request"),
    }

    calls, used, prompt, completion = books.row(
        "SELECT count(*), sum(charge), sum(prompt_tokens), sum(completion_tokens) FROM events"
        " WHERE account_id = $1 AND resource = 'tokens'",
        firm.id,
    )
    balance = firm.org.admin.get("/api/v1/balance")["balance"]
    assert window.facts(window.region("Estimated Usage Remaining")) == {
        "Requests": number(balance * calls // used),
        "AI Input Tokens": number(balance * prompt // used),
        "AI Completion Tokens": number(balance * completion // used),
        "AI Cached Tokens": "0",
    }


def test_what_a_prompt_would_cost_and_how_far_the_balance_goes(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("pricing", "Pricing")
    window.choose("Model", "simulated")
    window.page.get_by_label("Longest reply (tokens)").fill("100")
    window.page.get_by_label("Prompt", exact=True).fill("hello hello world")
    calculator = window.region("Calculator")
    expect(calculator.get_by_role("status")).to_have_text("3 tokens in this text.")
    pieces = calculator.get_by_role("region", name="The prompt in its tokens").locator("span")
    assert pieces.all_inner_texts() == ["hello", " hello", " world"]
    colours = pieces.evaluate_all("all => all.map((one) => getComputedStyle(one).backgroundColor)")
    assert len(set(colours)) == 3
    tokens = HEAD + 3
    usual = books.value(
        "SELECT ceil(avg(completion_tokens)) FROM events WHERE account_id = $1 AND model = 'simulated'"
        " AND user_id = 'ada'",
        firm.id,
    )

    def cost(reply: int) -> str:
        return f"{tokens + reply} tokens ({dollars(tokens * 5 // 2 + reply * 10)})"  # $2.50 and $10 a million

    expect(window.figure("Hold")).to_have_text(f"{tokens + 100} tokens")
    assert window.facts(calculator) == {
        "Prompt tokens, with what surrounds the message": str(tokens),
        "Hold": f"{tokens + 100} tokens",
        "At least, with a shorter reply": f"{tokens + 100} tokens",
        "At most": f"{tokens + 100} tokens",
        "The prompt alone": cost(0),
        f"Your usual reply of {usual} tokens": cost(usual),
        "The longest reply of 100 tokens": cost(100),
    }


@pytest.fixture
def ferry(farebox: Farebox) -> str:
    """An account in credits, with five dollars; its id."""
    account: str = farebox.admin("POST", "/accounts", {"name": "Ferry", "unit": "credits"})["id"]
    farebox.admin("POST", f"/accounts/{account}/packs", {"size": 5 * MILLION, "expires_at": next_year()})
    return account


def next_year() -> str:
    """Return a moment that is far away."""
    return (datetime.now(UTC) + timedelta(days=365)).isoformat().replace("+00:00", "Z")


def test_an_account_in_credits_sees_what_its_dollars_buy(enter: Enter, firm: Firm, ferry: str, platform: Guest) -> None:
    del firm  # it has set the prices
    window = enter(platform)
    window.show(f"admin/accounts/{ferry}/pricing", "Pricing")
    columns = ("Model", "AI Input Tokens", "AI Completion Tokens", "AI Cached Tokens", "Image Searches")
    bought = window.table("With one kind of tokens only, or with images only").records(*columns)
    assert ("simulated", "2,000,000", "500,000", "4,000,000", "3,333") in bought
    window.show(f"admin/accounts/{ferry}/overview", "Overview")
    facts = window.facts(window.main)
    assert [facts[name] for name in ("Total Credits", "Available Credits", "Current Balance", "Pays in")] == [
        "$5.00", "$5.00", "$5.00", "credits (dollars)",
    ]  # fmt: skip
    expect(window.region("Balance")).to_contain_text("$5.00")
