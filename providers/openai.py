"""Any provider that speaks OpenAI's format: OpenAI, Azure v1, Groq, Mistral, DeepSeek, vLLM, llama.cpp, and others."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from config.catalog import ModelSpec
from config.settings import ProviderSettings
from providers.transport import Origin, Transport, Upstream

PORTS = {"http": 80, "https": 443}


class OpenAIAdapter:
    """Sends the body as it is, with the provider's key."""

    kind = "openai"

    def __init__(self, settings: ProviderSettings, transport: Transport) -> None:
        url = urlsplit(settings.base_url or "")
        self._transport = transport
        self._origin = Origin(url.scheme, url.hostname or "", url.port or PORTS[url.scheme])
        self._path = url.path.rstrip("/")
        self._common = "".join(
            f"{name}: {value}\r\n"
            for name, value in (
                ("Host", url.netloc.rpartition("@")[2]),
                *((("Authorization", f"Bearer {settings.api_key}"),) if settings.api_key else ()),
                ("Content-Type", "application/json"),
                ("Accept", "application/json, text/event-stream"),
                ("Accept-Encoding", "identity"),  # the meter reads along
                ("User-Agent", "farebox"),
            )
        ).encode("latin-1")
        self._heads: dict[str, bytes] = {}

    def open(self, path: str, spec: ModelSpec, body: bytes, *, on_send: Callable[[], None]) -> Awaitable[Upstream]:
        """Send a request; see ``providers.adapter.Adapter``."""
        del spec  # the model is in the body
        head = self._heads.get(path)
        if head is None:
            head = f"POST {self._path}/{path} HTTP/1.1\r\n".encode("latin-1") + self._common + b"Content-Length: "
            self._heads[path] = head
        return self._transport.open(self._origin, b"%b%d\r\n\r\n" % (head, len(body)), body, on_send=on_send)
