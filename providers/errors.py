"""What can go wrong with an upstream.

    ProviderError
    ├── UpstreamUnreachableError   nothing was sent: name, refusal, TLS, proxy, time-out, none free
    ├── UpstreamGoneError          sent, and the connection ended before the answer did
    ├── UpstreamTimeoutError       sent, then silence for longer than ``idle_seconds_max``
    ├── UpstreamProtocolError      sent, and what came back is not HTTP/1.1, or has a head that is too large
    ├── UpstreamTooLargeError      sent, and the body is larger than the caller takes
    └── UpstreamStatusError        answered, with a status that is no success

``str()`` is for logs: it may name internal hosts, so it is never sent to a client; ``for_clients`` is.
"""


class ProviderError(Exception):
    """An upstream did not do what it was asked."""

    for_clients = "The provider failed."


class UpstreamUnreachableError(ProviderError):
    """No byte of the request was sent, so it may be tried elsewhere at no cost."""

    for_clients = "The provider can't be reached; nothing was sent to it."


class UpstreamGoneError(ProviderError):
    """The connection ended before the answer did; what the upstream did is unknown."""

    for_clients = "The provider ended the connection before its answer was complete."

    def __init__(self, reason: str, *, received: bytes = b"") -> None:
        super().__init__(reason)
        self.received = received
        """What ``read()`` had of the body; empty elsewhere, since ``chunk()`` has handed it out before."""


class UpstreamTimeoutError(ProviderError):
    """The request was sent and nothing moved for ``idle_seconds_max``."""

    for_clients = "The provider did not answer in time."


class UpstreamProtocolError(ProviderError):
    """What came back is no HTTP/1.1 that we understand, or its head is too large."""

    for_clients = "The provider's answer is not valid HTTP."


class UpstreamTooLargeError(ProviderError):
    """The body is larger than ``bytes_max``."""

    for_clients = "The provider's answer is too large."

    def __init__(self, *, bytes_max: int) -> None:
        super().__init__(f"the answer is larger than {bytes_max} bytes")
        self.bytes_max = bytes_max


class UpstreamStatusError(ProviderError):
    """The upstream refused: its status, its headers (names in lower case) and its body, whole."""

    def __init__(self, *, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__(f"the upstream answered {status}")
        self.status = status
        self.headers = headers
        self.body = body
