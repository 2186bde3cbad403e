"""Members come, change, get packs of their own, and go."""

import pytest
from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.conftest import Enter
from tests.browser.people import Guest
from tests.browser.window import Window
from tests.browser.words import NONE, day
from tests.e2e.organisation import Organisation, RefusedError

COLUMNS = ("Name", "Status", "Role", "Email", "Added")


def members_of(shop: Organisation, books: Books) -> list[tuple[str, ...]]:
    """Return the members as the page should show them."""
    return [
        (
            f"{name} {user}" if name else user,
            {"active": "Active", "deactivated": "Deactivated"}[status],
            {"admin": "Account admin", "member": "Member"}[role],
            email or NONE,
            day(added),
        )
        for user, name, status, role, email, added in books.rows(
            "SELECT user_id, name, status, role, email, created_at FROM members WHERE account_id = $1"
            " ORDER BY member_id DESC",
            shop.id,
        )
    ]


def act(window: Window, user: str, action: str) -> None:
    """Choose from the menu of a member."""
    window.page.get_by_role("button", name=f"Actions of {user}").click()
    window.page.get_by_role("menuitem", name=action, exact=True).click()


def test_a_member_is_added_and_changed(enter: Enter, shop: Organisation, books: Books) -> None:
    window = enter(Guest(shop.farebox.url, shop.people["boss"].key))
    window.show("members", "Members")
    assert window.table("Members").records(*COLUMNS) == members_of(shop, books)
    window.press("Add a member")
    window.dialog.get_by_label("User ID").fill("zoe")
    window.dialog.get_by_label("Name").fill("Zoë Klein")
    window.press("Add a member")
    window.must_say("The member was added.")
    expect(window.table("Members").rows).to_have_count(3)
    assert books.row("SELECT name, role, email FROM members WHERE user_id = 'zoe'") == ("Zoë Klein", "member", None)

    act(window, "zoe", "Edit")
    expect(window.dialog.get_by_label("User ID")).to_be_disabled()
    window.dialog.get_by_label("Email").fill("zoe@books.example")
    window.choose("Role", "Account admin")
    window.press("Save")
    window.must_say("The member was changed.")
    expect(window.table("Members").rows.filter(has_text="zoe@books.example")).to_contain_text("Account admin")
    assert window.table("Members").records(*COLUMNS) == members_of(shop, books)

    window.press("Add a member")
    window.expected.append("status of 400")
    window.dialog.get_by_label("User ID").fill("zoe")
    window.press("Add a member")
    expect(window.dialog.get_by_role("alert")).to_have_text("There is a member with this user_id; change that one.")


def test_a_pack_is_allocated_and_counts_for_that_member_alone(
    enter: Enter, shop: Organisation, platform: Guest, books: Books
) -> None:
    window = enter(platform)
    window.show(f"admin/accounts/{shop.id}/members", "Members")
    act(window, "mia", "Allocate")
    window.dialog.get_by_label("Size").fill("500")
    window.dialog.get_by_label("Note").fill("for summer")
    expect(window.dialog).to_contain_text("A new pack is granted that only mia may use.")
    expect(window.dialog).to_contain_text("The balance of the account rises from 10,000 to 10,500.")
    window.press("Allocate")
    window.must_say("A pack was granted to mia.")
    assert books.row("SELECT user_id, size, remaining FROM packs WHERE note = 'for summer'") == ("mia", 500, 500)
    assert shop.people["mia"].get("/api/v1/allocations")["total"] == 10_500
    window.show(f"admin/accounts/{shop.id}/packs", "Packs")
    assert ("for summer", "mia", "500 / 500") in window.table("Packs").records("Note", "For", "Remaining / Total")


def test_a_member_is_deactivated_and_comes_back(enter: Enter, shop: Organisation, books: Books) -> None:
    window = enter(Guest(shop.farebox.url, shop.people["boss"].key))
    window.show("members", "Members")
    act(window, "mia", "Deactivate")
    expect(window.dialog).to_contain_text("All keys of mia are refused within seconds.")
    window.press("Deactivate")
    window.must_say("The member was deactivated.")
    expect(window.table("Members").rows.filter(has_text="mia")).to_contain_text("Deactivated")
    assert window.table("Members").records(*COLUMNS) == members_of(shop, books)
    with pytest.raises(RefusedError, match="401"):
        shop.people["mia"].get("/api/v1/balance")

    act(window, "mia", "Reactivate")
    window.press("Reactivate")
    window.must_say("The member is active again.")
    assert window.table("Members").records(*COLUMNS) == members_of(shop, books)
    assert shop.people["mia"].get("/api/v1/balance")["balance"] == 10_000
