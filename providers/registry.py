"""Provider name -> adapter, built once."""

from collections.abc import Awaitable, Callable
from typing import assert_never

from config.catalog import ModelSpec
from config.settings import ProviderSettings, Settings
from providers.adapter import Adapter
from providers.openai import OpenAIAdapter
from providers.simulated import SimulatedAdapter
from providers.transport import Transport


class Registry:
    """The configured providers."""

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        *,
        count_prompt: Callable[[bytes, ModelSpec], Awaitable[int]],
    ) -> None:
        self._adapters = {
            name: _build(provider, transport, count_prompt) for name, provider in settings.providers.items()
        }

    def adapter(self, name: str) -> Adapter:
        """Return a provider's adapter."""
        return self._adapters[name]


def _build(
    provider: ProviderSettings,
    transport: Transport,
    count_prompt: Callable[[bytes, ModelSpec], Awaitable[int]],
) -> Adapter:
    match provider.kind:
        case "openai":
            return OpenAIAdapter(provider, transport)
        case "simulated":
            return SimulatedAdapter(count_prompt=count_prompt)
        case _:
            assert_never(provider.kind)
