"""A check for schemathesis: what is well-formed is taken, save where a rule forbids it that no schema can say.

It stands in for ``positive_data_acceptance``, and is as strict but for the rules that are named here.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# The parameter that a 400 names, how its message begins, and why no schema can say so.
RULES: Mapping[tuple[str, str], str] = {
    ("cursor", "This cursor"): "it is opaque: only a page can give one, and made-up text is none",
    ("time_zone", "There is no time zone"): "the names of zones are the database's",
    ("expires_at", "expires_at is past"): "a schema knows no clock",
    ("expires_at", "What was left of this pack"): "it is about the pack as it is now",
    ("role", "This key acts with"): "it is about the member whom the key names",
    ("user_id", "There is a member"): "it is about who is there already",
    ("ip_ranges", "ip_ranges is not right"): "JSON Schema has no format for address ranges",
    ("size", "size is missing, or one too many"): "size or unlimited: two fields at once",
    ("size", "The open packs would hold"): "it is about what the account has already",
    ("model", "'model' has characters"): "what can be printed, Unicode says",
    ("metadata.session_id", "'metadata.session_id' has characters"): "the same",
    ("resource", "There is no resource"): "an operator configures them",
    ("resource", "This account counts in"): "it is about the account",
    ("resource", "Those of"): "the account's own unit has its settings elsewhere",
    ("starts_on", "starts_on is not right; write a day of the years"): "JSON Schema has no bounds for dates",
    ("ends_on", "ends_on is not right; write a day of the years"): "the same",
    ("ends_on", "ends_on is the day on which"): "two fields at once",
    ("from", "from is not before to"): "two parameters at once",
    ("from", "Series by"): "two parameters at once",
    ("to", "to is not right; write a time of this age"): "a range of seven days before the first day of all",
    ("io_type", "io_type is for rows of"): "two parameters at once",
    ("step", "So many steps"): "three parameters at once",
    ("amount", "amount and text are two ways"): "two fields at once",
    ("amount", "There is nothing to meter"): "a text may have no words",
    ("amount", "So much is more than"): "its rate decides",
    ("base", "A text is counted by"): "two fields at once",
    ("text", "This reservation counts"): "it is about the reservation",
    ("ttl_seconds", "ttl_seconds is too long"): "an operator configures it",
    ("valid_from", "valid_from is in the past"): "a schema knows no clock",
    ("model", "The model"): "it is about the price table",
    ("service_tier", "The service tier"): "the same",
    ("key", "There is a feature"): "it is about the features that there are",
    ("feature", "There is no feature"): "the same",
    ("subject", "subject is a user_id"): "two fields at once",
    ("limits", "There is no such limit"): "it is about the limits that are set",
    ("limits", "There is nothing to begin again"): "the same",
    ("rate", "rate is not right"): "JSON Schema has no word for decimal places",
    ("prompt_rate", "prompt_rate is not right"): "the same",
    ("prompt_rate", "prompt_rate has no rate"): "two fields at once",
    ("prompt_rate", "prompt_rate is for base"): "two fields at once",
    ("input", "input is missing"): "it is needed unless the price has ended",
    ("completion", "completion is missing"): "the same",
    ("ended", "A price that has ended"): "two fields at once",
    ("messages", "The messages are"): "how many tokens they are, a tokenizer says",
    ("stream_options", "'stream_options' is only allowed"): "OpenAI's own rule on two fields at once",
}
# To JSON Schema 5.0 is an integer; amounts are written as integers here, so that nobody sends 0.1 + 0.2 of a token.
FLOAT = re.compile(r"Expected `int.*`, got `float`|expected integer.*, got number")
KEY = "Idempotency-Key"
GOOD_KEY = re.compile(r"[!-~]{1,255}")


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - a hook
    """Give each request a key of its own: it makes up the same one over and over, and would have a 422 each time."""
    if KEY in case.headers and GOOD_KEY.fullmatch(str(case.headers[KEY])):
        case.headers[KEY] = str(uuid4())


def rule_of(error: Mapping[str, Any]) -> str | None:
    """Return the rule that a refusal follows, or None."""
    if FLOAT.search(error["message"]):
        return "float"
    for param, start in RULES:
        if error["param"] == param and error["message"].startswith(start):
            return start
    return None


@schemathesis.check
def well_formed_is_taken(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Raise a finding for a request that fits the document, is refused, and breaks no rule."""
    if response.status_code == 402:  # what an account can pay is no matter of form
        return
    if response.status_code == 400 and rule_of(response.json()["error"]):
        return
    positive_data_acceptance(ctx, response, case)
