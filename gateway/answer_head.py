"""The header lines of an answer that is relayed."""

from metering.hold import Hold
from providers.adapter import Answer

# Headers of an upstream that concern the client; all others name our account there, or its machinery.
KEPT_HEADERS = {
    **{name: name for name in (b"content-type", b"openai-version", b"openai-processing-ms")},
    b"x-request-id": b"x-upstream-request-id",
}


def head_of(hold: Hold, answer: Answer) -> bytes:
    """Return the header lines of a response: what concerns the client of the upstream's, and ours."""
    lines = [b"x-request-id: %b\r\n" % hold.request_id.encode()]
    for name, value in answer.headers:
        if name in KEPT_HEADERS:
            lines.append(b"%b: %b\r\n" % (KEPT_HEADERS[name], value))
    if hold.limit is not None:
        lines.append(b"x-farebox-clamped-to: %d\r\n" % hold.limit)
    if hold.shown is not None:
        lines += [f"{name}: {value}\r\n".encode() for name, value in hold.shown.headers()]
    return b"".join(lines)
