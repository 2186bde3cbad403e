"""The overview, figure by figure, against what plain SQL finds in the books."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Firm
from tests.browser.words import day, lasting, number

LIVE = "account_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AND resource = 'tokens'"
OF_TOKENS = "account_id = $1 AND resource = 'tokens'"
BALANCE = f"SELECT sum(remaining) FROM packs WHERE {LIVE}"  # noqa: S608 - our own text
USED = f"SELECT sum(charge) FROM events WHERE {OF_TOKENS}"  # noqa: S608 - the same
REFUNDED = f"SELECT sum(amount) FROM entries WHERE kind = 'refund' AND {OF_TOKENS}"  # noqa: S608 - the same
HOUR = 3600


def test_the_overview(enter: Enter, firm: Firm, books: Books) -> None:
    balance, used = books.value(BALANCE, firm.id), books.value(USED, firm.id)
    net = used - books.value(REFUNDED, firm.id)
    window = enter(firm.guest("ada"))
    window.show("", "Overview")
    figures = window.facts(window.main)
    models = firm.farebox.admin("GET", "/models")["data"]
    above = ("Total Tokens", "Available Tokens", "Used This Month", "Active Allocations")
    assert [figures[name] for name in above] == [number(balance), number(balance), number(net), str(len(models))]

    statistics = window.facts(window.region("Balance & Statistics"))
    shown = window.figure("Last Updated").locator("time").get_attribute("datetime") or ""
    assert datetime.now(UTC) - datetime.fromisoformat(shown) < timedelta(minutes=1)
    assert {name: value for name, value in statistics.items() if name != "Last Updated"} == {
        "Current Balance": number(balance),
        "Tokens Used": number(
            books.value("SELECT sum(prompt_tokens + completion_tokens) FROM events WHERE account_id = $1", firm.id)
        ),
        "Credits Used": number(net),
        "API Calls Made": number(books.value("SELECT count(*) FROM events WHERE account_id = $1", firm.id)),
        "Images Processed": number(books.value(used_of("images"), firm.id)),
        "Used: pages": number(books.value(used_of("ocr_pages"), firm.id)),
        "Used: bytes of storage": f"{books.value(used_of('storage_bytes'), firm.id) / 1e6:g} MB",
    }
    since = books.value("SELECT created_at FROM accounts WHERE account_id = $1", firm.id)
    assert window.facts(window.region("Account Overview")) == {
        "Name": "Umbrella & Sons",
        "Email": "office@umbrella.example",
        "License": "Enterprise",
        "Domain": "umbrella.example",
        "Created": day(since),
        "Pays in": "tokens",
        "Time zone": "UTC",
        "Account ID": f"…{firm.id[-8:]}",
    }


def used_of(resource: str) -> str:
    """Return the query of what was used of a resource beside tokens."""
    return f"SELECT sum(charge) FROM events WHERE account_id = $1 AND resource = '{resource}'"  # noqa: S608 - our text


def test_the_balance_what_decides_about_it_and_when_it_is_empty(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("", "Overview")
    balance, used = books.value(BALANCE, firm.id), books.value(USED, firm.id)
    size = books.value(
        f"SELECT sum(size) FROM packs WHERE {LIVE}",  # noqa: S608 - our own text
        firm.id,
    )
    active = books.value(f"SELECT count(*) FROM packs WHERE {LIVE} AND remaining > 0", firm.id)  # noqa: S608 - the same
    part = window.region("Balance")
    expect(part).to_contain_text(f"Normal{number(balance)} tokensHealthy balance; {active} active packs")
    expect(part.locator("time")).to_be_visible()
    facts = window.facts(part)
    left = balance * HOUR // used  # it is reckoned over an hour at least
    empty = part.locator("time").get_attribute("datetime") or ""
    assert abs(datetime.now(UTC) + timedelta(seconds=left) - datetime.fromisoformat(empty)) < timedelta(minutes=1)
    assert facts.pop("Time to empty, at the rate of the last 24 hours").startswith(f"{lasting(left)} (")
    assert facts == {
        "Reserved by running requests": "0",
        "Available": number(balance),
        "Warning threshold": number(-(-size // 10)),  # a tenth of all packs that were neither revoked nor expired
        "Minimum reserve": "0",
    }


def test_what_was_used_day_by_day_and_who_used_most(enter: Enter, firm: Firm, books: Books) -> None:
    window = enter(firm.guest("ada"))
    window.show("", "Overview")
    used, prompt = books.row(f"SELECT sum(charge), sum(prompt_tokens) FROM events WHERE {OF_TOKENS}", firm.id)  # noqa: S608
    chart = window.table("Usage by day")
    for days in (7, 30):
        window.page.get_by_text(f"Last {days} days", exact=True).click()
        expect(chart.rows).to_have_count(days)
        today = f"{datetime.now(UTC):%b} {datetime.now(UTC).day}"
        assert chart.records("Day", "Input", "Output")[-1] == (today, number(prompt), number(used - prompt))
        assert set(chart.records("Input", "Output")[:-1]) == {("0", "0")}
    for title, name in (
        ("Top models", "model"),
        ("Top members", "user_id"),
        ("Top features", "coalesce(feature, 'No feature')"),
    ):
        lines = window.region(title).get_by_role("listitem").all_inner_texts()
        assert [tuple(line.split("\n")) for line in lines] == [
            (one, number(charge))
            for one, charge in books.rows(
                f"SELECT {name}, sum(charge) FROM events WHERE {OF_TOKENS} GROUP BY 1 ORDER BY 2 DESC",  # noqa: S608
                firm.id,
            )
        ]
