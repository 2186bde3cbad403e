"""What bodies may say."""

from datetime import UTC, datetime

import pytest

from gateway.admin.forms import (
    AccountPatch,
    Form,
    NewAccount,
    NewPack,
    PackPatch,
    RefundOrder,
    hints_of,
    parse_form,
)
from gateway.admin.people_forms import KeyPatch, MemberPatch, NewKey, NewMember, Rotation
from gateway.errors import ApiError

FORMS: list[type[Form]] = [
    NewAccount, AccountPatch, NewKey, KeyPatch, Rotation, NewMember, MemberPatch, NewPack, PackPatch, RefundOrder,
]  # fmt: skip


def refusal(body: bytes, kind: type[Form]) -> ApiError:
    with pytest.raises(ApiError) as refused:
        parse_form(body, kind)
    assert refused.value.status == 400
    return refused.value


def test_a_form_says_what_was_written_and_nothing_else() -> None:
    patch = parse_form(b'{"note": "x", "expires_at": null}', PackPatch)
    assert patch.given == {"note": "x", "expires_at": None}
    assert parse_form(b"{}", AccountPatch).given == {}


def test_a_time_keeps_its_zone() -> None:
    patch = parse_form(b'{"expires_at": "2027-01-31T02:00:00+02:00"}', PackPatch)
    assert patch.expires_at == datetime(2027, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("kind", FORMS)
def test_every_field_says_what_may_be_written(kind: type[Form]) -> None:
    hints = hints_of(kind)
    assert set(hints) == set(kind.__struct_fields__)
    assert all(hints.values())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"size": 0}', "write an integer from 1 to 4503599627370496, or null."),
        (b'{"size": NaN}', "size is no JSON value; write an integer from 1 to 4503599627370496, or null."),
        (b'{"unlimited": 1}', "write true or false."),
        (b'{"expires_at": "soon"}', "write a time with its zone, such as 2027-01-31T00:00:00Z, or null."),
        (b'{"models": [1]}', "write a list of model names, or null for any."),
        (b'{"colour": 1}', "There is no colour here; the fields are size, expires_at, note,"),
        (b"[]", "write one JSON object."),
        (b'{"size": 1', "The body is not JSON; write one JSON object."),
    ],
)
def test_a_refusal_says_what_to_write(body: bytes, message: str) -> None:
    assert message in refusal(body, NewPack).message


def test_a_choice_names_its_values() -> None:
    assert hints_of(NewAccount)["floor"] == '"cross" or "keep", or null'
    assert 'write "tokens" or "credits".' in refusal(b'{"name": "x", "unit": "eur"}', NewAccount).message


def test_what_is_missing_is_named() -> None:
    error = refusal(b"{}", NewAccount)
    assert (error.param, error.message) == ("name", "name is missing; write a text of 1 to 200 characters.")


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_number_that_json_does_not_know_is_found_by_its_field(constant: bytes) -> None:
    assert refusal(b'{"reason": "x", "amount": ' + constant + b"}", RefundOrder).param == "amount"


@pytest.mark.parametrize("body", [b"NaN", b"[NaN]", b'{"size": 1, NaN', b"\xff\xfe", b"[" * 200_000])
def test_other_nonsense_is_no_json(body: bytes) -> None:
    assert refusal(body, NewPack).param is None


def test_an_element_of_a_list_is_named_by_its_field() -> None:
    assert refusal(b'{"models": ["m", ""]}', NewKey).param == "models"
