"""What bodies about members and keys may say."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from gateway.admin.forms import NO_NUL, Amount, FeatureKey, Form, Models, Moment, Role, Text
from gateway.admin.forms import Member as UserId
from gateway.errors import invalid

OVERLAP_SECONDS_MAX = 2_592_000  # thirty days: longer is no rotation any more
RANGES_MAX = 100
NewUserId = Annotated[  # in a path, "." and ".." would be folders
    str,
    Meta(
        min_length=1, max_length=128, pattern=r"\A(?!\.{1,2}\Z)[^\x00]*\Z", description="a text of 1 to 128 characters"
    ),
]
Email = Annotated[
    str, Meta(max_length=200, pattern=r"\A[^\s@\x00]+@[^\s@\x00]+\Z", description="an e-mail address, or null")
]
Ranges = Annotated[
    list[Annotated[str, Meta(max_length=64, pattern=NO_NUL)]],
    Meta(
        min_length=1,
        max_length=RANGES_MAX,
        description="a list of address ranges such as 203.0.113.0/24 or 2001:db8::/32, or null for any",
    ),
]


class Limits(Form):
    """What a key may use: requests and tokens a minute, requests at once, spend in the account's unit."""

    requests_per_minute: Amount | None = None
    tokens_per_minute: Amount | None = None
    concurrent_requests: Amount | None = None
    spend_per_day: Amount | None = None
    spend_per_month: Amount | None = None


LimitsOrNone = Annotated[
    Limits, Meta(description=f"an object of {', '.join(Limits.__struct_fields__)}, positive integers, or null for none")
]


class KeyForm(Form):
    """What a new key and a changed one have in common."""

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were written, with their values. Raises ApiError (400): an address range is none."""
        values = super().given
        if values.get("ip_ranges"):
            values["ip_ranges"] = _networks(values["ip_ranges"])
        if values.get("limits"):
            values["limits"] = {name: most for name, most in values["limits"].given.items() if most is not None}
        return values


class NewKey(KeyForm):
    """POST …/keys."""

    name: Text = ""
    user_id: UserId | None = None
    role: Role | UnsetType = UNSET
    models: Models | UnsetType | None = UNSET
    limits: LimitsOrNone | None = None
    ip_ranges: Ranges | None = None
    expires_at: Moment | None = None
    feature: FeatureKey | None = None


class KeyPatch(KeyForm):
    """PATCH …/keys/{id}; ``limits`` are replaced as a whole."""

    name: Text | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    models: Models | UnsetType | None = UNSET
    limits: LimitsOrNone | UnsetType | None = UNSET
    ip_ranges: Ranges | UnsetType | None = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    feature: FeatureKey | UnsetType | None = UNSET


class Rotation(Form):
    """POST …/keys/{id}/rotate: for how long the old secret is good beside the new one."""

    overlap_seconds: Annotated[
        int, Meta(ge=0, le=OVERLAP_SECONDS_MAX, description=f"an integer from 0 to {OVERLAP_SECONDS_MAX}")
    ] = 0


class NewMember(Form):
    """POST …/members."""

    user_id: NewUserId
    name: Text = ""
    email: Email | None = None
    role: Role = "member"


class MemberPatch(Form):
    """PATCH …/members/{user_id}."""

    name: Text | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    role: Role | UnsetType = UNSET
    status: Literal["active", "deactivated"] | UnsetType = UNSET


def _networks(texts: Sequence[str]) -> list[str]:
    try:
        return [str(ip_network(text)) for text in texts]
    except ValueError as error:
        raise invalid(f"ip_ranges is not right: {error}; write ranges such as 203.0.113.0/24.", "ip_ranges") from error
