"""/api/v1/reservations: held now, settled or released later, whoever is asked."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Start
from tests.integration.api.asking import Api
from tests.integration.api.shop import PATH, Shop
from tests.waiting import eventually


async def test_what_is_reserved_is_held_until_it_is_settled_with_what_was_used(shop: Shop) -> None:
    opened = await shop.reserve(30, feature="thumbnails", reason="import", session_id="s1")
    assert opened["status"] == "open"
    assert (opened["units"], opened["reserved"], opened["base"], opened["on_expiry"]) == (30, 30, "unit", "release")
    assert await shop.images() == (100, 30)
    done = await shop.settle(opened, 12)
    assert done.status == 200
    assert (done.body["status"], done.body["used_units"], done.body["charge"]) == ("settled", 12, 12)
    assert await shop.images() == (88, 0)
    (event,) = await shop.events()
    assert event["request_id"] == opened["id"]
    assert (event["endpoint"], event["model"], event["feature"]) == ("reservations", "-", "thumbnails")
    assert (event["charge"], event["resource"], event["prompt_tokens"]) == (12, "images", 0)
    assert (event["reason"], event["session_id"], event["user_id"]) == ("import", "s1", "u1")
    (entry,) = (await shop.api.good("GET", "/admin/v1/ledger", request_id=opened["id"]))["data"]
    assert (entry["kind"], entry["amount"], entry["service"]) == ("usage", 12, "thumbnails")
    await shop.audit()


async def test_what_is_released_costs_nothing(shop: Shop) -> None:
    opened = await shop.reserve()
    released = await shop.post(f"/{opened['id']}/release")
    assert (released.status, released.body["status"]) == (200, "released")
    assert await shop.images() == (100, 0)
    assert await shop.events() == []
    await shop.audit()


async def test_the_same_end_again_is_the_same_answer_and_another_one_is_refused(shop: Shop) -> None:
    first, second = await shop.reserve(), await shop.reserve()
    for opened, good, bad in (
        (first, ("settle", {"amount": 5}), [("settle", {"amount": 6}), ("release", None)]),
        (second, ("release", None), [("settle", {"amount": 5})]),
    ):
        path = f"/{opened['id']}/"
        answers = [await shop.post(path + good[0], good[1]) for _ in range(2)]
        assert answers[0].status == 200
        assert answers[0].body == answers[1].body
        for how, body in bad:
            refused = await shop.post(path + how, body)
            assert (refused.status, refused.error["code"]) == (409, "already_used")
    assert await shop.images() == (95, 0)
    await shop.audit()


async def test_any_gateway_may_settle_it(shop: Shop, start: Start) -> None:
    opened = await shop.reserve()
    other = Api(await start())
    assert (await shop.settle(opened, 7, api=other)).status == 200
    assert (await shop.settle(opened, 7)).status == 200
    assert await shop.images() == (93, 0)
    assert [event["charge"] for event in await shop.events()] == [7]


async def test_it_outlives_its_gateway(shop: Shop, start: Start) -> None:
    opened = await shop.reserve()
    await shop.api.client.close()
    shop.api = Api(await start())
    assert await shop.images() == (100, 30)
    assert (await shop.settle(opened, 30)).status == 200
    assert await shop.images() == (70, 0)
    await shop.audit()


async def test_more_than_was_reserved_is_charged_in_full(shop: Shop) -> None:
    opened = await shop.reserve(30)
    assert (await shop.settle(opened, 130)).status == 200
    assert await shop.images() == (-30, 0)
    (event,) = await shop.events()
    assert (event["charge"], event["surplus_amount"]) == (130, 130)
    await shop.audit()


async def test_a_settlement_of_nothing_is_charged_nothing(shop: Shop) -> None:
    opened = await shop.reserve()
    done = await shop.settle(opened, 0)
    assert (done.status, done.body["status"], done.body["charge"]) == (200, "settled", 0)
    assert await shop.images() == (100, 0)
    await shop.audit()


async def test_what_the_packs_do_not_pay_for_is_refused_as_for_requests(shop: Shop) -> None:
    refused = await shop.post(body={"resource": "images", "amount": 101})
    assert (refused.status, refused.error["code"]) == (402, "insufficient_balance")
    assert refused.error["details"]["unit"] == "images"
    assert refused.error["details"]["required"] == 101
    await shop.reserve(60)
    held = await shop.post(body={"resource": "images", "amount": 60})
    assert (held.status, held.error["code"], held.headers["retry-after"]) == (402, "balance_held", "1")
    none = await shop.post(body={"resource": "ocr_pages", "amount": 1})
    assert (none.status, none.error["code"]) == (402, "no_active_pack")
    await shop.audit()


@pytest.mark.parametrize(
    ("on_expiry", "status", "charges", "balance"), [("release", "expired", [], 100), ("settle", "settled", [30], 70)]
)
async def test_one_that_nobody_ends_is_ended_at_its_deadline_as_it_asked(
    shop: Shop, on_expiry: str, status: str, charges: list[int], balance: int
) -> None:
    opened = await shop.reserve(30, on_expiry=on_expiry, ttl_seconds=60)
    await shop.late(opened, 30)
    await shop.api.deps.reservations.end_due()
    assert await shop.images() == (100, 30), "the grace is not over"
    await shop.late(opened, 61)

    async def over() -> bool:
        found = await shop.api.ask("GET", f"{PATH}/{opened['id']}", headers=shop.key)
        return bool(found.body["status"] == status)

    await eventually(over)
    assert await shop.images() == (balance, 0)
    events = await shop.events()
    assert [event["charge"] for event in events] == charges
    assert all(event["source"] == "recovered" for event in events)
    await shop.audit()


@pytest.mark.parametrize("on_expiry", ["release", "settle"])
async def test_who_settles_after_the_deadline_is_charged_exactly_and_once(shop: Shop, on_expiry: str) -> None:
    opened = await shop.reserve(30, on_expiry=on_expiry)
    await shop.late(opened, 61)
    while await shop.api.deps.reservations.end_due():
        pass
    assert (await shop.settle(opened, 11)).status == 200
    assert (await shop.settle(opened, 11)).status == 200
    assert (await shop.settle(opened, 12)).status == 409
    assert await shop.images() == (89, 0)
    assert [event["charge"] for event in await shop.events()] == [11]
    await shop.audit()


async def test_who_settles_what_others_have_spent_meanwhile_owes_it(shop: Shop) -> None:
    opened = await shop.reserve(30)
    await shop.late(opened, 61)
    while await shop.api.deps.reservations.end_due():
        pass
    used = await shop.api.ask("POST", "/api/v1/usage", {"resource": "images", "amount": 90}, headers=shop.key)
    assert used.status == 201
    await shop.events()
    assert (await shop.settle(opened, 30)).status == 200
    assert await shop.images() == (-20, 0)
    await shop.audit()  # the debt is explained: nothing was held any more


async def test_text_is_counted_here_in_the_base_of_the_reservation(shop: Shop) -> None:
    await shop.api.pack(shop.account_id, size=1000)
    # The three tokens of o200k_base are "It's", " hello", " world".
    for base, counted, used in (("word", 3, 1), ("character", 16, 5), ("token", 3, 1)):
        reply = await shop.post(body={"text": "It's hello world", "base": base})
        assert (reply.status, reply.body["units"], reply.body["resource"]) == (201, counted, "tokens"), reply
        done = await shop.post(f"/{reply.body['id']}/settle", {"text": "hello"})
        assert (done.status, done.body["used_units"], done.body["charge"]) == (200, used, used)
        event = (await shop.events())[0]
        assert (event["charge"], event["source"]) == (used, "tokenizer")
        assert event["prompt_tokens"] == (used if base == "token" else 0)
    await shop.audit()


async def test_a_member_sees_and_ends_their_own_and_an_admin_all_of_the_account(shop: Shop) -> None:
    opened = await shop.reserve()
    path = f"{PATH}/{opened['id']}"
    stranger = await shop.api.key(shop.account_id, user_id="u2")
    boss = await shop.api.key(shop.account_id, user_id="u3", role="admin")
    foreign = await shop.api.key(await shop.api.account(), role="admin")
    for headers in (stranger, foreign):
        assert (await shop.api.ask("GET", path, headers=headers)).status == 404
        for how, body in (("settle", {"amount": 1}), ("release", None)):
            assert (await shop.api.ask("POST", f"{path}/{how}", body, headers=headers)).status == 404
    assert (await shop.api.ask("GET", path, headers=boss)).body == opened
    forbidden = await shop.post(body={"resource": "images", "amount": 1, "user_id": "u2"})
    assert (forbidden.status, forbidden.error["code"]) == (403, "not_allowed")
    body = {"resource": "images", "amount": 1, "user_id": "u2"}
    other = await shop.api.ask("POST", PATH, body, headers=boss)
    assert (other.status, other.body["user_id"]) == (201, "u2")


async def test_a_repeated_key_is_the_same_reservation(shop: Shop) -> None:
    body, key = {"resource": "images", "amount": 30}, {"Idempotency-Key": "a"}
    first = await shop.post(body=body, **key)
    again = await shop.post(body=body, **key)
    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body
    assert again.headers["idempotency-replayed"] == "true"
    assert await shop.images() == (100, 30)
    other = await shop.post(body={"resource": "images", "amount": 31}, **key)
    assert (other.status, other.error["code"]) == (422, "idempotency_mismatch")
    await shop.settle(first.body, 5)
    done = await shop.post(body=body, **key)
    assert (done.status, done.body["status"], done.body["charge"]) == (200, "settled", 5)
    assert await shop.images() == (95, 0)


async def test_the_deadline_is_what_was_asked_for_and_not_more_than_is_allowed(shop: Shop) -> None:
    opened = await shop.reserve(ttl_seconds=3600)
    life = datetime.fromisoformat(opened["expires_at"]) - datetime.fromisoformat(opened["created_at"])
    assert timedelta(seconds=3599) < life < timedelta(seconds=3601)
    assert datetime.fromisoformat(opened["created_at"]) <= datetime.now(UTC)
    refused = await shop.post(body={"resource": "images", "amount": 1, "ttl_seconds": 86_401})
    assert (refused.status, refused.error["param"]) == (400, "ttl_seconds")


async def test_what_is_wrong_is_said(shop: Shop) -> None:
    for body, param in (
        ({"resource": "images"}, "amount"),
        ({"resource": "images", "amount": 1, "text": "a"}, "amount"),
        ({"resource": "images", "amount": 0}, "amount"),
        ({"text": ""}, "amount"),
        ({"text": "a", "base": "unit"}, "base"),
        ({"text": "a", "base": "line"}, "base"),
        ({"resource": "smells", "amount": 1}, "resource"),
        ({"resource": "credits", "amount": 1}, "resource"),
        ({"resource": "images", "amount": 1, "on_expiry": "charge"}, "on_expiry"),
        ({"resource": "images", "amount": 1, "colour": "red"}, "colour"),
    ):
        refused = await shop.post(body=body)
        assert (refused.status, refused.error["param"]) == (400, param), (body, refused)
    smells = await shop.post(body={"resource": "smells", "amount": 1})
    assert "tokens, images, ocr_pages, storage_bytes" in smells.error["message"]
    assert (await shop.post("/0199f3a2-7c1e-7b3a-9d41-0c5e8f1a2b3c/release")).status == 404
    opened = await shop.reserve()
    text = await shop.post(f"/{opened['id']}/settle", {"text": "a"})
    assert (text.status, text.error["param"]) == (400, "text")
