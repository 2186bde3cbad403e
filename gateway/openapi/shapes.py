"""Answers that no record of the books stands for."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from metering.core.limits import Limit, Scope


class ErrorDetails(msgspec.Struct, kw_only=True):
    """What a 402 says of the account (amounts in its unit), a 409 of the request that was first, a 429 of the limit."""

    required: int | UnsetType = UNSET
    available: int | UnsetType = UNSET
    balance: int | UnsetType = UNSET
    reserved: int | UnsetType = UNSET
    min_reserve: int | UnsetType = UNSET
    unit: str | UnsetType | None = UNSET
    next_expiry: str | UnsetType | None = UNSET
    top_up_url: str | UnsetType | None = UNSET
    request_id: str | UnsetType = UNSET
    charge: int | UnsetType | None = UNSET
    scope: Scope | UnsetType = UNSET
    subject: str | UnsetType | None = UNSET
    limit: Limit | UnsetType = UNSET
    size: int | UnsetType = UNSET
    used: int | UnsetType = UNSET
    requested: int | UnsetType = UNSET
    resets_at: str | UnsetType | None = UNSET


class ErrorObject(msgspec.Struct, kw_only=True):
    """What is wrong, and what to do: ``param`` says where, ``code`` is for programs."""

    message: str
    type: str
    param: str | None
    code: str | None
    details: ErrorDetails | UnsetType = UNSET


class Error(msgspec.Struct):
    """The OpenAI error object."""

    error: ErrorObject


class Model(msgspec.Struct):
    """A model, as OpenAI describes them."""

    id: str
    object: str
    created: int
    owned_by: str


class ModelList(msgspec.Struct):
    """Models."""

    object: str
    data: list[Model]


class ChatCompletion(msgspec.Struct):
    """The provider's answer; it may say more, or less."""

    id: str | UnsetType = UNSET
    object: str | UnsetType = UNSET
    created: int | UnsetType = UNSET
    model: str | UnsetType = UNSET
    choices: list[dict[str, Any]] | UnsetType = UNSET
    usage: dict[str, Any] | UnsetType | None = UNSET


class Alive(msgspec.Struct):
    """This process lives."""

    status: str


class Ready(msgspec.Struct):
    """This gateway can serve; ``checked`` are the parts that answered."""

    status: str
    checked: list[str]


class TokenCredit(msgspec.Struct, rename={"is_unlimited": "isUnlimited"}):
    """What the caller may spend on one model, in the published form."""

    credit: int
    is_unlimited: bool
    entity_key: str
    engine: str


class TokenBalance(msgspec.Struct):
    """Credits by model."""

    success: bool
    data: dict[str, TokenCredit]
