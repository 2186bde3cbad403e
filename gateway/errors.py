"""Every error as HTTP: the OpenAI error object, never a stack trace, never a key.

The only module that knows which error is which status. ``answer`` is total: what it does not know is a 500 that
says nothing but the request id.
"""

import datetime as dt
from http import HTTPStatus

import structlog
from aiohttp import web

from config.errors import UnknownModelError
from metering.core.limits import SPEND, Limit
from metering.errors import (
    LimitedError,
    MeterUnavailableError,
    Refusal,
    RefusedError,
    Repeat,
    RepeatedError,
    UnknownFeatureError,
    UnpricedModelError,
)
from metering.ledger import LedgerRefusedError
from providers.errors import (
    ProviderError,
    UpstreamStatusError,
    UpstreamTimeoutError,
)
from providers.wire.error_body import error_body
from providers.wire.errors import InvalidRequestError

log = structlog.get_logger()
KINDS = {Limit.REQUESTS: "requests", Limit.CONCURRENT: "requests", Limit.TOKENS: "tokens"}  # OpenAI's types

MESSAGES = {
    Refusal.NO_ACTIVE_PACK: "No active token pack fits this member, model and resource. Grant a pack to go on.",
    Refusal.MIN_RESERVE_REACHED: "The balance is below the minimum reserve: AI is stopped until a pack is granted.",
    Refusal.INSUFFICIENT_BALANCE: "The balance does not cover what this request could cost: top up, or lower it.",
    Refusal.BALANCE_HELD: "The balance is enough, but running requests hold it. Try again shortly.",
}
REPEATS = {
    Repeat.IN_PROGRESS: "The first request with this Idempotency-Key is still running. Try again shortly.",
    Repeat.USED: "This Idempotency-Key was used before: the first request was answered, and charged as details say.",
    Repeat.MISMATCH: "This Idempotency-Key was used with another body; write a new key for a new request.",
}


class ApiError(Exception):
    """An answer of ours that is no success."""

    def __init__(  # noqa: PLR0913 - the fields of the error object
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = headers or {}


def invalid(message: str, param: str | None = None) -> ApiError:
    """Return a 400."""
    return ApiError(400, message, code="invalid_request", param=param)


def not_found(what: str) -> ApiError:
    """Return a 404."""
    return ApiError(404, f"{what} not found.", code="not_found")


def unauthorized(message: str = "The API key is missing or not valid.") -> ApiError:
    """Return a 401."""
    return ApiError(401, message, kind="authentication_error", code="invalid_api_key")


def forbidden(message: str) -> ApiError:
    """Return a 403."""
    return ApiError(403, message, kind="permission_error", code="not_allowed")


def answer(error: BaseException, *, request_id: str, top_up_url: str | None = None) -> web.Response:
    """Return the response for an error."""
    if isinstance(error, LimitedError):
        return _limited(error, request_id)
    if isinstance(error, RefusedError):
        return _refused(error, request_id, top_up_url)
    if isinstance(error, RepeatedError):
        return _repeated(error, request_id)
    if isinstance(error, UpstreamStatusError):
        return _upstream_status(error, request_id)
    found = _as_api_error(error, request_id)
    body = error_body(found.message, type=found.kind, code=found.code, param=found.param)
    return _response(found.status, body, request_id, found.headers)


def _as_api_error(error: BaseException, request_id: str) -> ApiError:
    match error:
        case ApiError():
            found = error
        case InvalidRequestError():
            found = invalid(str(error), error.param)
        case UnknownModelError():
            found = ApiError(404, str(error), code="model_not_found", param="model")
        case UnknownFeatureError() | UnpricedModelError():
            found = ApiError(400, str(error), code=error.code, param=error.param)
        case LedgerRefusedError():
            found = invalid("The values were refused by the ledger.")
        case MeterUnavailableError():
            found = ApiError(
                503,
                f"The meter can't decide now, so nothing was forwarded: {error}.",
                kind="server_error",
                code="meter_unavailable",
                headers={"Retry-After": str(error.retry_after_seconds)},
            )
        case UpstreamTimeoutError():
            found = ApiError(
                504,
                f"The provider did not answer in time: {error}",
                kind="server_error",
                code="upstream_timeout",
            )
        case ProviderError():
            found = ApiError(502, error.for_clients, kind="server_error", code="upstream_error")
        case web.HTTPException():
            found = _http(error)
        case _:
            log.error("request_failed", request_id=request_id, exc_info=error)
            found = ApiError(
                500,
                f"Farebox failed; look for request {request_id} in its log.",
                kind="server_error",
                code="internal_error",
            )
    return found


def _http(error: web.HTTPException) -> ApiError:
    if error.status == HTTPStatus.NOT_FOUND:
        return ApiError(
            404, "There is no such path. What Farebox does not meter, it does not forward.", code="not_found"
        )
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return ApiError(
            405,
            "This method is not allowed here.",
            code="method_not_allowed",
            headers={"Allow": error.headers.get("Allow", "")},
        )
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return ApiError(413, "The request body is too large.", code="request_too_large")
    return ApiError(error.status, error.reason, code="invalid_request")


def _refused(error: RefusedError, request_id: str, top_up_url: str | None) -> web.Response:
    if error.refusal is Refusal.SUSPENDED:
        body = error_body("This account is suspended.", type="permission_error", code="not_allowed")
        return _response(403, body, request_id, {"x-should-retry": "false"})
    details = error.details
    body = error_body(
        MESSAGES[error.refusal],
        type="insufficient_quota",
        code=error.refusal.value,
        details={
            "required": details.required,
            "available": details.available,
            "balance": details.balance,
            "reserved": details.reserved,
            "min_reserve": details.min_reserve,
            "unit": details.unit,
            "next_expiry": timestamp(details.next_expiry_ms) if details.next_expiry_ms else None,
            "top_up_url": top_up_url,
        },
    )
    retry = {"x-should-retry": "true", "Retry-After": "1"} if error.refusal.transient else {"x-should-retry": "false"}
    return _response(402, body, request_id, {**retry, "x-farebox-available": str(details.available)})


def _limited(error: LimitedError, request_id: str) -> web.Response:
    wall = error.wall
    seconds = -(-wall.wait_ms // 1000)
    body = error_body(
        wall.message,
        type=KINDS.get(wall.limit, "spend"),
        code=error.refusal.value,
        param=wall.limit.value,
        details={
            "scope": wall.scope.value,
            "subject": wall.subject or None,
            "limit": wall.limit.value,
            "size": wall.size,
            "used": wall.used,
            "requested": wall.requested,
            "resets_at": timestamp(wall.resets_at_ms) if wall.resets_at_ms else None,
        },
    )
    retry = {"x-should-retry": "false"}
    if not wall.hopeless:
        # A day is longer than any client should wait with a request in its hand.
        soon = "true" if wall.limit not in SPEND else "false"
        retry = {"x-should-retry": soon, "Retry-After": str(seconds), "retry-after-ms": str(wall.wait_ms)}
    return _response(429, body, request_id, {**retry, **dict(wall.shown.headers())})


def _repeated(error: RepeatedError, request_id: str) -> web.Response:
    details: dict[str, object] = {"request_id": error.request_id}
    if error.repeat is Repeat.USED:
        details |= {"charge": error.charge, "unit": error.unit}
    body = error_body(
        REPEATS[error.repeat],
        type="invalid_request_error",
        code=error.repeat.value,
        param="Idempotency-Key",
        details=details,
    )
    running = error.repeat is Repeat.IN_PROGRESS
    retry = {"x-should-retry": "true", "Retry-After": "1"} if running else {"x-should-retry": "false"}
    return _response(422 if error.repeat is Repeat.MISMATCH else 409, body, request_id, retry)


def _upstream_status(error: UpstreamStatusError, request_id: str) -> web.Response:
    kept = {"content-type", "retry-after", "retry-after-ms", "x-should-retry"}
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in error.headers
        if name.decode("latin-1") in kept
    }
    return web.Response(status=error.status, body=error.body, headers={**headers, "x-request-id": request_id})


def _response(status: int, body: bytes, request_id: str, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=body,
        headers={"Content-Type": "application/json", "x-request-id": request_id, **headers},
    )


def parts_of(response: web.Response) -> tuple[bytes, bytes]:
    """Return the header lines of a response that was not sent, and its body."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in response.headers.items() if name != "Content-Length"])
    assert isinstance(response.body, bytes)
    return lines.encode("latin-1"), response.body


def timestamp(milliseconds: int) -> str:
    """Return RFC 3339 in UTC with microseconds and Z."""
    moment = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
