"""Keys come, change and go: what the account's admin sees of it, and whether the gateway obeys."""

import hashlib
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Guest
from tests.browser.window import Window
from tests.browser.words import NONE, day, moment
from tests.e2e.organisation import Organisation, Person, RefusedError
from tests.waiting import eventually_now

REFRESH_MS = 31_000
ENDED = "Your session has ended. Sign in again to go on where you were."
COLUMNS = ("Member", "Status", "Role", "Last used", "Limits", "Models", "Expires", "Created")


def of(shop: Organisation, user: str) -> Guest:
    """Return somebody of the shop who can sign in."""
    return Guest(shop.farebox.url, shop.people[user].key)


def act(window: Window, name: str, action: str) -> None:
    """Choose from the menu of a row."""
    window.page.get_by_role("button", name=f"Actions of {name}").click()
    window.page.get_by_role("menuitem", name=action, exact=True).click()


def secrets(window: Window) -> list[str]:
    """What the dialog shows this one time: the secret, and the lines that try it out."""
    expect(window.dialog).to_contain_text("It is shown this one time.")
    return window.dialog.locator("pre").all_inner_texts()


def test_keys_and_what_is_known_of_them(enter: Enter, shop: Organisation, books: Books) -> None:
    limits = {"requests_per_minute": 100, "spend_per_day": 5_000}
    shop.farebox.admin(
        "POST",
        f"/accounts/{shop.id}/keys",
        {"name": "till", "models": ["simulated"], "limits": limits, "expires_at": "2099-01-02T03:04:05Z"},
    )
    shop.people["mia"].chat("simulated", 5)
    shop.booked()
    window = enter(of(shop, "boss"))
    noted = "SELECT count(last_used_at) = 2 FROM api_keys WHERE account_id = $1"
    eventually_now(lambda: books.value(noted, shop.id))  # a little after the use
    window.show("keys", "Keys")
    used = dict(books.rows("SELECT user_id, last_used_at FROM api_keys WHERE account_id = $1", shop.id))
    made = day(datetime.now(UTC))
    keys = window.table("Keys")
    assert {row[0]: row[1:] for row in keys.records(*COLUMNS)} == {
        "boss": ("Active", "Account admin", moment(used["boss"]), "No limit", "Any", "No expiration", made),
        "mia": ("Active", "Member", moment(used["mia"]), "No limit", "Any", "No expiration", made),
        NONE: (
            "Active", "Member", "Never", "100 requests/min 5,000 per day", "simulated", "Jan 2, 2099, 03:04:05", made,
        ),
    }  # fmt: skip
    assert sorted(keys.cells("Name")) == sorted(
        f"{name} {prefix}…"
        for name, prefix in books.rows("SELECT name, prefix FROM api_keys WHERE account_id = $1", shop.id)
    )


def test_a_new_key_is_shown_once_and_its_lines_work(enter: Enter, shop: Organisation, books: Books) -> None:
    window = enter(of(shop, "boss"))
    window.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    window.show("keys", "Keys")
    window.press("Create a key")
    window.dialog.get_by_label("Name").fill("mail bot")
    window.dialog.get_by_label("Member").fill("mia")
    window.dialog.get_by_label("Requests per minute").fill("100")
    window.press("Create a key")
    secret, curl, python = secrets(window)
    for name, text in (("Key", secret), ("curl", curl), ("Python", python)):
        window.press(f"Copy: {name}")
        assert window.page.evaluate("navigator.clipboard.readText()") == text
    window.press("I have copied it")
    expect(window.dialog).to_be_hidden()
    assert secret not in window.page.content()
    row = window.table("Keys").rows.filter(has_text="mail bot")
    expect(row).to_contain_text("100 requests/min")

    digest, user, limits = books.row("SELECT digest, user_id, limits FROM api_keys WHERE name = 'mail bot'")
    assert (digest, user, limits) == (hashlib.sha256(secret.encode()).digest(), "mia", '{"requests_per_minute": 100}')
    assert "data: [DONE]" in run(shop, "bash", "-c", curl)
    assert run(shop, sys.executable, "-c", python).startswith(" you pay before you ride")
    shop.booked()
    charges = books.column("SELECT charge FROM events JOIN api_keys USING (key_id) WHERE api_keys.name = 'mail bot'")
    assert len(charges) == 2
    assert all(charges)


def run(shop: Organisation, *command: str) -> str:
    """Run what the dialog has shown; return what it prints."""
    environ = shop.farebox.environ()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("overlap", "hours", "hint"),
    [
        ("1 hour", 1, "Both secrets are good until then"),
        ("Not at all", 0, "Applications that use the old secret are refused at once."),
    ],
)
def test_a_rotated_key_has_a_new_secret_and_the_old_one_for_as_long_as_chosen(
    overlap: str, hours: int, hint: str, enter: Enter, shop: Organisation, books: Books
) -> None:
    old = shop.people["mia"]
    window = enter(of(shop, "boss"))
    window.show("keys", "Keys")
    act(window, "key of mia", "Rotate")
    window.choose("The old secret stays good for", overlap)
    expect(window.dialog).to_contain_text(hint)
    window.press("Rotate")
    new = Person(old.url, secrets(window)[0])
    expect(window.dialog.get_by_text("The old secret is good until")).to_have_count(1 if hours else 0)
    window.press("I have copied it")
    assert new.get("/api/v1/balance")["balance"] == 10_000
    (until,) = books.column(
        "SELECT valid_until FROM retired_secrets JOIN api_keys USING (key_id) WHERE account_id = $1", shop.id
    )
    assert abs(until - datetime.now(UTC) - timedelta(hours=hours)) < timedelta(minutes=1)
    expect(window.table("Keys").rows.filter(has_text="Old secret until")).to_have_count(1 if hours else 0)
    if hours:
        assert old.get("/api/v1/balance")["balance"] == 10_000
    else:
        with pytest.raises(RefusedError, match="401"):
            old.get("/api/v1/balance")


def test_a_revoked_key_is_refused_and_its_sessions_end(enter: Enter, shop: Organisation, books: Books) -> None:
    theirs, window = enter(of(shop, "mia")), enter(of(shop, "boss"))
    theirs.page.clock.install()
    theirs.show("ledger", "Transaction History")
    window.show("keys", "Keys")
    act(window, "key of mia", "Revoke")
    expect(window.dialog).to_contain_text("Applications that use key of mia are refused within seconds.")
    assert books.value("SELECT count(*) FROM api_keys WHERE account_id = $1 AND revoked_at IS NULL", shop.id) == 2
    window.press("Revoke")
    window.must_say("The key was revoked.")
    expect(window.table("Keys").rows.filter(has_text="key of mia")).to_contain_text("Revoked")
    assert books.column("SELECT user_id FROM api_keys WHERE account_id = $1 AND revoked_at IS NOT NULL", shop.id) == [
        "mia"
    ]
    with pytest.raises(RefusedError, match="401"):
        shop.people["mia"].get("/api/v1/balance")
    theirs.page.clock.fast_forward(REFRESH_MS)
    expect(theirs.page.get_by_role("status").filter(has_text=ENDED)).to_be_visible()


def test_limits_of_a_key_hold_at_once(enter: Enter, shop: Organisation, books: Books) -> None:
    window = enter(of(shop, "boss"))
    window.show("keys", "Keys")
    act(window, "key of mia", "Limits")
    window.dialog.get_by_label("Spend per day").fill("20")
    window.press("Save limits")
    window.must_say("The limits apply from now on.")
    expect(window.table("Keys").rows.filter(has_text="key of mia")).to_contain_text("20 per day")
    limits = books.value("SELECT limits FROM api_keys WHERE account_id = $1 AND user_id = 'mia'", shop.id)
    assert limits == '{"spend_per_day": 20}'
    body = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
    with pytest.raises(RefusedError, match="429"):
        shop.people["mia"].call("POST", "/v1/chat/completions", body)
