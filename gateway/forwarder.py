"""From a plan to an open upstream: the models that may answer, tried in order until one does."""

import structlog

from config.catalog import Catalog, ModelSpec
from metering.hold import Hold
from providers.adapter import Answer
from providers.errors import ProviderError, UpstreamStatusError
from providers.registry import Registry
from providers.wire.chat import ChatRequest, encode_upstream

log = structlog.get_logger()
ERROR_BODY_BYTES_MAX = 1_048_576
# Another model may do better on these; any other status is about the request itself.
OK, MULTIPLE_CHOICES = 200, 300
RETRIABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class Forwarder:
    """Opens the upstream of a chat request."""

    def __init__(self, catalog: Catalog, registry: Registry) -> None:
        self._catalog = catalog
        self._registry = registry

    def plan(self, spec: ModelSpec) -> tuple[ModelSpec, ...]:
        """Return the models that may answer: the one asked for, then its fallbacks."""
        if not spec.fallbacks:
            return (spec,)
        return (spec, *(self._catalog.resolve(name) for name in spec.fallbacks))

    def open(self, chat: ChatRequest, hold: Hold) -> "Opening":
        """Open a successful answer; on leaving, the upstream is closed at once.

        Nothing has reached the client yet, so a failure may still be answered by a fallback, under the same hold.
        Entering raises ProviderError, with an UpstreamStatusError for any status but 2xx.
        """
        return Opening(self._registry, chat, hold)


class Opening:
    """``async with forwarder.open(chat, hold) as answer``."""

    __slots__ = ("_answer", "_chat", "_hold", "_registry")

    def __init__(self, registry: Registry, chat: ChatRequest, hold: Hold) -> None:
        self._registry = registry
        self._chat = chat
        self._hold = hold

    async def __aenter__(self) -> Answer:
        hold, candidates = self._hold, self._hold.order.candidates
        for place, spec in enumerate(candidates):
            hold.spec = spec
            try:
                self._answer = await self._try(spec)
            except ProviderError as error:
                final = isinstance(error, UpstreamStatusError) and error.status not in RETRIABLE
                if final or place == len(candidates) - 1:
                    raise
                hold.attempts.append({"model": spec.name, "provider": spec.provider, "error": str(error)[:500]})
                log.warning("fallback", request_id=hold.request_id, model=spec.name, error=str(error))
            else:
                return self._answer
        raise AssertionError("a plan has at least one model")

    async def __aexit__(self, *_: object) -> None:
        self._answer.close()

    async def _try(self, spec: ModelSpec) -> Answer:
        hold = self._hold
        body = encode_upstream(self._chat, model=spec.upstream_model, limit=hold.limit, force_usage=True)
        if hold.syncs:
            await hold.durable()
        adapter = self._registry.adapter(spec.provider)
        answer = await adapter.open("chat/completions", spec, body, on_send=hold.forwarding)
        if OK <= answer.status < MULTIPLE_CHOICES:
            return answer
        try:
            refusal = await answer.read(ERROR_BODY_BYTES_MAX)
        finally:
            answer.close()
        raise UpstreamStatusError(status=answer.status, headers=answer.headers, body=refusal)
