"""From a plan to an open upstream: the models that may answer, tried in order until one does."""

from http import HTTPStatus

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

    def open(self, chat: ChatRequest, hold: Hold) -> "AnswerContext":
        """Open a successful answer; on leaving, the upstream is closed at once.

        Nothing has reached the client yet, so a failure may still be answered by a fallback, under the same hold.
        Entering raises ProviderError, with an UpstreamStatusError for any status but 2xx.
        """
        return AnswerContext(self, chat, hold)

    async def answer(self, chat: ChatRequest, hold: Hold) -> Answer:
        """Return the first successful answer; see ``open``."""
        candidates = hold.order.candidates
        for place, spec in enumerate(candidates):
            hold.spec = spec
            try:
                return await self._try(chat, spec, hold)
            except ProviderError as error:
                final = isinstance(error, UpstreamStatusError) and error.status not in RETRIABLE
                if final or place == len(candidates) - 1:
                    raise
                hold.attempts.append({"model": spec.name, "provider": spec.provider, "error": str(error)[:500]})
                log.warning("fallback", request_id=hold.request_id, model=spec.name, error=str(error))
        raise AssertionError("a plan has at least one model")

    async def _try(self, chat: ChatRequest, spec: ModelSpec, hold: Hold) -> Answer:
        body = encode_upstream(chat, model=spec.upstream_model, limit=hold.limit, force_usage=True)
        await hold.durable()
        adapter = self._registry.adapter(spec.provider)
        answer = await adapter.open("chat/completions", spec, body, on_send=hold.forwarding)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        try:
            refusal = await answer.read(ERROR_BODY_BYTES_MAX)
        finally:
            answer.close()
        raise UpstreamStatusError(status=answer.status, headers=answer.headers, body=refusal)


class AnswerContext:
    """``async with forwarder.open(chat, hold) as answer``."""

    __slots__ = ("_answer", "_chat", "_forwarder", "_hold")

    def __init__(self, forwarder: Forwarder, chat: ChatRequest, hold: Hold) -> None:
        self._forwarder = forwarder
        self._chat = chat
        self._hold = hold

    async def __aenter__(self) -> Answer:
        self._answer = await self._forwarder.answer(self._chat, self._hold)
        return self._answer

    async def __aexit__(self, *_: object) -> None:
        self._answer.close()
