"""Upstream to client, with the tally reading along.

Both relays return only when the client has everything; the usage is recorded before its last byte. ``Relay`` knows
how the answer ended, for whoever has to record it when a relay does not return.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog

from gateway.answer_head import head_of
from gateway.errors import ApiError
from gateway.exchange import Exchange
from gateway.stream_end import error_event, has_usage, last_events, read_to_end
from metering.core.settlement import Status
from metering.core.tally import CompletionTally, partial_text
from metering.core.usage import outcome_of
from metering.core.words import tally_of
from metering.counter import TokenCounter
from metering.hold import Hold
from providers.adapter import Answer
from providers.errors import ProviderError, UpstreamGoneError, UpstreamTooLargeError
from providers.wire.answers import decode_chunk, decode_response
from providers.wire.chat import ChatRequest
from providers.wire.sse import SseEvent, SseSplitter

log = structlog.get_logger()
WATCH_TOKENS = 256
COUNT_BYTES_MAX = 16_384  # longer answers may be counted in a thread
EVENT_BYTES_MAX = 8_388_608  # an image in base64; longer events are relayed and not read
CLIENT_GONE = (asyncio.CancelledError, ConnectionResetError)
DONE = b"[DONE]"
STREAM_HEAD = b"cache-control: no-cache\r\nx-accel-buffering: no\r\n"


@dataclass(slots=True, kw_only=True)
class Relay:
    """One answer on its way to the client."""

    exchange: Exchange
    chat: ChatRequest
    hold: Hold
    counter: TokenCounter
    tally: CompletionTally
    body_bytes_max: int
    charge_comment: bool
    produced: bool = False  # a choice was seen: from then on the upstream may bill for the prompt
    complete: bool = False  # the answer is whole: what the upstream reports is final
    status: Status = Status.CLIENT_GONE
    last_byte_at: float = 0.0  # the upstream's last byte was read (time.perf_counter)
    first_byte_at: float = 0.0  # our first byte was written
    _first_chunk: bytes = b""
    _watch_at: int = 0
    _splitter: SseSplitter = field(init=False)  # of a stream
    _left: Sequence[SseEvent] = ()  # came, and not tallied yet
    _unsent: bytes = b""  # tallied, and not written yet
    _error: Exception | None = None
    _due_tokens: int | None = None  # they were noted, and whether the hold covers them is to be looked at

    def record(self) -> int:
        """Charge what was produced, as far as it is known."""
        tally, spec, order = self.tally, self.hold.spec, self.hold.order
        counted = tally.count()
        outcome = outcome_of(
            tally.reported if self.complete or len(tally.finish_reasons) >= order.choices else None,
            status=self.status,
            prompt=order.prompt_tokens,
            counted_completion=counted,
            completion_max=order.choices * (spec.context_tokens + order.completion_max),
            context_tokens=spec.context_tokens,
            service_tier=tally.service_tier,
            units=tally.charged_units(),
        )
        return self.hold.record(outcome)

    def run(self, answer: Answer) -> Coroutine[None, None, None]:
        """Relay an answer, streamed or whole, as it came."""
        if self.hold.spec is not self.hold.order.spec:
            spec = self.hold.spec  # a fallback may count, and be charged, otherwise
            self.tally = tally_of(self.counter.encoder(spec.encoding), spec)
        if self.chat.stream and (answer.header(b"content-type") or b"").startswith(b"text/event-stream"):
            return self._stream(answer)
        return self._whole(answer)

    async def _whole(self, answer: Answer) -> None:
        body = await self._read_whole(answer)
        response = decode_response(body)
        if response is None or not response.choices:
            if response is not None and response.has_error:
                # An error inside a 200: nothing was produced, and the client is told what the provider said.
                self.exchange.answer(502, head_of(self.hold, answer), body)
                return
            self.status = Status.UPSTREAM_GONE
            self._read_part(body)
            raise ApiError(
                502,
                "The provider's answer is no chat completion.",
                kind="server_error",
                code="upstream_error",
            )
        self.produced = True
        self.tally.add_response(response)
        if len(body) > COUNT_BYTES_MAX:
            await self.counter.count_tally(self.tally)
        self.complete, self.status = True, Status.COMPLETED
        charge = self.record()
        if self.hold.syncs:
            await self.hold.durable()
        self.first_byte_at = time.perf_counter()
        ours = b"x-farebox-charged: %d\r\nx-farebox-available: %d\r\n" % (charge, self.hold.available)
        self.exchange.answer(200, head_of(self.hold, answer) + ours, body)

    async def _read_whole(self, answer: Answer) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            while True:
                data = answer.ready()
                if data is None:
                    data = await answer.chunk()
                if not data:
                    break
                pieces.append(data)
                size += len(data)
                if size > self.body_bytes_max:
                    raise UpstreamTooLargeError(bytes_max=self.body_bytes_max)
        except (ProviderError, *CLIENT_GONE):
            self._read_part(b"".join(pieces))
            raise
        self.last_byte_at = time.perf_counter()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_part(self, body: bytes) -> None:
        """Count what can be read of an answer that was cut, so that it is charged and no more."""
        text = partial_text(body)
        if text:
            self.produced = True
            chunk = decode_chunk(msgspec.json.encode({"choices": [{"index": 0, "delta": {"content": text}}]}))
            assert chunk is not None
            self.tally.add_chunk(chunk)

    async def _stream(self, answer: Answer) -> None:
        available = b"x-farebox-available: %d\r\n" % self.hold.available_after_reserve
        await self.exchange.begin(head_of(self.hold, answer) + STREAM_HEAD + available)
        self.first_byte_at = time.perf_counter()
        self._splitter = SseSplitter(event_bytes_max=EVENT_BYTES_MAX, learns=True)
        self._watch_at = 0 if not self.hold.at_bound else WATCH_TOKENS
        try:
            await self._events(answer)
        except ProviderError as error:
            self.status = Status.UPSTREAM_GONE
            answer.close()
            self._settle()
            log.warning("upstream_failed", request_id=self.hold.request_id, error=str(error))
            await self.exchange.end(error_event(error.for_clients))
        except BaseException:
            while events := self._next():  # it was read, so it is charged
                for event in events:
                    self._tallied(event)
            raise
        if self.complete:
            await read_to_end(answer)

    async def _events(self, answer: Answer) -> None:
        while not await answer.pump(self._take):
            if await self._caught_up(answer):
                return
        if not (self.tally.finish_reasons or self.tally.reported):
            raise UpstreamGoneError("the stream ended without an end")
        self._completed()
        await self.exchange.end(self._splitter.rest())

    def _take(self, data: bytes) -> bool:
        """Tally and relay what came; return False as soon as something has to be waited for."""
        self.last_byte_at = time.perf_counter()
        try:
            self._left = self._splitter.feed(data, run_bytes_max=self._run_bytes_max)
            return self.last_byte_at <= self.hold.relay_until and self._advance()
        except Exception as error:  # noqa: BLE001 - raised where the request is served, not in the event loop's callback
            self._error = error
            return False

    @property
    def _run_bytes_max(self) -> int:
        """How much text may be tallied at once before the tally is to be looked at."""
        return self._watch_at - self.tally.ceiling - 1

    def _next(self) -> Sequence[SseEvent]:
        """Return the next of the events that came, until there are none."""
        events, self._left = self._left, ()
        return events or self._splitter.feed(b"", run_bytes_max=self._run_bytes_max)

    def _advance(self) -> bool:
        """Tally and relay events without waiting; return whether that were all."""
        out: list[bytes] = []
        while (events := self._next()) and self._go_over(events, out):
            pass
        data = out[0] if len(out) == 1 else b"".join(out)
        if data and not self.exchange.try_write(data):
            self._unsent = data
            return False
        return not self._left and self._due_tokens is None

    def _go_over(self, events: Sequence[SseEvent], out: list[bytes]) -> bool:
        """Tally events, and add what is relayed of them to ``out``; return whether none of them is to be waited at."""
        for place, event in enumerate(events):
            if event.data == DONE:
                self._left = events[place:]
                return False
            if self._tallied(event):
                out.append(event.raw)
            if self.tally.ceiling >= self._watch_at or time.monotonic() >= self.hold.note_at:
                # Noted before it is relayed: what a client has, its dead gateway's journal must account for.
                self._due_tokens = self.tally.running()
                self.hold.note(self._due_tokens)
                self._left = events[place + 1 :]
                return False
        return True

    async def _caught_up(self, answer: Answer) -> bool:
        """Wait for what ``_advance`` stopped at; return whether the stream has ended, properly or at its hold."""
        if self._error is not None:
            raise self._error
        if self.last_byte_at > self.hold.relay_until:
            await self.hold.wake()
        while True:
            if self._unsent:
                unsent, self._unsent = self._unsent, b""
                await self.exchange.write(unsent)
            if self._due_tokens is not None:
                tokens, self._due_tokens = self._due_tokens, None
                if not await self._covered(tokens):
                    answer.close()  # at once: what it goes on to produce, nobody would pay
                    self.status = Status.CUT_OFF
                    self._settle()
                    await self.exchange.end(self._proper_end())
                    return True
            self._left = self._next()
            if not self._left:
                return False
            if self._left[0].data == DONE:
                charge = self._completed()
                if self.hold.syncs:
                    await self.hold.durable()
                last = [later.raw for later in self._left]
                await self.exchange.end(self._comment(charge) + b"".join(last) + self._splitter.rest())
                return True
            self._advance()

    def _tallied(self, event: SseEvent) -> bool:
        """Read an event; return whether it is relayed: all are, but usage that the client did not ask for."""
        if event.content is not None:
            self.tally.add_content(*event.content)
            return True
        data = event.data
        chunk = None if data is None else decode_chunk(data)
        if data is None or chunk is None:
            return True
        self.tally.add_chunk(chunk)
        if chunk.choices:
            self.produced = True
            self._first_chunk = self._first_chunk or data
            self._splitter.learn(event, chunk)
            return True
        return self.chat.include_usage or not has_usage(data)

    def _completed(self) -> int | None:
        self.complete, self.status = True, Status.COMPLETED
        return self._settle()

    async def _covered(self, tokens: int) -> bool:
        """Return whether the hold still covers what was tallied. Sets when to look again."""
        if not await self.hold.covers(tokens):
            return False
        left = self.hold.tokens_to_note(tokens)
        if not self.hold.at_bound:
            left = min(left, self.hold.tokens_left(tokens))
        self._watch_at = self.tally.ceiling + max(1, left)
        return True

    def _settle(self) -> int | None:
        """Charge what was produced, or nothing where nothing was."""
        return self.record() if self.produced or self.tally.reported else None

    def _comment(self, charge: int | None) -> bytes:
        if charge is None or not self.charge_comment:
            return b""
        return b": farebox charged=%d available=%d\n\n" % (charge, self.hold.available)

    def _proper_end(self) -> bytes:
        """Return what ends a stream that its hold no longer covers: a last chunk, usage when asked for, [DONE]."""
        unfinished = [index for index in range(self.chat.n) if index not in self.tally.finish_reasons]
        usage = (self.hold.order.prompt_tokens, self.tally.count()) if self.chat.include_usage else None
        last = last_events(self._first_chunk, unfinished, usage)
        return last + self._comment(self.hold.charge) + b"data: [DONE]\n\n"
