"""What bodies of the admin API may say, and what to write where one says something else."""

import json
import re
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from gateway.body import BODY, read_body
from gateway.deps import DEPS
from gateway.errors import ApiError, invalid
from metering.core.rates import AMOUNT_MAX

LOOKED_AT_BYTES_MAX = 65_536  # of a body that is no JSON
NO_NUL = r"\A[^\x00]*\Z"  # Postgres keeps every character but this one

Amount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX, description=f"an integer from 1 to {AMOUNT_MAX}")]
Threshold = Annotated[int, Meta(ge=0, le=AMOUNT_MAX, description=f"an integer from 0 to {AMOUNT_MAX}")]
Priority = Annotated[int, Meta(ge=0, le=32_767, description="an integer from 0 to 32767; lower burns down first")]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NUL, description="a text of 1 to 200 characters")]
Text = Annotated[str, Meta(max_length=200, pattern=NO_NUL, description="a text of at most 200 characters")]
Note = Annotated[str, Meta(max_length=1000, pattern=NO_NUL, description="a text of at most 1000 characters")]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL, description="a text of 1 to 500 characters")]
Member = Annotated[str, Meta(min_length=1, max_length=128, pattern=NO_NUL, description="a text of 1 to 128 characters")]
Model = Annotated[str, Meta(min_length=1, max_length=256, pattern=NO_NUL)]
Models = Annotated[
    list[Model], Meta(min_length=1, max_length=1000, description="a list of model names, or null for any")
]
Resource = Annotated[
    str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z", description="a name such as tokens, images or ocr_pages")
]
Zone = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9_+/-]{1,64}\Z", description="a time zone such as Europe/Berlin or UTC")
]
Moment = Annotated[datetime, Meta(tz=True, description="a time with its zone, such as 2027-01-31T00:00:00Z")]
FeatureKey = Annotated[
    str, Meta(pattern=r"\A[a-z0-9][a-z0-9_.-]{0,63}\Z", description="the key of a feature, such as ai_bots")
]
Unit = Literal["tokens", "credits"]
Floor = Literal["cross", "keep"]
Clamp = Literal["unset", "never", "always"]
Orphan = Literal["bounded", "upper_bound", "checkpoint"]
Role = Literal["member", "admin"]


class Form(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A JSON object with known fields."""

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were written, with their values."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if value is not UNSET}


class NewAccount(Form):
    """POST /admin/v1/accounts."""

    name: Name
    email: Text | None = None
    plan: Text | None = None
    domain: Text | None = None
    unit: Unit = "tokens"
    time_zone: Zone = "UTC"
    min_reserve: Threshold | None = None
    warning_threshold: Threshold | None = None
    floor: Floor | None = None
    clamp: Clamp | None = None
    orphan: Orphan | None = None
    replay: bool = False


class AccountPatch(Form):
    """PATCH /admin/v1/accounts/{id}."""

    name: Name | UnsetType = UNSET
    email: Text | UnsetType | None = UNSET
    plan: Text | UnsetType | None = UNSET
    domain: Text | UnsetType | None = UNSET
    time_zone: Zone | UnsetType = UNSET
    min_reserve: Threshold | UnsetType | None = UNSET
    warning_threshold: Threshold | UnsetType | None = UNSET
    floor: Floor | UnsetType | None = UNSET
    clamp: Clamp | UnsetType | None = UNSET
    orphan: Orphan | UnsetType | None = UNSET
    status: Literal["active", "suspended"] | UnsetType = UNSET
    replay: bool | UnsetType = UNSET


class NewPack(Form):
    """POST /admin/v1/accounts/{id}/packs."""

    size: Amount | None = None
    expires_at: Moment | None = None
    note: Note = ""
    priority: Priority = 50
    user_id: Member | None = None
    models: Models | None = None
    resource: Resource | None = None
    unlimited: bool = False


class PackPatch(Form):
    """PATCH /admin/v1/packs/{id}."""

    note: Note | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class RefundOrder(Form):
    """POST /admin/v1/events/{request_id}/refund; no amount: all that is left of the charge."""

    reason: Reason
    amount: Amount | None = None


T = TypeVar("T", bound=Form)
_PATH = re.compile(r" - at `\$\.?([A-Za-z_0-9]*)[^`]*`$")
_FIELD = re.compile(r"(?:unknown|required) field `([^`]*)`")


async def read_form(request: web.Request, kind: type[T]) -> T:
    """Return the body of a request as a form. Raises ApiError (400) naming the field and what to write."""
    body = request.get(BODY)
    if body is None:
        body = await read_body(request, seconds_max=request.app[DEPS].now.settings.server.body_seconds_max)
    return parse_form(body, kind)


def parse_form(body: bytes, kind: type[T]) -> T:
    """Return a body as a form. Raises ApiError (400) naming the field and what to write."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        param = _not_a_number(body)
        if param is None:
            raise invalid("The body is not JSON; write one JSON object.") from error
        raise invalid(f"{param} is no JSON value; write {hints_of(kind).get(param, 'a number')}.", param) from error


def _explained(message: str, kind: type[Form]) -> ApiError:
    hints = hints_of(kind)
    field = _FIELD.search(message)
    path = _PATH.search(message)
    inside = path[1] if path else ""  # an object within the form: what is wrong there is wrong with its field
    param = inside or (field[1] if field else None)
    if param is None:
        return invalid(f"{message}; write one JSON object.")
    if param not in hints:
        return invalid(f"There is no {param} here; the fields are {', '.join(hints)}.", param)
    problem = "is missing" if field and not inside else f"is not right ({message[: path.start()] if path else message})"
    return invalid(f"{param} {problem}; write {hints[param]}.", param)


def _not_a_number(body: bytes) -> str | None:
    """Return the field that holds NaN or an infinity, which Python writes and JSON does not know."""
    if len(body) > LOOKED_AT_BYTES_MAX:
        return None
    wrong = object()
    try:
        found = json.loads(body, parse_constant=lambda _: wrong)
    except (ValueError, RecursionError):
        return None
    return next((name for name, value in found.items() if value is wrong), None) if isinstance(found, dict) else None


@cache
def hints_of(kind: type[Form]) -> dict[str, str]:
    """Return what may be written in each field of a form, as the end of a sentence."""
    return {name: _hint(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}


def _hint(hint: Any) -> str:  # noqa: ANN401 - any type annotation
    """Return the description of an annotation, the values of a choice, or the name of a plain type."""
    if hint is bool:
        return "true or false"
    metas = [meta.description for meta in getattr(hint, "__metadata__", ()) if meta.description]
    if metas:
        return str(metas[0])
    choices = [part for part in get_args(hint) if isinstance(part, str)]
    if choices:
        return " or ".join(f'"{choice}"' for choice in choices)
    parts = [_hint(part) for part in get_args(hint) if part not in {type(None), UnsetType}]
    nullable = type(None) in get_args(hint) and not any("null" in part for part in parts)
    return " or ".join(parts) + (", or null" if nullable else "")
