"""What admission is asked, and what it answers."""

import msgspec

from metering.core.limits import Limited, Shown
from metering.core.settlement import Reservation


class Claim(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An Idempotency-Key, and what it was sent with: whoever repeats it must send the same.

    ``digest`` is of the endpoint and of the body's raw bytes; ``replay`` says that the account keeps answers.
    """

    key: str
    digest: str
    key_id: str | None = None
    replay: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a request wants held: ``want``, or down to ``least``, in the resource's unit."""

    request_id: str
    account_id: str
    resource: str
    user_id: str
    model: str
    want: int
    least: int
    facts: bytes
    claim: Claim | None = None
    limited: Limited | None = None


class Granted(msgspec.Struct, frozen=True, gc=False):
    """A hold that was taken, what is available after it, and what is shown of limits."""

    reservation: Reservation
    available: int
    shown: Shown | None = None


class AccountView(msgspec.Struct, frozen=True, gc=False):
    """An account as Redis sees it now."""

    version: int
    balance: int
    reserved: int
    holds: int
    unsettled: int
    differences: list[str]
