import json

import pytest
from openai.types.shared import ErrorObject

from providers.wire.error_body import error_body


def test_all_four_keys_are_always_there() -> None:
    body = json.loads(error_body("No.", type="insufficient_quota"))
    assert body == {"error": {"message": "No.", "type": "insufficient_quota", "param": None, "code": None}}
    ErrorObject.model_validate(body["error"])


def test_more_fields_come_after_them() -> None:
    details = {"required": 5, "available": 3, "top_up_url": None}
    body = json.loads(error_body("No.", type="t", code="c", param="n", details=details))
    assert list(body["error"].items())[2:] == [("param", "n"), ("code", "c"), ("details", details)]


@pytest.mark.parametrize("text", ["é \u2028 😀", 'quotes " and \\ and \n', "half \ud83d", ""])
def test_any_text_makes_valid_json(text: str) -> None:
    assert json.loads(error_body(text, type="t"))["error"]["message"] == text
