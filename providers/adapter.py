"""What a provider is to the gateway: something that opens an answer to an encoded request."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from config.catalog import ModelSpec


class Answer(Protocol):
    """An answer whose head is complete. ``providers.transport.Upstream`` is one."""

    status: int
    headers: list[tuple[bytes, bytes]]

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header, named in lower case."""

    async def read(self, bytes_max: int) -> bytes:
        """Return the whole body. Raises ProviderError."""

    async def chunk(self) -> bytes:
        """Return what has arrived, waiting for it; empty at the proper end. Raises ProviderError."""

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand what arrives to ``sink`` until it returns False (return that), or the proper end (return True).

        Raises ProviderError. The sink must not raise, and returns False at once when it can't take more.
        """

    def ready(self) -> bytes | None:
        """Return the same without waiting; None when nothing is there yet."""

    def close(self) -> None:
        """Stop at once if it is not complete; harmless twice."""


class Adapter(Protocol):
    """One configured provider."""

    kind: str

    def open(self, path: str, spec: ModelSpec, body: bytes, *, on_send: Callable[[], None]) -> Awaitable[Answer]:
        """Send ``body`` to the provider's ``path`` ("chat/completions"); return its answer, of any status.

        ``on_send`` is called right before the first byte leaves; if it raises, nothing is sent.
        Raises ProviderError.
        """
