"""What bodies of the account's own API may say."""

from typing import Annotated, Literal

from msgspec import Meta

from gateway.admin.forms import NO_NUL, Amount, Form, Member, Resource, Threshold
from metering.core.units import Base

Label = Annotated[
    str, Meta(min_length=1, max_length=256, pattern=NO_NUL, description="a text of 1 to 256 characters, or null")
]
Content = Annotated[str, Meta(description="the text to count, or null")]
Seconds = Annotated[int, Meta(ge=1, le=2_592_000, description="whole seconds, at least 1")]
Measure = Annotated[Base, Meta(description='"unit", "word", "character" or "token"')]


class NewUse(Form):
    """POST /api/v1/usage: ``amount`` of ``base``, or ``text`` that is counted here."""

    resource: Resource | None = None
    amount: Amount | None = None
    text: Content | None = None
    base: Measure | None = None
    model: Label | None = None
    feature: Label | None = None
    reason: Label | None = None
    session_id: Label | None = None
    user_id: Member | None = None


class NewReservation(NewUse):
    """POST /api/v1/reservations: the same, to be settled or released within ``ttl_seconds``."""

    ttl_seconds: Seconds | None = None
    on_expiry: Literal["release", "settle"] = "release"


class Settlement(Form):
    """POST /api/v1/reservations/{id}/settle: what was used, in the reservation's base."""

    amount: Threshold | None = None
    text: Content | None = None
