"""A provider whose answers come as a test lets them come, with two models: one waits in mid-stream, one fails."""

from typing import Any

from tests.browser.loops import Loop
from tests.fakes.upstream import DONE, Gate, ScriptedUpstream, answer, delta, stream, usage_event

# Its models are behind "simulated" in the alphabet, which stays the one that the pages begin with; it has the name of a
# provider whose prices are published.
MODELS = """
[providers.mistral]
kind = "openai"
base_url = "{url}"
api_key_env = ""

[models.slowly]
provider = "mistral"
upstream_model = "mistral-small-latest"
max_completion_tokens = 400

[models.stumbling]
provider = "mistral"
fallbacks = ["simulated"]
rates = {{ prompt = 1, cached = 0.5, completion = 2.5 }}
"""
FAILURE = b'{"error": {"message": "no model is free", "type": "server_error"}}'


class Provider:
    """The provider, with the configuration of its models."""

    def __init__(self) -> None:
        self._loop = Loop()
        self._upstream = ScriptedUpstream()
        self._loop.run(self._upstream.__aenter__())
        self.config = MODELS.format(url=self._upstream.url)

    def say(self, *words: str, then: tuple[str, ...], used: tuple[int, int]) -> "Pause":
        """Answer the next request with some words, and with the others after the pause; it used so many tokens."""
        pause = Pause(self._loop)
        last = (*(delta(word) for word in then), delta(finish="stop"), usage_event(*used), DONE)
        self._loop.call(self._upstream.play, stream(*(delta(word) for word in words), pause.gate, *last))
        return pause

    def fail(self) -> None:
        """Refuse the next request."""
        self._loop.call(self._upstream.play, answer(FAILURE, status=500))

    @property
    def last_asked(self) -> Any:
        """What was asked of it last."""
        return self._upstream.last.json

    def close(self) -> None:
        """Leave nothing running."""
        self._loop.run(self._upstream.__aexit__(None, None, None))
        self._loop.close()


class Pause:
    """A place in an answer where it waits."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.gate = loop.call(Gate)

    def end(self) -> None:
        """Let the answer go on."""
        self._loop.call(self.gate.open)
