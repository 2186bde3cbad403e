"""Times that a form may name."""

from datetime import UTC, datetime

from gateway.admin.forms import Form
from gateway.errors import invalid


def require_future(form: Form) -> None:
    """Raise ApiError (400) unless ``expires_at``, if it is given, is yet to come.

    A pack that had expired in the past would make draws of requests that were admitted on it wrong afterwards.
    """
    expires_at = form.given.get("expires_at")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise invalid("expires_at is past; write a time to come, or revoke it instead.", "expires_at")
