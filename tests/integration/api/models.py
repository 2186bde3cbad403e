"""Models in the settings of a gateway, for tests of what they cost."""

from dataclasses import replace

from config.settings import Settings


def models_of_openai(settings: Settings, *names: str) -> Settings:
    """Return settings with models of OpenAI."""
    openai = replace(settings.providers["simulated"], name="openai", kind="openai", base_url="http://127.0.0.1:9/v1")
    model = settings.models["simulated"]
    made = {name: replace(model, name=name, upstream_model=name, provider="openai") for name in names}
    return replace(settings, providers={**settings.providers, "openai": openai}, models={**settings.models, **made})
